"""Records of HFS+'s catalogue and attributes trees, and those that deleting left in unused bytes.

Source: Apple, *TN1150* ("Catalog File", "Attributes File", "Hard Links"), and ``hfs_format.h`` of Apple's
open-source kernel for directory links and the ``decmpfs`` header.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.found import Moment, Stream, moment
from pipeline.access.hfs_tree import Fork, Tree, parse_fork

__all__ = ["Item", "attributes_of", "hfs_time", "leftovers", "packed_size", "parse_item", "paths_of"]

_EPOCH: Final = 2_082_844_800  # seconds from 1904 to 1970
_COMPRESSED: Final = 0x20  # BSD flag UF_COMPRESSED
_KINDS: Final = {0x4000: "directory", 0x8000: "file", 0xA000: "link", 0: "file"}
_FILE: Final = re.compile(rb"\x00\x02\x00[\x00-\xff]\x00\x00\x00\x00", re.DOTALL)
_FIRST_ID: Final = 16
_TIMES: Final = ("created", "modified", "changed", "accessed")


@dataclass(frozen=True, slots=True)
class Item:
    """A folder or file of the catalogue; ``link`` is the number of the node that a hard link leads to."""

    parent: int
    name: str
    number: int
    kind: str
    times: dict[str, Moment | None]
    forks: tuple[Fork, Fork] | None
    packed: bool
    link: int
    folder_link: bool


def hfs_time(value: int) -> Moment | None:
    """Return a time of seconds since 1904 in UTC; None where it is unset."""
    return moment(value - _EPOCH, precision_us=1_000_000) if value else None


def parse_item(key: bytes, raw: bytes) -> Item | None:
    """Return a folder or a file; None for threads and what is neither."""
    if len(key) < 6 or len(raw) < 88:
        return None
    parent, length = struct.unpack_from(">IH", key)
    name = key[6 : 6 + 2 * length].decode("utf-16-be", "surrogatepass").replace("/", "\u2215").replace("\0", "^")
    kind, number = struct.unpack_from(">H6xI", raw)
    if kind not in {1, 2} or (kind == 2 and len(raw) < 248):
        return None
    times = {label: hfs_time(value) for label, value in zip(_TIMES, struct.unpack_from(">IIII", raw, 12), strict=True)}
    if kind == 1:
        return Item(parent, name, number, "directory", times, None, packed=False, link=0, folder_link=False)
    (mode, special), what = struct.unpack_from(">HI", raw, 42), raw[48:56]
    linked = what in {b"hlnkhfs+", b"fdrpMACS"}
    return Item(
        parent, name, number, _KINDS.get(mode & 0xF000, "other"), times,
        (parse_fork(raw, 88), parse_fork(raw, 168)), packed=bool(raw[41] & _COMPRESSED),
        link=special if linked else 0, folder_link=what == b"fdrpMACS",
    )  # fmt: skip


def attributes_of(tree: Tree, block: int) -> dict[int, dict[str, Stream]]:
    """Return attributes by file: kept in a record (0x10) or in blocks (0x20, further extents 0x30)."""
    found: dict[int, dict[str, Stream]] = {}
    for _, key, raw in tree.leaves():
        if len(key) < 12 or len(raw) < 16:
            continue
        number, start, length = struct.unpack_from(">2xIIH", key)
        name = key[12 : 12 + 2 * length].decode("utf-16-be", "surrogatepass")
        (kind,), mine = struct.unpack_from(">I", raw), found.setdefault(number, {})
        if kind == 0x10:
            (size,) = struct.unpack_from(">I", raw, 12)
            mine[name] = Stream(min(size, len(raw) - 16), (), raw[16 : 16 + size])
        elif kind == 0x20 and len(raw) >= 88:
            fork = parse_fork(raw, 8)
            mine[name] = Stream(fork.size, tuple((s * block, c * block) for s, c in fork.extents))
        elif kind == 0x30 and len(raw) >= 72 and name in mine and start:
            numbers = struct.unpack_from(">16I", raw, 8)
            more = tuple((s * block, c * block) for s, c in zip(numbers[::2], numbers[1::2], strict=True) if c)
            mine[name] = Stream(mine[name].size, mine[name].runs + more)
    return found


def paths_of(items: dict[int, list[Item]], root: int) -> dict[int, str]:
    """Return the paths of all folders that the root leads to."""
    paths, pending = {root: ""}, [root]
    while pending:
        number = pending.pop()
        for item in items.get(number, []):
            if item.kind == "directory" and item.number not in paths:
                paths[item.number] = f"{paths[number]}/{item.name}"
                pending.append(item.number)
    return paths


def packed_size(raw: bytes) -> int | None:
    """Return the size of a compressed file by its ``com.apple.decmpfs`` attribute."""
    if len(raw) < 16 or raw[:4] != b"fpmc":
        return None
    (size,) = struct.unpack_from("<Q", raw, 8)
    return size if size < 1 << 40 else None


def leftovers(raw: bytes, blocks: int, block: int) -> Iterator[Item]:
    """Yield files that unused bytes still describe: a whole key before a whole record, whose forks are possible."""
    for match in _FILE.finditer(raw):
        at = match.start()
        if at + 248 > len(raw):
            return
        key = _key_before(raw, at)
        item = parse_item(key, raw[at : at + 248]) if key else None
        if item is not None and item.number >= _FIRST_ID and all(_fits(f, blocks, block) for f in item.forks or ()):
            yield item


def _key_before(raw: bytes, at: int) -> bytes:
    """Return the key that ends at a place: its length and that of its name agree."""
    for length in range(1, min(255, (at - 8) // 2) + 1):
        start = at - 8 - 2 * length
        if raw[start : start + 2] == (6 + 2 * length).to_bytes(2, "big"):
            (stated,) = struct.unpack_from(">H", raw, start + 6)
            if stated == length:
                return raw[start + 2 : at]
    return b""


def _fits(fork: Fork, blocks: int, block: int) -> bool:
    total = sum(count for _, count in fork.extents)
    inside = all(start + count <= blocks for start, count in fork.extents)
    return inside and total <= fork.blocks <= blocks and fork.size <= fork.blocks * block
