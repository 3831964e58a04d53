"""NTFS's boot sector: sizes of sectors, clusters and records, and where the MFT and its mirror begin.

Sources: Linux-NTFS project documentation, "$Boot"; [MS-FSCC] 2.5; Carrier, *File System Forensic Analysis*, ch. 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["NtfsGeometry", "load_boot", "parse_boot"]

_SECTOR: Final = 512
_RECORD_SIZES: Final = (512, 1024, 2048, 4096)
_MAX_CLUSTER: Final = 2 << 20  # Windows 10 1709 and later format clusters of up to 2 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class NtfsGeometry:
    """Sizes and places in bytes; ``total`` is the file system's length without its backup boot sector."""

    sector: int
    cluster: int
    record: int
    index: int
    mft: int
    mirror: int
    total: int
    serial: str

    def describe(self) -> dict[str, Any]:
        """Return file system, block size and serial as a volume's row has them."""
        return {"file_system": "NTFS", "block_size": self.cluster, "serial": self.serial}


def _u(boot: bytes, at: int, size: int) -> int:
    return int.from_bytes(boot[at : at + size], "little")


def _sized(code: int, cluster: int) -> int:
    """Return the bytes of a record: clusters, or from 128 on the power 256 - code of two."""
    return 1 << (256 - code) if code >= 128 else code * cluster


def parse_boot(boot: bytes, size: int) -> NtfsGeometry:
    """Return the geometry that a boot sector states; ``size``, the volume's, bounds it.

    Raises:
        UnreadableError: the sector describes no NTFS.
    """
    if len(boot) < _SECTOR or boot[3:11] != b"NTFS    ":
        raise UnreadableError("no NTFS boot sector")
    sector, per = _u(boot, 11, 2), boot[13]
    per = 1 << (256 - per) if per > 128 else per
    cluster = sector * per
    if sector not in (512, 1024, 2048, 4096) or not per or per & (per - 1) or cluster > _MAX_CLUSTER:
        raise UnreadableError("NTFS boot sector: impossible sector or cluster size")
    record, index = _sized(boot[64], cluster), _sized(boot[68], cluster)
    if record not in _RECORD_SIZES:
        raise UnreadableError("NTFS boot sector: impossible record size")
    mft, mirror = _u(boot, 48, 8) * cluster, _u(boot, 56, 8) * cluster
    if max(mft, mirror) >= max(size, cluster):
        mft, mirror = (mft if mft < size else 0), (mirror if mirror < size else 0)
    return NtfsGeometry(
        sector=sector, cluster=cluster, record=record, index=index if 512 <= index <= 1 << 16 else 4096,
        mft=mft, mirror=mirror, total=min(_u(boot, 40, 8) * sector, size), serial=boot[72:80][::-1].hex().upper(),
    )  # fmt: skip


def load_boot(data: Readable) -> NtfsGeometry:
    """Return a volume's geometry from its first sector, or from the backup in its last one.

    Raises:
        UnreadableError: neither describes NTFS.
    """
    try:
        return parse_boot(data.read(0, _SECTOR), data.size)
    except UnreadableError:
        if data.size < 2 * _SECTOR:
            raise
        return parse_boot(data.read(data.size // _SECTOR * _SECTOR - _SECTOR, _SECTOR), data.size)
