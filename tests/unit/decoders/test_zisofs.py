"""zisofs: what mkzftree packs comes out as it was, damage and limits are said."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from pipeline.decoders import Limits, Member, Trouble, decoder_for, type_of
from pipeline.decoders.base import Decoded
from pipeline.stages.examine_content import BytesReadable
from tests.builders.file_systems import run

TEXT = b"".join(b"hanako%d@example.jp\n" % number for number in range(20_000))
HEAD = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07"


def decoded(data: bytes, limits: Limits | None = None) -> list[Decoded]:
    decoder = decoder_for(type_of(data))
    assert decoder is not None
    return list(decoder.decode(BytesReadable(data), limits or Limits()))


def packed(content: bytes) -> bytes:
    """Pack content in blocks of 32 KiB; one of zeros takes no bytes."""
    blocks = [content[at : at + 32768] for at in range(0, len(content), 32768)]
    bodies = [zlib.compress(block) if block.strip(b"\0") else b"" for block in blocks]
    ends = [16 + 4 * (len(bodies) + 1)]
    for body in bodies:
        ends.append(ends[-1] + len(body))
    head = HEAD + len(content).to_bytes(4, "little") + bytes([4, 15, 0, 0])
    return head + b"".join(end.to_bytes(4, "little") for end in ends) + b"".join(bodies)


@pytest.mark.tools
def test_what_mkzftree_packs_comes_out(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/a.txt").write_bytes(TEXT + bytes(200_000) + b"end")
    run("mkzftree", tmp_path / "plain", tmp_path / "packed")
    data = (tmp_path / "packed/a.txt").read_bytes()
    assert decoded(data) == [Member("content", TEXT + bytes(200_000) + b"end")]


def test_blocks_of_no_length_are_zeros() -> None:
    content = TEXT[:32768] + bytes(65536) + b"end"
    assert decoded(packed(content)) == [Member("content", content)]


def test_damage_keeps_what_came_before_and_is_said() -> None:
    data = bytearray(packed(TEXT))
    data[-20] ^= 255
    body, trouble = decoded(bytes(data))
    assert isinstance(body, Member)
    assert TEXT.startswith(body.data)
    assert len(body.data) >= len(TEXT) - 65536
    assert isinstance(trouble, Trouble)
    assert trouble.code == "stream-damaged"


def test_limit_is_said() -> None:
    body, trouble = decoded(packed(TEXT), Limits(member_bytes=50_000))
    assert (body, isinstance(trouble, Trouble) and trouble.code) == (
        Member("content", TEXT[:50_000]), "limit-member-bytes",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_bent_bytes_give_rows(seed: int) -> None:
    dice, data = random.Random(seed), bytearray(packed(TEXT[:70_000]))
    for _ in range(dice.randrange(1, 9)):
        data[8 + dice.randrange(60)] = dice.randrange(256)
    for item in decoded(bytes(data)):
        assert isinstance(item, Member | Trouble)
