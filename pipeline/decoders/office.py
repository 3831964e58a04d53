"""Text of Office Open XML (ECMA-376 part 1 §17 words, §18 sheets), with its place."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import python_calamine

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Text, Trouble, whole
from pipeline.decoders.zips import members_of

__all__ = ["Document", "Workbook"]


@dataclass(frozen=True)
class Document(Decoder):
    """Reads paragraphs and table rows of every XML part (DOCX, PPTX, ODT), deleted text included."""

    name: str = "document"
    version: int = 1
    types: tuple[str, ...] = ("docx", "pptx", "odt")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield Text per row or paragraph of each part; other parts as Members."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        for item in members_of(data, limits):
            if isinstance(item, Member) and item.path.endswith((".xml", ".rels")):
                yield from _part(item)
            else:
                yield item


def _part(member: Member) -> Iterator[Decoded]:
    if b"<!DOCTYPE" in member.data or b"\0" in member.data:
        yield Trouble("xml-refused", "an XML part declares a document type or is not UTF-8")
        return
    try:
        root = ET.fromstring(member.data)  # noqa: S314 - document types, the only way to entities, are refused above
    except ET.ParseError:
        yield Trouble("xml-damaged", "an XML part is not well formed")
        return
    inside: set[ET.Element] = set()
    count = 0
    for node in root.iter():
        kind = node.tag.rpartition("}")[2]
        if kind not in {"tr", "table-row", "p", "h"} or node in inside:
            continue
        count += 1
        row = kind in {"tr", "table-row"}
        if row:
            inside.update(node.iter())
        text = "\t".join(_text(cell) for cell in node) if row else _text(node)
        if text.strip():
            yield Text(f"{member.path} {'row' if row else 'paragraph'} {count}", text)


def _text(node: ET.Element) -> str:
    return "".join(node.itertext())


@dataclass(frozen=True)
class Workbook(Decoder):
    """Reads rows of every sheet, hidden ones too (XLSX and XLS)."""

    name: str = "workbook"
    version: int = 1
    types: tuple[str, ...] = ("xlsx", "xls")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text per row, cells joined by tabs; then comments and shared strings of the package."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        if data.startswith(b"PK") and (bounded := _unsafe(data, limits)):
            yield bounded
            return
        try:
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        except python_calamine.PasswordError:
            yield Locked("", "encrypted-workbook")
            return
        except (python_calamine.CalamineError, OSError, ValueError):
            yield Trouble("workbook-damaged", "workbook cannot be opened")
            return
        for name in book.sheet_names:
            yield from _sheet(book, name)
        if data.startswith(b"PK"):
            yield from _extras(data, limits)


def _unsafe(data: bytes, limits: Limits) -> Trouble | None:
    try:
        size = sum(info.file_size for info in zipfile.ZipFile(io.BytesIO(data)).infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return Trouble("zip-directory", "directory is damaged; workbook not opened")
    too_big = size > limits.total_bytes or size > max(1 << 20, len(data) * limits.ratio)
    return Trouble("limit-total-bytes", f"workbook unpacks to {size} bytes") if too_big else None


def _sheet(book: python_calamine.CalamineWorkbook, name: str) -> Iterator[Decoded]:
    try:
        sheet = book.get_sheet_by_name(name)
        rows = sheet.to_python(skip_empty_area=True)
    except (python_calamine.CalamineError, OSError, ValueError):
        yield Trouble("sheet-damaged", "a sheet cannot be read")
        return
    first = sheet.start[0] if sheet.start else 0
    for number, row in enumerate(rows, first + 1):
        cells = [_cell(value) for value in row]
        if any(cells):
            yield Text(f"{name}!{number}", "\t".join(cells))


def _cell(value: object) -> str:
    whole_number = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole_number and isinstance(value, float) else str(value)


def _extras(data: bytes, limits: Limits) -> Iterator[Decoded]:
    for item in members_of(data, limits):
        if not isinstance(item, Member):
            yield item
        elif "comments" in item.path or item.path.endswith("sharedStrings.xml"):
            try:
                root = ET.fromstring(item.data) if b"<!DOCTYPE" not in item.data else None  # noqa: S314 - see above
            except ET.ParseError:
                root = None
            if root is None:
                yield Trouble("xml-damaged", "an XML part is refused or not well formed")
                continue
            for number, node in enumerate(root.iter(f"{root.tag.rpartition('}')[0]}}}si"), 1):
                yield Text(f"{item.path} string {number}", _text(node))
            for number, node in enumerate(root.iter(f"{root.tag.rpartition('}')[0]}}}comment"), 1):
                yield Text(f"{item.path} comment {number}", _text(node))
        elif "/media/" in item.path or "/embeddings/" in item.path:
            yield item
