"""Runs of Japanese text in noise: each encoding, where they begin and end, and what is none."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from pipeline.carvers import Carved, Engine, Found, Space
from tests.contract.test_carvers import CARVERS, FINDER, Bytes, carved

NOISE = random.Random(21).randbytes(8190)
PROSE = "これは日本語の文章です。市役所の窓口で申請を受け付け、台帳に記入しました。\n" * 8
TABLE = "氏名,住所,電話\r\n" + "".join(
    f"{family}{given},東京都世田谷区{number}-{number * 3},03-1234-{1000 + number}\r\n"
    for number, family in enumerate(("山田", "鈴木", "佐藤", "高橋", "渡辺"), 1)
    for given in ("太郎", "花子", "一郎", "美咲")
)
ENCODINGS = ("utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be")


@pytest.mark.parametrize("place", [512, 778])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [PROSE, TABLE], ids=["prose", "table"])
def test_text_is_carved_from_its_first_to_its_last_byte(encoding: str, place: int, text: str) -> None:
    data = text.encode(encoding)
    noise = NOISE[: place - 2] + b"\0\0"
    assert carved(noise + data + b"\0\0" + NOISE) == [Carved(place, len(data), "text", encoding=encoding)]


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp"])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_text_cut_inside_a_character_where_raw_space_begins(encoding: str, cut: int) -> None:
    data = PROSE.encode(encoding)
    (found,) = carved(data[cut:] + bytes(600))
    assert (found.encoding, found.start + found.length) == (encoding, len(data) - cut)
    assert found.start <= 3


@pytest.mark.parametrize("window", [4096, 8192, 65536])
def test_windows_of_any_size_find_the_same(window: int) -> None:
    data = b"".join(NOISE[: 500 + 2 * index] + b"\0" * (2 + index % 2) + PROSE.encode(encoding) + bytes(2)
                    for index, encoding in enumerate(ENCODINGS * 4))  # fmt: skip
    assert carved(data, window) == carved(data)
    assert len([item for item in carved(data) if item.type == "text"]) >= 20


def test_text_where_a_stretch_of_raw_space_begins_in_the_middle_of_text() -> None:
    data = PROSE.encode("utf-8") * 4
    space = Space(Bytes(data), Space.whole(Bytes(data)).within(1000, len(data)), {})
    (found,) = [one for one in Engine(CARVERS, FINDER).carve(space, 0, len(data)) if isinstance(one, Found)]
    assert 1000 <= found.carved.start < 1004
    assert found.carved.start + found.carved.length == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"plain English text, as long as it may be. " * 50,
        "été naïve façade übergröße año ".encode("latin-1") * 50,
        "Это русский текст, который не является японским. ".encode() * 20,
        "Это русский текст, который не является японским. ".encode("cp1251") * 20,
        "山".encode("euc_jp") * 400,
        b"I\x8bF H\x8bK I\x89N H\x89C " * 60,
        "短い".encode() * 9,
    ],
    ids=["ascii", "latin-1", "russian", "russian cp1251", "one character", "machine code", "short"],
)
def test_what_is_no_japanese_text(data: bytes) -> None:
    assert [item for item in carved(NOISE + b"\0" + data + b"\0" + NOISE) if item.type == "text"] == []


def test_mail_behind_a_text_is_not_part_of_it() -> None:
    mail = "From: a@example.jp\r\nSubject: x\r\n\r\n本文\r\n"
    (found, *_) = carved((PROSE + mail).encode() + bytes(9))
    assert (found.type, found.length) == ("text", len(PROSE.encode()))


def test_programs_hold_hardly_any(tmp_path: Path) -> None:
    """Interpreters hold tables of characters; nothing but Japanese may be taken."""
    listed = subprocess.run(["ls", "-S", "/usr/bin"], capture_output=True, text=True, check=True).stdout.split()
    data = b"".join(Path("/usr/bin", name).read_bytes() for name in listed[:12] if Path("/usr/bin", name).is_file())
    data = data[: 24 << 20]
    for item in carved(data, 1 << 22):
        if item.type == "text":
            text = data[item.start : item.start + item.length].decode(item.encoding, "replace")
            assert sum("ぁ" <= char <= "ー" or "一" <= char <= "鿿" for char in text) >= 0.05 * len(text)
