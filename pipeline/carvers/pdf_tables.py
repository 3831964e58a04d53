"""Cross-reference tables and streams of PDF documents (ISO 32000-1 §7.5.4, §7.5.8)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

__all__ = ["DICTIONARY", "END", "MOST", "OBJECT", "STREAM", "Table", "begins_table", "table_at"]

MOST: Final = 1 << 18
"""Objects of one document that are followed."""
DICTIONARY: Final = 4096
"""Bytes in which the dictionary of a trailer or of a stream ends."""
END: Final = re.compile(rb"startxref\s{1,4}(\d{1,12})\s{1,4}%%EOF(?:\r\n|\r|\n)?")
OBJECT: Final = re.compile(rb"\d{1,10} \d{1,5} obj\b")
STREAM: Final = re.compile(rb"stream\r?\n")
_ROW: Final = re.compile(rb"(\d{10}) \d{5} ([nf])")
_SECTION: Final = re.compile(rb"\s{0,4}(\d{1,10}) (\d{1,7})[ \t]{0,4}[\r\n]{1,2}")
_TRAILER: Final = re.compile(rb"\s{0,4}trailer\b")
_STREAM_END: Final = re.compile(rb"\s{0,4}endstream\s{1,4}endobj\s{0,4}")
_WIDTHS: Final = re.compile(rb"/W\s{0,4}\[\s{0,4}(\d)\s{1,4}(\d)\s{1,4}(\d)\s{0,4}\]")
_LENGTH: Final = re.compile(rb"/Length\s{1,4}(\d{1,10})\b")
_COLUMNS: Final = re.compile(rb"/Columns\s{1,4}(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says: offsets of objects, its dictionary, where its rows end (0: they break off).

    ``known`` is False where it is packed in a way that is not read here.
    """

    offsets: frozenset[int]
    dictionary: bytes
    end: int
    known: bool = True


def begins_table(data: bytes, at: int) -> bool:
    """Tell whether a table or a cross-reference stream begins at an offset."""
    return data.startswith(b"xref", at) or (bool(OBJECT.match(data, at)) and b"/XRef" in data[at : at + DICTIONARY])


def table_at(data: bytes, at: int) -> Table:
    """Return the table or cross-reference stream that begins at an offset; an empty one where it is not understood."""
    return _plain(data, at) if data.startswith(b"xref", at) else _packed(data, at)


def _plain(data: bytes, at: int) -> Table:
    """Read rows of 20 bytes in sections; the trailer follows them."""
    at += 4
    found: set[int] = set()
    while (section := _SECTION.match(data, at)) and len(found) < MOST:
        count = int(section.group(2))
        rows = data[section.end() : section.end() + 20 * count]
        matches = list(_ROW.finditer(rows))
        found |= {int(row.group(1)) for row in matches if row.group(2) == b"n"}
        at = section.end() + len(rows)
        if not rows or len(matches) != count:
            return Table(frozenset(found), b"", 0)
    whole = _TRAILER.match(data, at) is not None
    return Table(frozenset(found), data[at : at + DICTIONARY], at if whole else 0)


def _packed(data: bytes, at: int) -> Table:
    """Read a stream of rows; its ``endobj`` follows it."""
    stream = STREAM.search(data, at, at + DICTIONARY)
    text = data[at : stream.start()] if stream else b""
    widths, length = _WIDTHS.search(text), _LENGTH.search(text)
    if stream is None or widths is None or length is None or b"/FlateDecode" not in text:
        return Table(frozenset(), text, 0, known=b"/FlateDecode" in text)
    behind = _STREAM_END.match(data, stream.end() + int(length.group(1)))
    one, two, three = (int(value) for value in widths.groups())
    width, engine = one + two + three, zlib.decompressobj()
    try:
        body = engine.decompress(data[stream.end() : stream.end() + int(length.group(1))], MOST * max(width + 1, 2))
    except zlib.error:
        return Table(frozenset(), text, 0)
    end = behind.end() if behind and engine.eof else 0
    rows = _rows(body, width, predicted=b"/Predictor" in text and bool(_COLUMNS.search(text)))
    if rows is None or not 1 <= two <= 8 or one > 1:
        return Table(frozenset(), text, end)
    rows = rows[rows[:, 0] == 1] if one else rows
    values = np.zeros(len(rows), np.int64)
    for column in range(one, one + two):
        values = (values << 8) | rows[:, column]
    return Table(frozenset(int(value) for value in values), text, end)


def _rows(body: bytes, width: int, *, predicted: bool) -> Any:
    """Return the rows of a stream with the PNG predictor undone (§7.4.4.4: none and up), None for others."""
    step = width + predicted
    if not step or len(body) < step:
        return None
    rows = np.frombuffer(body[: len(body) // step * step], np.uint8).reshape(-1, step)
    if not predicted:
        return rows
    if (rows[:, 0] == 2).all():
        return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    return rows[:, 1:] if not rows[:, 0].any() else None
