"""Laws of Outlook stores: what is none, or is cut off, is said; nothing ends the worker.

Reading was judged on two public stores (ANSI and 4-KiB pages), which hold real people's mail and stay outside.
"""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from pipeline.decoders import Member, Trouble, type_of
from pipeline.decoders.pst_free import _TABLE, free_blocks
from tests.unit.decoders.samples import BODY, Bytes, decoded


def header(version: int) -> bytes:
    """Return the head of an empty store (MS-PST §2.2.2.6) whose trees lie outside of it."""
    body = b"SM" + struct.pack("<HH", version, 19) + b"\1\1" + bytes(8) + bytes(500)
    return b"!BDN" + struct.pack("<I", zlib.crc32(body[:471])) + body


@pytest.mark.parametrize("data", [b"!BDN", b"!BDNxxxx", header(14), header(23), header(36), header(23) + bytes(9000)])
def test_a_store_that_cannot_be_read_is_said(data: bytes) -> None:
    assert type_of(data) == "pst"
    items = decoded(data)
    assert items
    assert all(isinstance(item, Trouble) for item in items)


def test_chance_bytes_behind_the_signature_end_in_rows() -> None:
    chance = random.Random(2)
    for version in (14, 23, 36):
        for _ in range(20):
            assert decoded(header(version) + chance.randbytes(4096))


@pytest.mark.parametrize(("version", "first", "kind"), [(23, 0, 496), (14, 4, 500)])
def test_free_blocks_are_read_in_clear_at_their_offsets_and_others_are_not(version: int, first: int, kind: int) -> None:
    stretch, body = bytearray(253_952), f"GGG {BODY}".encode("utf-16-le")
    ciphered = bytes(_TABLE.index(byte) for byte in body)
    stretch[first : first + 496] = b"\xff" * 496
    stretch[first + 100] = 0
    stretch[kind : kind + 2] = b"\x84\x84"
    free, used = 100 * 8 * 64, 300 * 8 * 64
    stretch[free : free + len(body)] = stretch[used : used + len(body)] = ciphered
    store = header(version).ljust(0x4400, b"\0") + bytes(stretch)
    (member,) = free_blocks(Bytes(store))
    assert isinstance(member, Member)
    assert member.path == f"free blocks {0x4400}+253952"
    assert (member.data.find(body), member.data.count(body)) == (free, 1)


def test_a_map_that_is_none_is_said() -> None:
    for store in (header(23).ljust(0x9000, b"\0"), header(36)):
        (item,) = free_blocks(Bytes(store))
        assert isinstance(item, Trouble)
