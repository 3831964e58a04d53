"""Laws that every decoder and the archive decoder keep."""

from __future__ import annotations

import io
import zipfile

import pytest

from pipeline.decoders import DECODERS, Decoder, Limits, Locked, Member, Text, Trouble, decoder_for


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)
@pytest.mark.parametrize("data", [b"", b"P", b"PK\x03\x04" + b"\0" * 40, b"%PDF-1.4\n", bytes(range(256)) * 8])
def test_garbage_gives_rows_and_no_exception(decoder: Decoder, data: bytes) -> None:
    for item in decoder.decode(Bytes(data), Limits()):
        assert isinstance(item, Text | Member | Locked | Trouble)


def test_stored_member_is_found_at_its_offset_and_cap_is_said() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"hello")
    decoder = decoder_for("zip")
    assert decoder is not None
    (item,) = decoder.decode(Bytes(out.getvalue()), Limits())
    assert isinstance(item, Member)
    assert (item.path, item.data, item.stored_offset) == ("a.txt", b"hello", 35)
    (cut,) = decoder.decode(Bytes(out.getvalue()), Limits(member_bytes=4))
    assert cut == Trouble("limit-member-bytes", "a member exceeds 4 bytes")
