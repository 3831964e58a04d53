"""Lists of what was used last: their order, and the one time that such a key keeps.

A key has one time, that of its last change: it belongs to the item that was used last, and to no other.

SOURCE: field use. ``MRUListEx`` is 32-bit numbers of values, the last used first, up to 0xFFFFFFFF; ``MRUList`` is the
letters of values in that order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.hive import data_of, values, when

__all__ = ["LATER", "mru", "numbered", "time_of"]

LATER: Final = "order only; used before the first of the list"
_LISTS: Final = frozenset({"mrulistex", "mrulist"})
_MOST: Final = 100_000

Item = tuple[int, str, bytes]
"""Position (-1: in no order), name of the value, data."""


def mru(key: Any) -> Iterator[Item]:
    """Yield a list's items, the last used first; what the order leaves out comes last with position -1."""
    held = {name: data for name, data in values(key) if name.lower() not in _LISTS}
    position = -1
    for position, name in enumerate(_order(key)):
        if name in held:
            yield position, name, held.pop(name)
    for name, data in held.items():
        yield -1, name, data


def _order(key: Any) -> Iterator[str]:
    numbers = data_of(key, "MRUListEx")[: 4 * _MOST]
    for (number,) in struct.iter_unpack("<I", numbers[: len(numbers) // 4 * 4]):
        if number == 0xFFFFFFFF:
            return
        yield str(number)
    if not numbers:
        yield from data_of(key, "MRUList")[:2048].decode("utf-16-le", "replace").split("\0")[0]


def numbered(key: Any, start: str, first: int) -> Iterator[Item]:
    """Yield values named by a word and a number, the lowest being the last used."""
    found = []
    for name, data in values(key):
        digits = name[len(start) :]
        if name.lower().startswith(start.lower()) and digits.isascii() and digits.isdigit() and len(digits) < 6:
            found.append((int(digits) - first, name, data))
    yield from sorted(found)


def time_of(key: Any, position: int, meaning: str = "last used") -> tuple[datetime | None, str]:
    """Return the time of an item of a list and what it means."""
    return (when(key), meaning) if position == 0 else (None, LATER)
