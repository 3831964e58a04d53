"""Adds a snapshot to an APFS image: a volume super block of its own, a tree that names it, a newer live tree.

Layout: *Apple File System Reference*; written apart from the reader.
"""

from __future__ import annotations

import struct

BLOCK = 4096


def sealed(raw: bytes) -> bytes:
    """Return an object with its Fletcher-64."""
    low = high = 0
    for (word,) in struct.iter_unpack("<I", raw[8:]):
        low = (low + word) % 0xFFFFFFFF
        high = (high + low) % 0xFFFFFFFF
    first = 0xFFFFFFFF - (low + high) % 0xFFFFFFFF
    second = 0xFFFFFFFF - (low + first) % 0xFFFFFFFF
    return struct.pack("<II", first, second) + raw[8:]


class Surgeon:
    """An image whose objects are replaced."""

    def __init__(self, raw: bytes) -> None:
        self.raw = bytearray(raw)

    def get(self, number: int) -> bytes:
        """Return a block."""
        return bytes(self.raw[number * BLOCK : (number + 1) * BLOCK])

    def put(self, number: int, raw: bytes) -> None:
        """Replace a block, with its checksum."""
        self.raw[number * BLOCK : (number + 1) * BLOCK] = sealed(raw)

    def unused(self) -> int:
        """Return the last block of zeros."""
        number = len(self.raw) // BLOCK - 1
        while self.get(number).strip(b"\0"):
            number -= 1
        self.raw[number * BLOCK] = 1
        return number


def with_snapshot(raw: bytes, volume: int, name: str, old: bytes, new: bytes) -> bytes:
    """Return an image whose live tree has ``new`` for ``old``, and a snapshot of before; one-node trees only."""
    surgeon = Surgeon(raw)
    head = surgeon.get(volume)
    omap, root, snapshots = struct.unpack_from("<Q", head, 128)[0], *struct.unpack_from("<8xQ8xQ", head, 128)
    (tree,) = struct.unpack_from("<Q", surgeon.get(omap), 48)
    node = bytearray(surgeon.get(tree))
    place, xid = _entry(node, root)
    copy, later = surgeon.unused(), surgeon.unused()
    surgeon.put(copy, head[:8] + struct.pack("<Q", copy) + head[16:])
    live = surgeon.get(place)
    assert old in live
    surgeon.put(later, live.replace(old, new))
    _insert(node, struct.pack("<QQ", root, xid), struct.pack("<IIQ", 0, BLOCK, later))
    surgeon.put(tree, bytes(node))
    surgeon.put(snapshots, _named(surgeon.get(snapshots), xid - 1, copy, name))
    return bytes(surgeon.raw)


def _entry(node: bytearray, oid: int) -> tuple[int, int]:
    """Make an object's entry one transaction older; return its block and the transaction it had."""
    toc, length = struct.unpack_from("<HH", node, 40)
    (count,) = struct.unpack_from("<I", node, 36)
    for index in range(count):
        key, value = struct.unpack_from("<HH", node, 56 + toc + 4 * index)
        at = 56 + toc + length + key
        found, xid = struct.unpack_from("<QQ", node, at)
        if found == oid:
            struct.pack_into("<Q", node, at + 8, xid - 1)
            return struct.unpack_from("<Q", node, BLOCK - 40 - value + 8)[0], xid
    raise AssertionError("the object is not in the map")


def _insert(node: bytearray, key: bytes, value: bytes) -> None:
    toc, length = struct.unpack_from("<HH", node, 40)
    (count,) = struct.unpack_from("<I", node, 36)
    key_at, room = struct.unpack_from("<HH", node, 44)  # the free space between keys and values
    start = 56 + toc + length + key_at
    value_at = BLOCK - 40 - start - room + 16
    node[start : start + 16] = key
    node[BLOCK - 40 - value_at : BLOCK - 40 - value_at + 16] = value
    struct.pack_into("<HH", node, 56 + toc + 4 * count, key_at, value_at)
    struct.pack_into("<I", node, 36, count + 1)
    struct.pack_into("<HH", node, 44, key_at + 16, room - 32)


def _named(node: bytes, xid: int, block: int, name: str) -> bytes:
    text = name.encode() + b"\0"
    value = struct.pack("<QQQQQIIH", 0, block, 1_640_000_000 * 10**9, 0, 0, 0, 0, len(text)) + text
    key = struct.pack("<Q", 1 << 60 | xid)
    body = bytearray(node)
    struct.pack_into("<HHIHH", body, 32, 3, 0, 1, 0, 64)
    struct.pack_into("<HHHH", body, 56, 0, len(key), len(value), len(value))
    body[120 : 120 + len(key)] = key
    body[BLOCK - 40 - len(value) : BLOCK - 40] = value
    return bytes(body)
