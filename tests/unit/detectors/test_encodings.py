"""Bytes of Japanese encodings decode, and each character keeps its place."""

from __future__ import annotations

import re

import pytest

from pipeline.detectors.encodings import byte_forms, decode, decode_line

LIKELY = re.compile("山田|高橋")


def test_characters_with_two_cp932_codes_have_both_forms() -> None:
    assert byte_forms("髙", "cp932") == (b"\xee\xe0", b"\xfb\xfc")
    assert byte_forms("﨑", "cp932") == (b"\xed\x95", b"\xfa\xb1")


def test_rows_of_nec_and_ibm_decode_in_euc_and_jis() -> None:
    assert decode(b"\xfc\xe2\xb6\xb6", "euc-jp").text == "髙橋"
    jis = decode(b"\x1b$B\x7cb66\x1b(B,", "iso-2022-jp")
    assert (jis.text, [jis.byte_offset(index) for index in range(4)]) == ("髙橋,", [3, 5, 10, 11])


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp", "iso2022_jp"])
def test_line_decodes_by_trial(encoding: str) -> None:
    assert decode_line("氏名,山田太郎".encode(encoding), LIKELY).text == "氏名,山田太郎"


def test_foreign_bytes_cost_no_place() -> None:
    decoded = decode(b"\xff\xfe\xe5\xb1\xb1", "utf-8")
    assert (decoded.text[2], decoded.byte_offset(2)) == ("山", 2)
