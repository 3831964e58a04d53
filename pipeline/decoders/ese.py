"""Databases of the Extensible Storage Engine, by libesedb: values may be packed, so raw bytes do not show them all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyesedb

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Text, Trouble, whole

__all__ = ["Ese"]

_TYPES: Final = pyesedb.column_types
_TEXT: Final = frozenset({_TYPES.TEXT, _TYPES.LARGE_TEXT})
_BINARY: Final = frozenset({_TYPES.BINARY_DATA, _TYPES.LARGE_BINARY_DATA})
_FAULTS: Final = (OSError, ValueError, OverflowError, MemoryError, TypeError)
_SEVEN: Final = (1, 2)
"""High bits of the first byte of what is packed as seven bits a letter: of a byte, and of a UTF-16 unit."""
_SHORT: Final = 5
"""Bytes below which a text is not packed, and may look so by chance."""
_PRINTED: Final = bytes((*range(0x20, 0x7F), 9, 10, 13))
_COLUMNS: Final = 1_024
_TABLES: Final = 10_000
_SYSTEM: Final = "MSys"
"""Tables of the engine itself: names of tables and columns."""


@dataclass(frozen=True)
class Ese(Decoder):
    """Gives the texts of each table row by row, and its binary values as one member."""

    name: str = "ese"
    version: int = 1
    types: tuple[str, ...] = ("ese",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Text per row, a Member per table, and a Trouble where something cannot be read."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        try:
            file = pyesedb.file()
            file.open_file_object(io.BytesIO(data))
            count = file.get_number_of_tables()
        except _FAULTS as error:
            yield Trouble("ese-damaged", f"the database cannot be opened ({type(error).__name__})")
            return
        room, lost = limits.total_bytes, 0
        for number in range(min(count, _TABLES)):
            reading = _Table(file, number, room)
            yield from reading.parts(limits)
            room, lost = reading.room, lost + reading.lost
        if count > _TABLES or room <= 0:
            yield Trouble("limit-total-bytes", "more tables or bytes than are read")
        if lost:
            yield Trouble("ese-damaged", f"{lost} tables, rows or values of the database cannot be read")


class _Table:
    """One table that is being read; counts what cannot be."""

    def __init__(self, file: Any, number: int, room: int) -> None:
        self._file, self._number = file, number
        self.room, self.lost = room, 0

    def parts(self, limits: Limits) -> Iterator[Decoded]:
        """Yield the rows and the binary values."""
        try:
            table = self._file.get_table(self._number)
            name = table.get_name() or f"table {self._number}"
            kinds = [
                table.get_column(place).get_type() for place in range(min(table.get_number_of_columns(), _COLUMNS))
            ]
            count = table.get_number_of_records()
        except _FAULTS:
            self.lost += 1
            return
        if name.startswith(_SYSTEM):
            return
        binary = bytearray()
        for row in range(count):
            if self.room <= 0:
                return
            if line := self._line(table, row, kinds, binary):
                yield Text(f"{name}!row {row + 1}", line)
            if len(binary) > limits.member_bytes // 2:
                yield Member(f"{name} values before row {row + 2}", bytes(binary))
                binary.clear()
        if binary:
            yield Member(f"{name} values", bytes(binary))

    def _line(self, table: Any, row: int, kinds: list[int], binary: bytearray) -> str:
        """Return the texts of a row, and add its binary values."""
        try:
            record = table.get_record(row)
        except _FAULTS:
            self.lost += 1
            return ""
        texts = []
        for place, kind in enumerate(kinds):
            if kind in _TEXT or kind in _BINARY:
                value = self._value(record, place)
                self.room -= len(value)
                if kind in _BINARY:
                    binary += value + b"\n" if value else b""
                else:
                    texts.append(_words(record, place, value))
        return "\t".join(texts) if any(texts) else ""

    def _value(self, record: Any, place: int) -> bytes:
        try:
            if record.is_long_value(place):
                value = record.get_value_data_as_long_value(place)
                return bytes(value.get_data() or b"") if value is not None else b""
            return bytes(record.get_value_data(place) or b"")
        except _FAULTS:
            self.lost += 1
            return b""


def _words(record: Any, place: int, raw: bytes) -> str:
    """Return a text as its column's code page has it; a long one, or one that does not decode, is UTF-16."""
    found = _seven(raw)
    if raw and not found and not record.is_long_value(place):
        try:
            found = record.get_value_data_as_string(place) or ""
        except _FAULTS:
            found = ""
    words: str = (found or raw.decode("utf-16-le", "replace")).rstrip("\0")
    return " ".join(words.split("\n"))


def _seven(raw: bytes) -> str:
    """Return a text that is packed as seven bits a letter, which libesedb leaves so; else nothing."""
    if len(raw) < _SHORT or raw[0] >> 3 not in _SEVEN:
        return ""
    bits = np.unpackbits(np.frombuffer(raw, np.uint8, offset=1), bitorder="little")
    letters = bits[: len(bits) // 7 * 7].reshape(-1, 7)
    text = np.packbits(letters, axis=1, bitorder="little").tobytes().rstrip(b"\0")
    return text.decode("ascii") if text and not text.translate(None, _PRINTED) else ""
