"""Type of content by its signature.

Sources: ISO 10918-1 B.1 (JPEG), W3C PNG §5.2, GIF89a §17, TIFF 6.0 §2, ISO 32000-1 §7.5.2, PKWARE APPNOTE 4.3,
RFC 1952 §2.3, SQLite file format §1.3, MS-CFB §2.2, MS-SHLLINK §2.1, System V ABI (ELF), PE format, POSIX ustar and
cpio, 7zFormat.txt, RAR technical note, LHA header levels 0-2, MS-CAB §2.1, ECMA-119 §8.1 (ISO 9660), ECMA-167 2/9.1
(UDF), MS-PST §2.2.2.6, Jet and ACE database headers, MS-OXTNEF §2.1.3.1, MS-ONESTORE §2.3.1, RFC 8878 (Zstandard),
LZ4 frame format, MS-EFSR §2.2.2 (what EFS writes before a file on FAT and exFAT), LUKS on-disk format, RFC 4880
§6.2 (armour), PO_MEMORY_IMAGE as ntoskrnl's symbols give it (hibernation), age-encryption.org/v1, Apache Parquet,
MS-VHDX §3.1, zisofs_format.txt (libisofs), MS-WMF §2.2.2.9 and the sizes of bitmap headers (BMP), RFC 9649 §2 (WebP).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["SIGNATURES", "refine_ole", "refine_zip", "type_of"]

SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (8, b"WEBPVP8", "webp"),
    (0, b"%PDF-", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07", "zisofs"),
    (0, b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0", "zisofs2"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole2"),
    (0, b"ElfFile\0", "evtx"),
    (0, b"ElfChnk\0", "evtx-chunk"),
    (0, b"hbin", "hbin"),
    (0, b"\x37\x7f\x06\x82\x00\x2d\xe2\x18", "sqlite-wal"),
    (0, b"\x37\x7f\x06\x83\x00\x2d\xe2\x18", "sqlite-wal"),
    (0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "sqlite-journal"),
    (0, b"regf", "regf"),
    (0, b"L\0\0\0\x01\x14\x02\0", "lnk"),
    (0, b"MAM\x04", "prefetch"),
    (0, b"MAM\x84", "prefetch"),
    (4, b"SCCA", "prefetch"),
    (0, b"\x7fELF", "elf"),
    (0, b"MZ", "pe"),
    (257, b"ustar", "tar"),
    (0, b"{\\rtf", "rtf"),
    (0, b"<?xml", "xml"),
    (0, b"From ", "mbox"),
    (0, b"MSCF\0\0\0\0", "cab"),
    (0, b"ISc(", "cab"),
    (32769, b"CD001", "iso"),
    (32769, b"BEA01", "iso"),
    (0, b"!BDN", "pst"),
    (0, b"\xcf\xad\x12\xfe", "dbx"),
    (0, b"\x78\x9f\x3e\x22", "tnef"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "onenote"),
    (4, b"Standard Jet DB\0", "access"),
    (4, b"Standard ACE DB\0", "access"),
    (4, b"\xef\xcd\xab\x89", "ese"),
    (15, b"HBAM7", "filemaker"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"\x5d\0\0", "lzma"),
    (0, b"LZIP\x01", "lzip"),
    (0, b"070701", "cpio"),
    (0, b"070707", "cpio"),
    (0, b"PAR1", "parquet"),
    (0, b"LUKS\xba\xbe", "luks"),
    (3, b"-FVE-FS-", "bitlocker"),
    (0, b"-----BEGIN PGP MESSAGE-----", "pgp"),
    (0, b"age-encryption.org/v1", "age"),
    (0, b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (0, b"Salted__", "openssl"),
    (0, b"AES\x01\0", "aescrypt"),
    (0, b"AES\x02\0", "aescrypt"),
    (0, b"MSWIM\0\0\0", "wim"),
    (0, b"vhdxfile", "disk-image"),
    (0, b"conectix", "disk-image"),
    (0, b"KDMV", "disk-image"),
    (0, b"QFI\xfb", "disk-image"),
    (0, b"EVF\x09\x0d\x0a\xff\0", "disk-image"),
)
"""(offset, literal, type), the first that fits wins."""

_COUNTED: Final = re.compile(rb"[0-9]{1,10} *\r?\n[a-z0-9-]{1,60}:[ \r\n]")
"""Apple Mail counts the bytes of a message in a line before it (.emlx)."""
_MAIL: Final = (b"return-path:", b"received:", b"from:", b"message-id:", b"mime-version:", b"delivered-to:")
_ENCODINGS: Final = ("utf-8", "cp932", "euc_jp")
_LHA: Final = re.compile(rb"..-(?:lh[0-9dx]|lz[s45]|pm[012])-", re.DOTALL)
_BZIP2: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")
_EFS: Final = re.compile(  # versions 1 to 3 with their list of keys at 84; 6 by its preamble
    rb"(?:.{4}\0{4}[\x01-\x03]\0{3}.{36}\0{16}\x54\0{3}|\.pfile\x02\0{3})", re.DOTALL
)
_HIBERNATION: Final = re.compile(
    rb"(?:HIBR|hibr|WAKE|wake|RSTR|rstr).{8}..\0\0(?:.{4}\0\x10\0\0|.{8}\0\x10\0\0)", re.DOTALL
)
_BITMAP: Final = re.compile(rb"BM.{4}\0{4}.{4}(?:[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3})", re.DOTALL)
_PATTERNS: Final = ((_BITMAP, "bmp"), (_LHA, "lzh"), (_BZIP2, "bzip2"), (_EFS, "efs"), (_HIBERNATION, "hibernation"))
_MARKUP: Final = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<meta", b"<!--")
_OLE: Final = (
    ("EncryptedPackage", "encrypted-office"), ("Workbook", "xls"), ("Book", "xls"), ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"), ("__properties_version1.0", "msg"),
    ("VisioDocument", "visio"), ("HwpSummaryInformation", "hwp"), ("BodyText", "hwp"),
)  # fmt: skip
_OFFICE: Final = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"), ("content.xml", "odt"))


def type_of(head: bytes, name: str = "") -> str:
    """Return the short type of content from its first bytes (4096 suffice); ``name`` decides mail and hibernation."""
    kind = "hibernation" if name.lower().endswith("/hiberfil.sys") else _signed(head)
    kind = "iwa" if not kind and name.lower().endswith(".iwa") and head[:1] == b"\0" else kind
    return kind or _worded(head, name)


def _signed(head: bytes) -> str:
    """Return the type whose signature stands at its place, nothing where there is none."""
    for offset, literal, kind in SIGNATURES:
        if head.startswith(literal, offset):
            return kind
    return next((kind for pattern, kind in _PATTERNS if pattern.match(head)), "")


def _worded(head: bytes, name: str) -> str:
    """Return the type of what begins with words."""
    start = _start(head)
    if _COUNTED.match(start):
        return "mail"
    if start.startswith(b"<?xml"):
        return "xml"
    if start.startswith(_MARKUP) or name.lower().endswith((".htm", ".html")):
        return "html"
    if start.startswith(_MAIL) or (name.lower().endswith(".eml") and b":" in start):
        return "mail"
    return "text" if _is_text(head) else "unknown"


def _start(head: bytes) -> bytes:
    """First characters in lower case as ASCII, whatever the Unicode form."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[: len(head) & ~1][:1024].decode("utf-16", "replace").encode("ascii", "replace")
    return head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()


def refine_zip(names: Iterable[str]) -> str:
    """Return the type of a ZIP by its directory (ECMA-376 part 2 §10.1.2; ODF 1.2 part 3 §3.2).

    A folder that happens to be called ``word`` makes no document: the package's own parts must be there too.
    """
    listed = sorted(names)
    package = "[Content_Types].xml" in listed or "META-INF/manifest.xml" in listed
    for prefix, kind in _OFFICE:
        if package and any(item.startswith(prefix) for item in listed):
            return kind
    return "zip"


def refine_ole(streams: Iterable[str]) -> str:
    """Return the type of a compound file by its streams (MS-XLS §2.1.2, MS-DOC §2.1, MS-PPT §2.1, MS-OXMSG §2.2.1)."""
    listed = set(streams)
    return next((kind for stream, kind in _OLE if stream in listed), "ole2")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if not head or any(byte < 32 and byte not in b"\t\n\x0c\r\x1b" for byte in head):
        return False
    return any(_decodes(head, encoding) for encoding in _ENCODINGS)


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head.decode(encoding)
    except UnicodeDecodeError as error:
        return len(head) > 8 and error.start >= len(head) - 4
    return True
