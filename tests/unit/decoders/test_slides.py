"""Laws of old presentations: text of every atom, whatever holds it; a broken chain is said."""

from __future__ import annotations

import struct

from pipeline.decoders import Text
from tests.unit.decoders.compound import compound
from tests.unit.decoders.samples import NAME, decoded, troubles


def record(kind: int, body: bytes, version: int = 0) -> bytes:
    return struct.pack("<HHI", version, kind, len(body)) + body


def slides() -> bytes:
    wide, narrow = record(0x0FA0, f"{NAME}\r所属".encode("utf-16-le")), record(0x0FA8, b"plain")
    inner = record(0x0FF0, wide + record(0x0F9F, bytes(4)) + narrow, 0xF)
    return record(0x03E8, record(0x0FBA, "題".encode("utf-16-le")) + inner, 0xF)


def test_text_of_every_atom_is_given() -> None:
    items = decoded(compound({"PowerPoint Document": slides()}))
    assert [item.text.split() for item in items if isinstance(item, Text)] == [["題", *NAME.split(), "所属", "plain"]]
    assert troubles(items) == []


def test_a_chain_that_breaks_is_said_and_what_comes_before_is_given() -> None:
    items = decoded(compound({"PowerPoint Document": slides() + record(0x0FA8, bytes(9))[:7] + b"\x7f" + bytes(9)}))
    assert any(isinstance(item, Text) for item in items)
    assert troubles(items) == ["slides-records"]
