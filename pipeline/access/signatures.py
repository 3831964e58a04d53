"""What a volume is, from its first bytes: file systems, encryption, volume managers. A table of data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable

__all__ = ["Signature", "recognise"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes at an offset that name a format; ``role`` is file-system, encryption, manager, container or unsupported.

    ``also`` are further bytes at another offset, where those of the name alone would be too few.
    """

    name: str
    offset: int
    magic: bytes
    role: str
    also: tuple[int, bytes] = (0, b"")


# Offsets and magics: the formats' own documents (Microsoft [MS-FSCC]/exFAT specification, LUKS1/2 on-disk format,
# libyal's format documents for BDE, FVDE, APFS, XFS, LVM, VSS; Apple's Inside Macintosh: Files (HFS); OpenZFS's vdev
# labels; linux/magic.h and the headers of the kernel, of util-linux's libblkid and of FreeBSD for the others).
SIGNATURES: Final = (
    Signature("BitLocker", 3, b"-FVE-FS-", "encryption"),
    Signature("BitLocker", 3, b"MSWIN4.1", "bitlocker-to-go"),
    Signature("LUKS1", 0, b"LUKS\xba\xbe\x00\x01", "encryption"),
    Signature("LUKS2", 0, b"LUKS\xba\xbe\x00\x02", "encryption"),
    Signature("FileVault", 88, b"CS", "encryption", (8, b"\x01\x00\x10\x00")),
    Signature("NTFS", 3, b"NTFS    ", "file-system"),
    Signature("exFAT", 3, b"EXFAT   ", "file-system"),
    Signature("ReFS", 3, b"ReFS\x00\x00\x00\x00", "unsupported"),
    Signature("XFS", 0, b"XFSB", "file-system"),
    Signature("squashfs", 0, b"hsqs", "unsupported"),
    Signature("squashfs", 0, b"sqsh", "unsupported"),
    Signature("cramfs", 0, b"\x45\x3d\xcd\x28", "unsupported"),
    Signature("romfs", 0, b"-rom1fs-", "unsupported"),
    Signature("UBI", 0, b"UBI#", "unsupported"),
    Signature("UBIFS", 0, b"\x31\x18\x10\x06", "unsupported"),
    Signature("VDO", 0, b"dmvdo001", "unsupported"),
    Signature("BlueStore", 0, b"bluestore block device", "unsupported"),
    Signature("APFS", 32, b"NXSB", "container"),
    Signature("Stratis", 0x200, b"!Stra0tis\x86\xff\x02^", "unsupported"),
    Signature("LVM", 0x18, b"LVM2 001", "manager", (0, b"LABELONE")),
    Signature("LVM", 0x218, b"LVM2 001", "manager"),
    Signature("LVM", 0x418, b"LVM2 001", "manager", (0x400, b"LABELONE")),
    Signature("LVM", 0x618, b"LVM2 001", "manager", (0x600, b"LABELONE")),
    Signature("BeFS", 0x220, b"1SFB", "unsupported"),
    Signature("HFS+", 1024, b"H+", "file-system"),
    Signature("HFSX", 1024, b"HX", "file-system"),
    Signature("HFS", 1024, b"BD", "unsupported", (1024 + 14, b"\x00\x03")),
    Signature("journal of an ext volume", 1024 + 0x38, b"\x53\xef", "unsupported", (1024 + 96, b"\x08\x00\x00\x00")),
    Signature("ext", 1024 + 0x38, b"\x53\xef", "file-system"),
    Signature("btrfs", 0x10040, b"_BHRfS_M", "unsupported"),
    Signature("F2FS", 1024, b"\x10\x20\xf5\xf2", "unsupported"),
    Signature("erofs", 1024, b"\xe2\xe1\xf5\xe0", "unsupported"),
    Signature("VxFS", 1024, b"\xf5\xfc\x01\xa5", "unsupported"),
    Signature("NILFS2", 1024, b"\x02\x00\x00\x00\x00\x00\x34\x34", "unsupported"),
    Signature("swap", 4086, b"SWAPSPACE2", "unsupported"),
    Signature("swap", 4086, b"SWAP-SPACE", "unsupported"),
    Signature("swap", 65526, b"SWAPSPACE2", "unsupported"),
    Signature("swap (hibernated)", 4086, b"S1SUSPEND", "unsupported"),
    Signature("bcachefs", 4096 + 24, bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef"), "unsupported"),
    Signature("bcache", 4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), "unsupported"),
    Signature("OCFS2", 0x2000, b"OCFSV2", "unsupported"),
    Signature("HPFS", 0x2000, b"\x49\xe8\x95\xf9", "unsupported"),
    Signature("UFS1", 8192 + 1372, b"\x54\x19\x01\x00", "unsupported"),
    Signature("UFS1", 8192 + 1372, b"\x00\x01\x19\x54", "unsupported"),
    Signature("UFS2", 65536 + 1372, b"\x19\x01\x54\x19", "unsupported"),
    Signature("UFS2", 65536 + 1372, b"\x19\x54\x01\x19", "unsupported"),
    Signature("JFS", 0x8000, b"JFS1", "unsupported"),
    Signature("ReiserFS", 0x10034, b"ReIsEr", "unsupported"),
    Signature("ReiserFS", 0x2034, b"ReIsEr", "unsupported"),
    Signature("Reiser4", 0x10000, b"ReIsEr4", "unsupported"),
    Signature("GFS2", 0x10000, b"\x01\x16\x19\x70", "unsupported"),
    Signature("ISO9660", 0x8001, b"CD001", "file-system"),
    Signature("UDF", 0x8001, b"BEA01", "file-system"),
    Signature("LUKS2", 0x4000, b"SKUL\xba\xbe\x00\x02", "encryption"),
    Signature("Windows LDM", 512, b"PRIVHEAD", "unsupported"),
    Signature("ZFS", 0x4000 + 24, b"\x00\x00\x00\x07version", "unsupported"),
    Signature("ZFS", 0x20000, b"\x0c\xb1\xba\x00\x00\x00\x00\x00", "unsupported"),
    Signature("ZFS", 0x20000, b"\x00\x00\x00\x00\x00\xba\xb1\x0c", "unsupported"),
    Signature("VMFS", 0x100000, b"\x0d\xd0\x01\xc0", "unsupported"),
    Signature("minix", 1040, b"\x7f\x13", "unsupported", (1034, b"\x00\x00")),
    Signature("minix", 1040, b"\x8f\x13", "unsupported", (1034, b"\x00\x00")),
    Signature("minix", 1040, b"\x68\x24", "unsupported", (1034, b"\x00\x00")),
    Signature("minix", 1040, b"\x78\x24", "unsupported", (1034, b"\x00\x00")),
    Signature("minix", 1048, b"\x5a\x4d", "unsupported", (1036, b"\x00\x00")),
)
_BDE_GUID_AT: Final = 424
_BDE_GUID: Final = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_HEAD: Final = 0x20100


def recognise(data: Readable) -> Signature | None:
    """Return what the volume is, or None where nothing is known; FAT, which has no magic, is the caller's question."""
    return next(_matches(data), None)


def _matches(data: Readable) -> Iterator[Signature]:
    head = data.read(0, min(data.size, _HEAD))
    for signature in SIGNATURES:
        if not _stands(data, head, signature.offset, signature.magic) or not _stands(data, head, *signature.also):
            continue
        if signature.role != "bitlocker-to-go":
            yield signature
        elif head[_BDE_GUID_AT : _BDE_GUID_AT + 16] == _BDE_GUID:
            yield Signature("BitLocker To Go", 3, signature.magic, "encryption")


def _stands(data: Readable, head: bytes, offset: int, magic: bytes) -> bool:
    if offset + len(magic) <= _HEAD:
        return head[offset : offset + len(magic)] == magic
    return offset + len(magic) <= data.size and data.read(offset, len(magic)) == magic
