"""LZNT1 by its own examples and by what must be refused."""

from __future__ import annotations

import struct

import pytest

from pipeline.access.ntfs_lznt1 import expand
from pipeline.errors import UnreadableError


def chunk(body: bytes) -> bytes:
    return struct.pack("<H", 0xB000 | len(body) - 1) + body


def test_example_of_the_specification() -> None:
    packed = bytes.fromhex(
        "38 b0 88 46 23 20 00 20 47 20 41 00 10 a2 47 01 a0 45 20 44 00 08 45 01 50 79 00 c0 45 20 05 24 13 88 05 b4"
        "02 4a 44 ef 03 58 02 8c 09 16 01 48 45 00 be 00 9e 00 04 01 18 90 00"
    )
    plain = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D "
    plain += b"E A F# F# G A A G F# E D D E F# E D D\0"
    assert expand(packed, len(plain)) == plain


def test_stored_chunk_and_missing_end_are_filled_with_zeros() -> None:
    stored = struct.pack("<H", 0x3000 | 4095) + b"s" * 4096
    assert expand(stored, 65_536) == b"s" * 4096 + bytes(61_440)


def test_short_chunk_is_filled_up_before_the_next() -> None:
    packed = chunk(b"\0a") + chunk(b"\0b")
    assert expand(packed, 8192) == b"a".ljust(4096, b"\0") + b"b".ljust(4096, b"\0")


def test_repetition_may_run_over_its_own_end() -> None:
    packed = chunk(b"\x02a" + struct.pack("<H", 4092))
    assert expand(packed, 4096) == b"a" * 4096


@pytest.mark.parametrize(
    "packed",
    [
        chunk(b"\x01\x00\x00"),
        chunk(b"\x02a\xff\xff"),
        chunk(b"\x02a\x00"),
        struct.pack("<H", 0xBFFF) + b"short",
        b"\x00\x80ab",
        chunk(b"\x0ea" + b"\xff\x0f" * 3),
    ],
)
def test_damage_is_an_error(packed: bytes) -> None:
    with pytest.raises(UnreadableError):
        expand(packed, 65_536)
