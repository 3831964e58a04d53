"""Digests of many values are those of each, and those that the standard's examples give."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.digests import cmac, cmac_many, hexadecimal, joined, numbered
from pipeline.rules_values import canonical_tags, value_tag

KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
EXAMPLES = {
    0: "028962f61b7bf89efc6b551f4667d983",
    16: "28a7023f452e8f82bd4bf28d8c37c35c",
    40: "aaf3d8f1de5640c232f5b169b9c911e6",
    64: "e1992190549f6ed5696a2c056c315410",
}
"""NIST SP 800-38B, appendix D.3 (AES-256), by length of the message."""


def test_the_standards_examples_hold() -> None:
    assert {size: cmac(KEY, MESSAGE[:size]).hex() for size in EXAMPLES} == EXAMPLES
    borders = np.cumsum([0, *EXAMPLES])
    data = np.frombuffer(b"".join(MESSAGE[:size] for size in EXAMPLES), np.uint8)
    assert hexadecimal(cmac_many(KEY, data, borders)).to_pylist() == list(EXAMPLES.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=70), max_size=20))
def test_many_are_what_each_is(texts: list[str]) -> None:
    many = cmac_many(KEY, *joined(texts))
    assert [bytes(row) for row in many] == [cmac(KEY, text.encode("utf-8", "surrogatepass")) for text in texts]
    assert canonical_tags(KEY, "name", texts) == b"".join(canonical_tags(KEY, "name", [text]) for text in texts)


def test_tags_tell_kinds_and_keys_apart() -> None:
    tags = {value_tag(key, kind, "1234567") for key in (b"a" * 32, b"b" * 32) for kind in ("phone", "postal-code")}
    assert len(tags) == 4
    assert all(len(tag) == 32 for tag in tags)


def test_numbers_under_other_names_have_other_ids() -> None:
    numbers = np.arange(1000)
    found = {bytes(row) for name in "ab" for row in numbered((name,), numbers, numbers % 7)}
    assert len(found) == 2000
