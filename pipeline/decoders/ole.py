"""Compound files (MS-CFB): old Office documents and Outlook messages."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import olefile

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole
from pipeline.decoders.office import CELLS, Workbook
from pipeline.decoders.rtf_packed import unpacked_rtf
from pipeline.decoders.slides import text_of_slides
from pipeline.decoders.types import refine_ole
from pipeline.decoders.unlocking import office_of
from pipeline.decoders.word import text_of_word, word_table

__all__ = ["Ole"]

SEARCHED: Final = 4 << 20
"""Files larger than this (bytes) are not searched for the place of their streams."""
BEGIN: Final = 0x09
PLACED: Final = frozenset(
    {0x06, 0x01, 0x02, 0x03, 0x04, 0x05, 0xBD, 0xBE, 0xD6, 0xFD, 0x201, 0x203, 0x204, 0x205, 0x206, 0x27E, 0x406}
)
"""Records of the start of a sheet (low byte) and of cells, BIFF2 to BIFF8 (MS-XLS §2.3.1)."""
_LOCKABLE: Final = frozenset({"encrypted-office", "xls", "doc", "ppt"})
_PACKED: Final = frozenset({"hwp", "visio"})
"""Kinds whose streams hold text in a compressed form of their own; of any other kind the streams are all there is."""
_RICH: Final = "__substg1.0_10090102"
"""Property of a message: its body as compressed rich text (MS-OXMSG §2.2.2.1, MS-OXPROPS 2.941)."""
_DRAWING, _CONTINUE = 0xEB, 0x3C
"""Records of a workbook that hold its pictures (MS-XLS §2.4.102 and §2.4.58)."""
FAULTS: Final = (OSError, ValueError, IndexError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Ole(Decoder):
    """Reads XLS as a workbook; gives the streams of every compound file as Members."""

    name: str = "ole"
    version: int = 2
    types: tuple[str, ...] = ("ole2",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield the rows of a workbook, then each stream whole, and a Trouble where text stays encoded in them."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                book = olefile.OleFileIO(io.BytesIO(data))
                streams = book.listdir(streams=True, storages=False)
            except FAULTS as error:
                yield Trouble("ole-damaged", f"compound file cannot be opened ({type(error).__name__})")
                return
        kind = refine_ole(path[0] for path in streams)
        clear = office_of(data, limits, certain=kind == "encrypted-office") if kind in _LOCKABLE else None
        if clear is not None:
            yield clear
            return
        yield from _body(kind, book, content, limits)
        rest = [path for path in streams if kind != "xls" or path[0] not in {"Workbook", "Book"}]
        yield from _streams(book, rest, data, limits)


def _body(kind: str, book: olefile.OleFileIO, content: Readable, limits: Limits) -> Iterator[Decoded]:
    if kind == "xls":
        if _area(book) > CELLS:
            yield Trouble(
                "limit-cells",
                f"a sheet spans over {CELLS} cells or has them out of order; its raw bytes are scanned instead",
            )
        else:
            yield from Workbook().decode(content, limits)
        if drawing := _drawing(_stream(book, "Workbook")):
            yield Member("drawing", drawing)
    elif kind == "doc" and (table := word_table(_stream(book, "WordDocument"))) is not None:
        yield text_of_word(_stream(book, "WordDocument"), _stream(book, table))
    elif kind == "ppt":
        yield from text_of_slides(_stream(book, "PowerPoint Document"))
    elif kind == "doc" or kind in _PACKED:
        yield Trouble(
            "no-decoder", f"{kind}: its own layout is not read by this version; its streams are scanned as bytes", kind
        )


def _drawing(book: bytes) -> bytes:
    """Return what a workbook's drawing records and those that continue them hold: its pictures."""
    found, at, inside = bytearray(), 0, False
    while at + 4 <= len(book):
        kind, size = int.from_bytes(book[at : at + 2], "little"), int.from_bytes(book[at + 2 : at + 4], "little")
        inside = kind == _DRAWING or (inside and kind == _CONTINUE)
        found += book[at + 4 : at + 4 + size] if inside else b""
        at += 4 + size
    return bytes(found)


def _stream(book: olefile.OleFileIO, name: str) -> bytes:
    """Return a stream; nothing where it cannot be read."""
    try:
        return bytes(book.openstream(name).read())
    except FAULTS:
        return b""


def _area(book: olefile.OleFileIO) -> int:
    """Return the cells of the largest rectangle around a sheet's values (MS-XLS §2.4: row and column come first).

    Rows that go back count as too many: the reader takes the first and the last for the bounds and would not end.
    """
    try:
        data = book.openstream("Workbook" if book.exists("Workbook") else "Book").read()
    except FAULTS:
        return 0
    at, largest, rows, columns = 0, 0, 0, 0
    while at + 4 <= len(data):
        kind, size = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
        if kind & 0xFF == BEGIN:
            rows = columns = 0
        elif kind in PLACED:
            row = int.from_bytes(data[at + 4 : at + 6], "little") + 1
            if row < rows:
                return CELLS + 1
            rows = row
            columns = max(columns, int.from_bytes(data[at + 6 : at + 8], "little") + 1)
            largest = max(largest, rows * columns)
        at += 4 + size
    return largest


def _streams(book: olefile.OleFileIO, streams: list[list[str]], data: bytes, limits: Limits) -> Iterator[Decoded]:
    room = limits.total_bytes
    for count, path in enumerate(streams):
        if count >= limits.members:
            yield Trouble("limit-members", f"more than {limits.members} streams")
            return
        try:
            size = book.get_size(path)
            if size > min(limits.member_bytes, room, len(data)):
                yield Trouble("limit-member-bytes", f"a stream of {size} bytes is not read")
                continue
            body = book.openstream(path).read()
        except FAULTS as error:
            yield Trouble("ole-stream", f"a stream cannot be read ({type(error).__name__})")
            continue
        room -= len(body)
        if len(body) < size:
            yield Trouble("ole-stream", "a stream is shorter than its directory says")
        if body:
            yield Member("/".join(path), body, _stored(data, body))
        if path[-1] == _RICH and (text := unpacked_rtf(body, limits.member_bytes)):
            yield Member("/".join([*path, "body.rtf"]), text)


def _stored(data: bytes, body: bytes) -> int | None:
    """Offset of the stream where it lies in one piece; sectors begin at multiples of 64 (MS-CFB §2.2)."""
    if len(data) > SEARCHED:
        return None
    at = data.find(body)
    return at if at >= 0 and at % 64 == 0 and data.find(body, at + 1) < 0 else None
