"""Office documents: words and slides (ECMA-376 part 1 §17, §19; ODF 1.2), sheets (§18; MS-XLS), with places."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Text, Trouble, whole
from pipeline.decoders.sheets import Book, book_of, rows_of
from pipeline.decoders.xmltext import local_name, paragraphs, parsed, strings
from pipeline.decoders.zips import FAULTS, members_of

__all__ = ["CELLS", "Document", "Workbook"]

CELLS: Final = 20_000_000
"""Cells in the rectangle around a sheet's values; the reader holds all of it in memory."""
_PLACE: Final = re.compile(rb'<(?:\w+:)?c\b[^>]{0,200}?\br="([A-Z]{1,3})([0-9]{1,7})"')
_SKIPPED: Final = ("xl/worksheets/sheet", "xl/styles.xml", "xl/theme/", "[Content_Types].xml", "xl/workbook.xml")


@dataclass(frozen=True)
class Document(Decoder):
    """Reads paragraphs and table rows of every XML part (DOCX, PPTX, ODT), deleted text included."""

    name: str = "document"
    version: int = 2
    types: tuple[str, ...] = ("docx", "pptx", "odt")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield Text per row or paragraph of each part; other parts as Members."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        for item in members_of(data, limits):
            if not isinstance(item, Member) or not item.path.endswith((".xml", ".rels")):
                yield item
            elif item.path == "META-INF/manifest.xml" and b"encryption-data" in item.data:
                yield Locked("", "encrypted-odf")
                return
            else:
                yield from paragraphs(item)


@dataclass(frozen=True)
class Workbook(Decoder):
    """Reads rows of every sheet, hidden ones too (XLSX and XLS)."""

    name: str = "workbook"
    version: int = 2
    types: tuple[str, ...] = ("xlsx", "xls")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text per row, cells joined by tabs; then the package's other parts.

        Where the workbook cannot be opened as one, a Trouble says so and the parts are given as Members.
        """
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        package = data.startswith(b"PK")
        refused = _unsafe(data, limits) if package else None
        book = refused or book_of(data)
        if isinstance(book, Book):
            yield from _book(book, data if package else b"", limits)
            return
        yield book
        if package:
            yield from members_of(data, limits)


def _book(book: Book, package: bytes, limits: Limits) -> Iterator[Decoded]:
    shown: set[str] = set()
    for name in book.sheet_names:
        yield from _sheet(book, name, shown)
    if package:
        yield from _parts(package, limits, shown)


def _unsafe(data: bytes, limits: Limits) -> Trouble | None:
    """Return why a package must not be given to the reader: sizes are claimed, so they are measured."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        listed = archive.infolist()
        size = sum(info.file_size for info in listed)
        if size > min(limits.total_bytes, max(1 << 20, len(data) * limits.ratio)):
            return Trouble("limit-total-bytes", f"workbook unpacks to {size} bytes")
        for info in listed:
            with archive.open(info) as part:
                if _cells(part.read(info.file_size) if info.filename.startswith("xl/worksheets/") else b"") > CELLS:
                    return Trouble("limit-cells", f"a sheet spans over {CELLS} cells or has them out of order")
    except FAULTS:
        return Trouble("zip-directory", "package is damaged; its parts are scanned as they are")
    return None


def _cells(sheet: bytes) -> int:
    """Return the area of the rectangle that the reader would hold (§18.3.1.4: cell references).

    Rows that go back count as too many: the reader takes the first and the last for the bounds and would not end.
    """
    rows, columns = [0], [0]
    for match in _PLACE.finditer(sheet):
        letters, row = match.groups()
        if int(row) < rows[-1]:
            return CELLS + 1
        column = 0
        for letter in letters:
            column = column * 26 + letter - 64
        rows = [min(rows[0] or int(row), int(row)), max(rows[-1], int(row))]
        columns = [min(columns[0] or column, column), max(columns[-1], column)]
    return (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)


def _sheet(book: Book, name: str, shown: set[str]) -> Iterator[Decoded]:
    found = rows_of(book, name)
    if isinstance(found, Trouble):
        yield found
        return
    for number, row in enumerate(found[1], found[0]):
        cells = [_cell(value) for value in row]
        shown.update(cells)
        if any(cells):
            yield Text(f"{name}!{number}", "\t".join(cells))


def _cell(value: object) -> str:
    whole_number = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole_number and isinstance(value, float) else str(value)


def _parts(data: bytes, limits: Limits, shown: set[str]) -> Iterator[Decoded]:
    """Yield strings and comments as Text, other XML as paragraphs, and everything else as Members."""
    for item in members_of(data, limits):
        if not isinstance(item, Member):
            yield item
        elif "comments" in item.path.lower() or item.path.endswith("sharedStrings.xml"):
            yield from _strings(item, shown)
        elif not item.path.endswith((".xml", ".rels")):
            yield item
        elif not item.path.startswith(_SKIPPED):
            yield from paragraphs(item)


def _strings(member: Member, shown: set[str]) -> Iterator[Decoded]:
    """Yield each shared string (§18.4.8) and comment (§18.7.3) that no row has shown: furigana, deleted cells."""
    root = parsed(member)
    if isinstance(root, Trouble):
        yield root
        return
    kinds = {"si": "string", "comment": "comment", "threadedComment": "comment"}
    count = 0
    for node in root.iter():
        if local_name(node) in kinds:
            count += 1
            text = strings(node)
            if text not in shown:
                yield Text(f"{member.path} {kinds[local_name(node)]} {count}", text)
