"""Laws of old Word documents: all pieces in their order, damage said, other layouts said."""

from __future__ import annotations

import struct

import pytest

from pipeline.decoders import Text, Trouble
from tests.unit.decoders.compound import compound
from tests.unit.decoders.samples import NAME, decoded, troubles

FIB, WIDE = 1024, 2048


def word(pieces: list[str], *, flags: int = 0x0200, version: int = 0x00C1) -> bytes:
    """Return a document whose pieces lie in it back to front, ASCII ones in one byte a character (MS-DOC §2.4.1)."""
    document = bytearray(FIB)
    struct.pack_into("<HH", document, 0, 0xA5EC, version)
    struct.pack_into("<H", document, 10, flags)
    places: dict[int, int] = {}
    for number in range(len(pieces) - 1, -1, -1):
        narrow = pieces[number].isascii()
        places[number] = len(document) * 2 | 0x40000000 if narrow else len(document)
        document += pieces[number].encode("ascii" if narrow else "utf-16-le")
    ends = [sum(map(len, pieces[:count])) for count in range(len(pieces) + 1)]
    body = struct.pack(f"<{len(ends)}I", *ends) + b"".join(
        struct.pack("<HIH", 0, places[number], 0) for number in range(len(pieces))
    )
    clx = b"\1" + struct.pack("<H", 4) + b"grpp" + b"\2" + struct.pack("<I", len(body)) + body
    struct.pack_into("<II", document, 0x01A2, 16, len(clx))
    table = "1Table" if flags & 0x0200 else "0Table"
    return compound({"WordDocument": bytes(document), table: bytes(16) + clx})


@pytest.mark.parametrize("flags", [0, 0x0200])
def test_pieces_are_joined_in_the_order_of_the_text(flags: int) -> None:
    items = decoded(word(["Name\x07", f"{NAME}\x07\x07", "Note \x13 PAGE \x14", "メモ\x15\r", "end\r"], flags=flags))
    assert Text("text", f"Name\t{NAME}\nNote  PAGE  メモ\nend\n") in items
    assert troubles(items) == []


def test_a_piece_outside_is_said() -> None:
    data = bytearray(word(["abc", NAME]))
    at = data.index(struct.pack("<HIH", 0, FIB, 0))
    struct.pack_into("<I", data, at + 2, 0x3FFFFFFF)
    assert troubles(decoded(bytes(data))) == ["word-pieces"]


def test_older_layouts_are_said() -> None:
    assert troubles(decoded(word(["abc"], version=0x00A0))) == ["no-decoder"]
    assert [item for item in decoded(word([])) if isinstance(item, Trouble)]
