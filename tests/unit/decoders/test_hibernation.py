"""Pages of hibernation files are given as they were in memory; what is lost is said."""

from __future__ import annotations

import random

import pytest

from pipeline.access.xpress import unpack_huffman, unpack_plain
from pipeline.decoders import Decoded, Limits, Member, Trouble, decoder_for, type_of
from tests.builders.hibernation import PAGE, huffman, plain, windows_7, windows_10
from tests.contract.test_carvers import Bytes

PAGES = [f"頁{number} 山田太郎 ".encode().ljust(PAGE, b".") for number in range(20)]


def decode(data: bytes) -> tuple[bytes, list[str]]:
    decoder = decoder_for("hibernation")
    assert decoder is not None
    parts: list[Decoded] = list(decoder.decode(Bytes(data), Limits()))
    codes = [part.code for part in parts if isinstance(part, Trouble)]
    return b"".join(part.data for part in parts if isinstance(part, Member)), codes


def test_builder_packs_what_libfwnt_unpacks() -> None:
    data = random.Random(1).randbytes(8 * PAGE)
    assert unpack_huffman(huffman(data), len(data)) == data
    assert unpack_plain(plain(data), len(data)) == data


def test_windows_7_blocks_are_unpacked() -> None:
    data = windows_7(PAGES)
    assert type_of(data) == "hibernation"
    assert decode(data) == (b"".join(PAGES), [])


def test_windows_10_sets_are_unpacked_by_each_method() -> None:
    data = windows_10(PAGES[:8], PAGES[8:])
    assert type_of(data) == "hibernation"
    assert decode(data) == (b"".join(PAGES), [])


def test_blocks_behind_a_wiped_header_are_unpacked() -> None:
    data = bytes(PAGE) + windows_7(PAGES)[PAGE:]
    assert type_of(data, "/hiberfil.sys") == "hibernation"
    assert decode(data) == (b"".join(PAGES), [])


def test_damage_is_said_and_the_rest_is_unpacked() -> None:
    data = bytearray(windows_7(PAGES))
    data[2 * PAGE + 8] = 0xFF
    found, codes = decode(bytes(data))
    assert (found, codes) == (b"".join(PAGES[16:]), ["hibernation-damaged"])
    found, codes = decode(windows_10(PAGES[:8], PAGES[8:])[: -2 * PAGE])
    assert codes == ["hibernation-damaged"]
    assert b"".join(PAGES).startswith(found)


@pytest.mark.parametrize("data", [b"", b"hibr", bytes(9000), random.Random(2).randbytes(9000)])
def test_what_holds_no_pages_says_so(data: bytes) -> None:
    assert decode(data) == (b"", ["hibernation-empty"])


def test_text_that_begins_with_the_word_is_text() -> None:
    assert type_of(b"wake up and read this, it is plain text. " * 9) == "text"
