"""What a volume is, from its first bytes: file systems, encryption, volume managers. A table of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable

__all__ = ["Signature", "recognise"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes at an offset that name a format; ``role`` is file-system, encryption, manager or other."""

    name: str
    offset: int
    magic: bytes
    role: str


# Offsets and magics: the formats' own documents (Microsoft [MS-FSCC]/exFAT specification, LUKS1/2 on-disk format,
# libyal's format documents for BDE, FVDE, APFS, XFS, LVM, VSS; linux/magic.h and the kernels' headers for the others).
SIGNATURES: Final = (
    Signature("BitLocker", 3, b"-FVE-FS-", "encryption"),
    Signature("BitLocker", 3, b"MSWIN4.1", "bitlocker-to-go"),
    Signature("LUKS1", 0, b"LUKS\xba\xbe\x00\x01", "encryption"),
    Signature("LUKS2", 0, b"LUKS\xba\xbe\x00\x02", "encryption"),
    Signature("FileVault", 88, b"CS", "encryption"),
    Signature("NTFS", 3, b"NTFS    ", "file-system"),
    Signature("exFAT", 3, b"EXFAT   ", "file-system"),
    Signature("ReFS", 3, b"ReFS\x00\x00\x00\x00", "unsupported"),
    Signature("XFS", 0, b"XFSB", "file-system"),
    Signature("APFS", 32, b"NXSB", "container"),
    Signature("LVM", 0x218, b"LVM2 001", "manager"),
    Signature("HFS+", 1024, b"H+", "file-system"),
    Signature("HFSX", 1024, b"HX", "file-system"),
    Signature("ext", 1024 + 0x38, b"\x53\xef", "file-system"),
    Signature("btrfs", 0x10040, b"_BHRfS_M", "unsupported"),
    Signature("F2FS", 1024, b"\x10\x20\xf5\xf2", "unsupported"),
    Signature("ISO9660", 0x8001, b"CD001", "file-system"),
    Signature("UDF", 0x8001, b"BEA01", "unsupported"),
    Signature("swap", 4086, b"SWAPSPACE2", "unsupported"),
    Signature("md RAID", 4096, b"\xfc\x4e\x2b\xa9", "unsupported"),
    Signature("Windows LDM", 512, b"PRIVHEAD", "unsupported"),
    Signature("ZFS", 0x20000, b"\x0c\xb1\xba\x00\x00\x00\x00\x00", "unsupported"),
)
_BDE_GUID_AT: Final = 424
_BDE_GUID: Final = bytes.fromhex("3bd67b49292ed84a8399f6a339e3d001")


def recognise(data: Readable) -> Signature | None:
    """Return what the volume is, or None where nothing is known; FAT, which has no magic, is the caller's question."""
    head = data.read(0, min(data.size, 0x20100))
    for signature in SIGNATURES:
        if head[signature.offset : signature.offset + len(signature.magic)] != signature.magic:
            continue
        if signature.role == "bitlocker-to-go":
            if head[_BDE_GUID_AT : _BDE_GUID_AT + 16] != _BDE_GUID:
                continue
            return Signature("BitLocker To Go", 3, signature.magic, "encryption")
        return signature
    return None
