"""Documents: PDF (ISO 32000-1 §7.5), ZIP (APPNOTE 4.3), SQLite (file format §1.3)."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

import pypdfium2  # type: ignore[import-untyped, unused-ignore]

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["Pdf", "Sqlite", "Zip"]


@dataclass(frozen=True)
class Pdf(Carver):
    """Takes the last end mark before the next header with which PDFium opens the document."""

    name: str = "pdf"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"%PDF-1.", 0), (b"%PDF-2.", 0))

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the document if it opens; at most 16 ends are tried, 64 MiB read."""
        data = view.read(start, min(limit, 64 << 20))
        after = data.find(b"%PDF-", 5)
        end = after if after > 0 else len(data)
        for _ in range(16):
            end = data.rfind(b"%%EOF", 0, end)
            if end < 0:
                return None
            stop = end + 5 + len(data[end + 5 : end + 7]) - len(data[end + 5 : end + 7].lstrip(b"\r\n"))
            if b"startxref" in data[max(0, end - 64) : end] and _opens(data[:stop]):
                return Carved(start, stop, "pdf")
        return None


def _opens(data: bytes) -> bool:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return "password" in str(error).lower()
    pages = len(document)
    document.close()
    return pages > 0


@dataclass(frozen=True)
class Zip(Carver):
    """Takes the first end record whose directory begins where it says."""

    name: str = "zip"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"PK\x03\x04", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the archive if directory and first member agree; at most 256 MiB read, 64 ends tried."""
        head = view.read(start, 30)
        if len(head) < 30 or head[4] > 63 or head[8] not in (0, 8, 9, 12, 14, 93, 95, 99) or head[9]:
            return None
        data, end = view.read(start, min(limit, 256 << 20)), 0
        for _ in range(64):
            end = data.find(b"PK\5\6", end + 1)
            if end < 0 or end + 22 > len(data):
                return None
            size, at = (int.from_bytes(data[end + o : end + o + 4], "little") for o in (12, 16))
            stop = end + 22 + int.from_bytes(data[end + 20 : end + 22], "little")
            if at + size == end and stop <= len(data) and data[at : at + 4] == b"PK\1\2" and _lists(data[:stop]):
                return Carved(start, stop, "zip")
        return None


def _lists(data: bytes) -> bool:
    try:
        return bool(zipfile.ZipFile(io.BytesIO(data)).infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, zlib.error):
        return False


@dataclass(frozen=True)
class Sqlite(Carver):
    """Takes page size times page count."""

    name: str = "sqlite"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"SQLite format 3\0", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the database if its header and first page are sound (§1.3, §1.6)."""
        head = view.read(start, 101)
        if len(head) < 101 or head[21:24] != b"\x40\x20\x20" or head[100] not in (5, 13):
            return None
        page = int.from_bytes(head[16:18], "big")
        page = 65536 if page == 1 else page
        length = page * int.from_bytes(head[28:32], "big")
        if page < 512 or page & (page - 1) or not 0 < length <= limit:
            return None
        return Carved(start, length, "sqlite")
