"""Rows of SQLite pages without their database: loose pages, write-ahead logs, rollback journals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.access.sqlite_log import JOURNAL, WAL, journal_records, log_frames
from pipeline.access.sqlite_page import LARGEST, Cell, Page, read_page, size_of, values_of
from pipeline.decoders.base import Decoded, Decoder, Limits, Text, Trouble

__all__ = ["SqliteParts"]

_LEAVES: Final = (10, 13)
_HIGH: Final = re.compile(rb"[\x00\x30\x4e-\x9f\xff]")
"""High bytes of ASCII, kana, common kanji and full-width forms."""


@dataclass(frozen=True)
class SqliteParts(Decoder):
    """Reads the rows of leaf pages as they stand, whatever state of the database they belong to."""

    name: str = "sqlite-parts"
    version: int = 1
    types: tuple[str, ...] = ("sqlite-page", "sqlite-wal", "sqlite-journal")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text ``page-OFFSET!ROW`` per cell, values joined by tabs; ROW is the cell's row id or number."""
        overflowing = rows = 0
        for start, data in _pages(content):
            page = read_page(data)
            if page is None or page.kind not in _LEAVES:
                continue
            encoding = _encoding(data, page)
            for number, cell in enumerate(page.cells, 1):
                rows += 1
                overflowing += cell.overflows
                label = cell.rowid if page.kind == 13 else number
                yield Text(f"page-{start}!{label}", "\t".join(values_of(data, cell, encoding)))
            if rows > limits.members * 100:
                yield Trouble("limit-members", "too many rows; the rest is not read")
                return
        if overflowing:
            yield Trouble(
                "sqlite-overflow", f"{overflowing} rows go on in overflow pages, which are read as bytes only"
            )


def _pages(content: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the pages that a content lays out."""
    head = content.read(0, 8)
    if head[:4] in WAL or head == JOURNAL:
        log = log_frames if head[:4] in WAL else journal_records
        for frame in log(content, 0, content.size):
            yield frame.start, content.read(frame.start, frame.size)
        return
    first = read_page(content.read(0, LARGEST))
    if first is not None:
        for start in range(0, content.size - first.size + 1, first.size):
            yield start, content.read(start, first.size)


def _encoding(data: bytes, page: Page) -> str:
    """Return the encoding of the page's texts (§1.3.13): UTF-8 where all of them are, else the likelier UTF-16."""
    texts = [raw for cell in page.cells[:32] for raw in _texts(data, cell)]
    try:
        for raw in texts:
            raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if not any(b"\0" in raw for raw in texts):
            return "utf-8"
    little, big = (sum(len(_HIGH.findall(raw[parity::2])) for raw in texts) for parity in (1, 0))
    return "utf-16-le" if little >= big else "utf-16-be"


def _texts(data: bytes, cell: Cell) -> Iterator[bytes]:
    at = cell.body
    for kind in cell.types:
        size = size_of(kind)
        if kind >= 13 and kind % 2 and at + size <= cell.end:
            yield data[at : at + size]
        at += size
