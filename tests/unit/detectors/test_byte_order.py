"""Text in UTF-16 is read in its own byte order, where its units stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.detectors import Scanner
from pipeline.rules import load_rules

SCANNER = Scanner(load_rules(Path(__file__).parents[3] / "rules"))
TEXT = "担当\r\nmail taro.yamada@example.jp, 090-1234-5678\r\n連絡は yamada.hanako@mail.example.jp まで\r\n以上です\r\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", ["", "氏名,メールアドレス,電話番号\r\n"])
def test_an_address_in_utf_16_is_found_where_it_stands(encoding: str, header: str) -> None:
    data = (header + TEXT).encode(encoding)
    found = [hit for hit in SCANNER.scan_content(data) if hit.kind == "email"]
    assert [data[hit.start : hit.start + hit.length].decode(encoding) for hit in found] == [
        "taro.yamada@example.jp", "yamada.hanako@mail.example.jp",
    ]  # fmt: skip
    assert {hit.encoding for hit in found} == {encoding}
