"""APFS objects, their checksum, b-trees and object maps.

Source: *Apple File System Reference* ("Objects", "Object Maps", "B-Trees": ``obj_phys_t``, ``omap_phys_t``,
``btree_node_phys_t``, ``btree_info_t``); little-endian throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Severity

__all__ = ["Blocks", "ObjectMap", "checked", "leaf_records"]

OMAP, NODE_ROOT, NODE = 0xB, 2, 3
_LEAF: Final = 2
_FIXED: Final = 4
_ROOT: Final = 1
_HASHED_VALUE: Final = 0x80
_INFO: Final = 40
_MAX_NODES: Final = 20_000_000
_MAX_LEVEL: Final = 16
_MODULUS: Final = 0xFFFFFFFF


def checked(raw: bytes) -> bool:
    """Tell whether an object's Fletcher-64 holds: over all words behind it, modulo 2**32 - 1."""
    if len(raw) < 512 or not raw[:64].strip(b"\0"):
        return False
    words = np.frombuffer(raw[8:], "<u4")
    low = int(words.sum(dtype=np.uint64)) % _MODULUS
    weights = np.arange(len(words), 0, -1, dtype=np.uint64)
    high = int((words.astype(np.uint64) * weights % _MODULUS).sum(dtype=np.uint64)) % _MODULUS
    first = _MODULUS - (low + high) % _MODULUS
    second = _MODULUS - (low + first) % _MODULUS
    return struct.unpack_from("<II", raw) == (first, second)


class Blocks:
    """A container's blocks; where objects were found is remembered by name, for the account."""

    def __init__(self, data: Readable, size: int) -> None:
        self.data, self.size = data, size
        self.seen: dict[int, str] = {}

    def read(self, number: int, count: int = 1) -> bytes:
        """Return blocks; UnreadableError where they lie outside the container or cannot be read."""
        raw = self.data.read(number * self.size, count * self.size) if number >= 0 else b""
        if len(raw) < count * self.size:
            raise UnreadableError(f"block {number} lies outside the container")
        return raw

    def object(self, number: int, kinds: tuple[int, ...], name: str) -> bytes:
        """Return an object of one of some kinds; ParseError where the block holds none with a right checksum."""
        raw = self.read(number)
        if int.from_bytes(raw[24:26], "little") not in kinds or not checked(raw):
            raise ParseError(f"block {number} holds no sound {name}")
        self.seen[number] = name
        return raw


def leaf_records(
    blocks: Blocks, root: int, resolve: Callable[[int], int] | None, losses: Losses, name: str
) -> Iterator[tuple[bytes, bytes]]:
    """Yield a tree's records in order; ``resolve`` gives the block of a child's object id, None where it is one.

    A node that is damaged costs what lies below it, and is a loss.
    """
    pending = [(root, _MAX_LEVEL)]
    done: set[int] = set()
    info: tuple[int, int] | None = None
    while pending:
        number, above = pending.pop()
        if number in done or len(done) > _MAX_NODES:
            losses.add(f"a node of the {name} is reached twice", severity=Severity.LOSS)
            continue
        done.add(number)
        try:
            raw = blocks.object(number, (NODE_ROOT, NODE), name)
            flags, level, count = struct.unpack_from("<HHI", raw, 32)
            if info is None:
                info = struct.unpack_from("<II", raw, len(raw) - _INFO + 8)
            if level >= above:
                raise ParseError("levels that do not fall")
            records = list(_records(raw, flags, count, info))
        except UnreadableError:
            place = (number * blocks.size, blocks.size)
            losses.add(f"a node of the {name} is damaged", place, severity=Severity.LOSS)
            continue
        if flags & _LEAF:
            yield from records
            continue
        children = []
        for _, value in records:
            child = int.from_bytes(value[:8], "little")
            try:
                children.append((resolve(child) if resolve else child, level))
            except UnreadableError:
                losses.add(f"a node of the {name} is not in the object map", severity=Severity.LOSS)
        pending += reversed(children)


def _records(raw: bytes, flags: int, count: int, sizes: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield a node's keys and values; ParseError where one lies outside it."""
    toc, length = struct.unpack_from("<HH", raw, 40)
    keys = 56 + toc + length
    end = len(raw) - (_INFO if flags & _ROOT else 0)
    step = 4 if flags & _FIXED else 8
    if keys > end or count * step > length:
        raise ParseError("a node's table of contents lies outside it")
    key_size, value_size = sizes
    value_size = value_size if flags & _LEAF else 8
    for at in range(56 + toc, 56 + toc + count * step, step):
        if flags & _FIXED:
            key_at, value_at = struct.unpack_from("<HH", raw, at)
            key_length, value_length = key_size, value_size
        else:
            key_at, key_length, value_at, value_length = struct.unpack_from("<HHHH", raw, at)
        start, stop = keys + key_at, keys + key_at + key_length
        if value_at == 0xFFFF:  # BTOFF_INVALID: a key without a value
            yield raw[start:stop], b""
            continue
        first = end - value_at
        if stop > end or not keys <= first <= end - value_length:
            raise ParseError("a node's record lies outside it")
        yield raw[start:stop], raw[first : first + value_length]


class ObjectMap:
    """Where objects lie: by id, in the newest version not younger than a transaction."""

    def __init__(self, blocks: Blocks, number: int, losses: Losses, name: str) -> None:
        raw = blocks.object(number, (OMAP,), f"object map of the {name}")
        (tree,) = struct.unpack_from("<Q", raw, 48)
        self._places: dict[int, list[tuple[int, int, int]]] = {}
        for key, value in leaf_records(blocks, tree, None, losses, f"object map of the {name}"):
            if len(key) == 16 and len(value) == 16:
                (oid, xid), (flags, _, place) = struct.unpack("<QQ", key), struct.unpack("<IIQ", value)
                self._places.setdefault(oid, []).append((xid, place, flags))

    def place(self, oid: int, xid: int) -> int:
        """Return the block of an object as of a transaction; ParseError where there is none."""
        found = max((item for item in self._places.get(oid, []) if item[0] <= xid), default=None)
        if found is None or found[2] & 1:
            raise ParseError(f"object {oid} is not in the object map")
        if found[2] & 4:
            raise ParseError(f"object {oid} is encrypted")
        return found[1]
