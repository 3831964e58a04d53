"""ESE databases after Joachim Metz, "Extensible Storage Engine (ESE) Database File (EDB) format": catalog and tables.

Pages of 4 KiB, revision 20; each tree is a root that is a leaf, or a root above leaves. The error correcting code
behind a page's sum is left zero, space trees and indexes are not written: readers of rows need neither.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor

__all__ = ["BINARY", "CURRENCY", "DATE", "LONG", "LONG_TEXT", "TEXT", "Table", "database"]

PAGE, HEAD = 4096, 40
SIGNATURE = 0x89ABCDEF
SHORT, LONG, DATE, TEXT, BINARY, LONG_TEXT, CURRENCY, BYTE = 3, 4, 8, 10, 11, 12, 15, 1
_FORMATS = {BYTE: "<B", SHORT: "<h", LONG: "<i", DATE: "<d", CURRENCY: "<q"}
_ROOT, _LEAF, _BRANCH = 1, 2, 4
_FORMAT = 0xA800
_CATALOG = {
    "ObjidTable": LONG, "Type": SHORT, "Id": LONG, "ColtypOrPgnoFDP": LONG, "SpaceUsage": LONG, "Flags": LONG,
    "PagesOrLocale": LONG, "RootFlag": BYTE, "Name": TEXT,
}  # fmt: skip

Value = int | float | str | bytes | None


@dataclass(frozen=True)
class Table:
    """A table: columns by name with their type, and rows."""

    name: str
    columns: Mapping[str, int]
    rows: Sequence[Mapping[str, Value]]


def database(tables: Sequence[Table], *, clean: bool = True) -> bytes:
    """Return a database; ``clean`` is whether it says that it was closed."""
    pages: dict[int, bytes] = {}
    following = 40
    entries: list[dict[str, Value]] = []
    for number, table in enumerate(tables, 10):
        root, following = following, following + 1
        entries += _described(number, table.name, table.columns, root)
        following = _tree(pages, root, following, number, [_record(table.columns, row) for row in table.rows])
    own = _described(2, "MSysObjects", _CATALOG, 4) + _described(3, "MSysObjectsShadow", _CATALOG, 24)
    rows = [_record(_CATALOG, row) for row in own + entries]
    following = _tree(pages, 4, following, 2, rows)
    following = _tree(pages, 24, following, 3, rows)
    pages[1] = _page(1, 1, _ROOT | _LEAF, [bytes(16)])
    head = bytearray(PAGE)
    struct.pack_into("<III", head, 4, SIGNATURE, 0x620, 0)
    struct.pack_into("<I", head, 52, 3 if clean else 2)
    struct.pack_into("<II", head, 232, 20, PAGE)
    struct.pack_into("<I", head, 0, _sum(head[4:], SIGNATURE))
    return bytes(head) * 2 + b"".join(pages.get(number, bytes(PAGE)) for number in range(1, following))


def _described(number: int, name: str, columns: Mapping[str, int], root: int) -> list[dict[str, Value]]:
    """Return the catalog's rows of a table."""
    entries: list[dict[str, Value]] = [_row(number, 1, number, root, name)]
    fixed, variable, tagged, offset = 0, 127, 255, 4
    for column, kind in columns.items():
        if kind in _FORMATS:
            fixed += 1
            row = _row(number, 2, fixed, kind, column)
            row["SpaceUsage"] = struct.calcsize(_FORMATS[kind])
            offset += struct.calcsize(_FORMATS[kind])
        elif kind == TEXT:
            variable += 1
            row = _row(number, 2, variable, kind, column)
        else:
            tagged += 1
            row = _row(number, 2, tagged, kind, column)
        entries.append({**row, "PagesOrLocale": 1200 if kind == LONG_TEXT else 1252})
    return entries


def _row(table: int, kind: int, number: int, place: int, name: str) -> dict[str, Value]:
    return {
        "ObjidTable": table, "Type": kind, "Id": number, "ColtypOrPgnoFDP": place, "SpaceUsage": 0, "Flags": 0,
        "PagesOrLocale": 0, "RootFlag": 0, "Name": name,
    }  # fmt: skip


def _record(columns: Mapping[str, int], row: Mapping[str, Value]) -> bytes:
    """Return a record: fixed values and their null bits, variable values with their ends, tagged values."""
    fixed, nulls, count = b"", 0, 0
    variable: list[bytes] = []
    tagged: list[tuple[int, bytes]] = []
    number = 255
    for name, kind in columns.items():
        value = row.get(name)
        if kind in _FORMATS:
            nulls |= (value is None) << count
            fixed += struct.pack(_FORMATS[kind], value or 0)
            count += 1
        elif kind == TEXT:
            assert isinstance(value, str)
            variable.append(value.encode("ascii"))
        else:
            number += 1
            if value is not None:
                tagged.append((number, value if isinstance(value, bytes) else str(value).encode("utf-16-le")))
    bits = nulls.to_bytes((count + 7) // 8, "little")
    ends = [sum(map(len, variable[: place + 1])) for place in range(len(variable))]
    start = 4 + len(fixed) + len(bits)
    head = struct.pack("<BBH", count, 127 + len(variable), start)
    body = struct.pack(f"<{len(ends)}H", *ends) + b"".join(variable)
    return head + fixed + bits + body + _tagged(tagged)


def _tagged(values: Sequence[tuple[int, bytes]]) -> bytes:
    table, data = b"", b""
    for number, value in values:
        table += struct.pack("<HH", number, 4 * len(values) + len(data))
        data += value
    return table + data


def _tree(pages: dict[int, bytes], root: int, following: int, owner: int, records: Sequence[bytes]) -> int:
    """Write a tree; return the next free page."""
    entries = [struct.pack("<H", 4) + struct.pack(">I", number) + one for number, one in enumerate(records)]
    leaves: list[list[bytes]] = [[]]
    for entry in entries:
        if sum(len(one) + 4 for one in leaves[-1]) + len(entry) + 4 > PAGE - HEAD - 64:
            leaves.append([])
        leaves[-1].append(entry)
    if len(leaves) == 1:
        pages[root] = _page(root, owner, _ROOT | _LEAF, [bytes(16), *leaves[0]])
        return following
    numbers = [following + place for place in range(len(leaves))]
    last = struct.pack(">I", 0xFFFFFFFF)
    keys = [last if place == len(leaves) - 1 else leaves[place + 1][0][2:6] for place in range(len(leaves))]
    children = [
        struct.pack("<H", 4) + key + struct.pack("<I", number) for key, number in zip(keys, numbers, strict=True)
    ]
    pages[root] = _page(root, owner, _ROOT | _BRANCH, [bytes(16), *children])
    for place, leaf in enumerate(leaves):
        before = numbers[place - 1] if place else 0
        after = numbers[place + 1] if place + 1 < len(numbers) else 0
        pages[numbers[place]] = _page(numbers[place], owner, _LEAF, [b"", *leaf], before, after)
    return following + len(leaves)


def _page(number: int, owner: int, flags: int, values: Sequence[bytes], before: int = 0, after: int = 0) -> bytes:
    body, tags = b"", []
    for value in values:
        tags.append((len(value), len(body)))
        body += value
    table = b"".join(struct.pack("<HH", size, offset) for size, offset in reversed(tags))
    free = PAGE - HEAD - len(body) - len(table)
    head = struct.pack("<QIIIHHHHI", 0, before, after, owner, free, 0, len(body), len(tags), _FORMAT | flags)
    data = head + body + bytes(free) + table
    return struct.pack("<II", _sum(data, number), 0) + data


def _sum(data: bytes, seed: int) -> int:
    return reduce(xor, struct.unpack(f"<{len(data) // 4}I", data), seed)
