"""Type of content by its signature.

Sources: ISO 10918-1 B.1 (JPEG), W3C PNG §5.2, GIF89a §17, TIFF 6.0 §2, ISO 32000-1 §7.5.2, PKWARE APPNOTE 4.3,
RFC 1952 §2.3, SQLite file format §1.3, MS-CFB §2.2, MS-SHLLINK §2.1, System V ABI (ELF), PE format, POSIX ustar.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["SIGNATURES", "refine_zip", "type_of"]

SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"%PDF-", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole2"),
    (0, b"ElfFile\0", "evtx"),
    (0, b"regf", "regf"),
    (0, b"L\0\0\0\x01\x14\x02\0", "lnk"),
    (0, b"MAM\x04", "prefetch"),
    (4, b"SCCA", "prefetch"),
    (0, b"\x7fELF", "elf"),
    (0, b"MZ", "pe"),
    (257, b"ustar", "tar"),
    (0, b"{\\rtf", "rtf"),
    (0, b"<?xml", "xml"),
    (0, b"From ", "mail"),
)
"""(offset, literal, type), the first that fits wins."""

_MAIL: Final = (b"return-path:", b"received:", b"from:", b"message-id:", b"mime-version:", b"delivered-to:")
_ENCODINGS: Final = ("utf-8", "cp932", "euc_jp")
_OFFICE: Final = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"), ("content.xml", "odt"))


def type_of(head: bytes, name: str = "") -> str:
    """Return the short type of content from its first bytes (4096 suffice); ``name`` decides for mail only."""
    for offset, literal, kind in SIGNATURES:
        if head.startswith(literal, offset):
            return kind
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith(_MAIL) or (name.lower().endswith(".eml") and b":" in start):
        return "mail"
    return "text" if _is_text(head) else "unknown"


def refine_zip(names: Iterable[str]) -> str:
    """Return the type of a ZIP by its directory (ECMA-376 part 2; ODF 1.2 part 3)."""
    listed = sorted(names)
    for prefix, kind in _OFFICE:
        if any(item.startswith(prefix) for item in listed):
            return kind
    return "zip"


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
