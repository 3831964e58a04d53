"""Laws of Outlook stores: what is none, or is cut off, is said; nothing ends the worker.

Reading was judged on two public stores (ANSI and 4-KiB pages), which hold real people's mail and stay outside.
"""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from pipeline.decoders import Trouble, type_of
from tests.unit.decoders.samples import decoded


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
