"""People are counted by their strongest key; text is masked; YARA reaches Japanese in every encoding."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pipeline.detectors import Scanner
from pipeline.detectors.masking import Masker
from pipeline.detectors.people import PersonRecord, count_people, records_of
from pipeline.detectors.yara_rules import YaraScanner, compile_rules
from pipeline.errors import RuleError
from pipeline.rules import load_rules

RULES = Path(__file__).parents[3] / "rules"
KEY = b"k" * 32


@cache
def scanner() -> Scanner:
    return Scanner(load_rules(RULES))


def record(place: str, /, **tags: str) -> PersonRecord:
    return PersonRecord(record=place, tags={kind.replace("_", "-"): (tag,) for kind, tag in tags.items()})


def test_identifier_joins_and_weaker_records_follow_it() -> None:
    count = count_people(
        [
            record("a", citizen_code="1", name="n", birth_date="d", household_number="h"),
            record("b", citizen_code="1"),
            record("c", name="n", birth_date="d"),
            record("d", name="n"),
        ]
    )
    assert (count.low, count.high, count.records, count.ambiguous, count.households) == (1, 1, 4, 1, 1)
    assert (count.rule, count.people[0].records) == ("identifier", ("a", "b", "c"))


def test_without_identifier_the_count_is_an_interval() -> None:
    count = count_people(
        [
            record("a", name="n", birth_date="d", address="x"),
            record("b", name="n", birth_date="d", address="y"),
            record("c", name="m", birth_date="d"),
            record("d", name_kana="k"),
        ]
    )
    assert (count.low, count.high, count.ambiguous) == (2, 3, 1)


def test_copies_in_other_encodings_are_the_same_people() -> None:
    text = "宛名番号,氏名,生年月日\n0000000012,山田太郎,S60.4.1\n0000000013,佐藤花子,H1.2.3\n"
    records = [
        one
        for encoding in ("utf-8", "cp932", "euc_jp")
        for one in records_of(scanner().scan_content(text.encode(encoding)), KEY, encoding)
    ]
    count = count_people(records)
    assert (count.low, count.high, count.records) == (2, 2, 6)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("山田太郎_申請書.docx", "_申請書.docx"),
        ("C:/Users/x/佐藤花子様.xlsx", "C:/Users/x/"),
        ("https://example.com/?q=090-1234-5678", "https://example.com/?q="),
        ("Re: taro@example.com", "Re: "),
        ("/田中/tanaka.t_y@example.co.jp_返信.eml", "/田中/"),
        ("昭和60年4月1日生_調書.pdf", "_調書.pdf"),
    ],
)
def test_values_in_paths_and_subjects_are_masked(text: str, kept: str) -> None:
    masked = Masker(scanner(), KEY).mask(text)
    assert masked != text
    assert kept in masked
    assert not any(value in masked for value in ("山田", "太郎", "花子", "1234", "taro"))


def test_text_without_values_is_not_changed() -> None:
    for text in ("/var/log/syslog", "決算書_2022.pdf", "尼崎市住民票一覧.csv", ""):
        assert Masker(scanner(), KEY).mask(text) == text


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp", "utf-16-le", "utf-16-be"])
def test_yara_reaches_japanese_in_every_encoding(encoding: str) -> None:
    data = "宛名番号,世帯番号,生年月日".encode(encoding)
    found = YaraScanner(load_rules(RULES)).scan(data, 100)
    assert [(match.rule, match.tags) for match in found] == [("register_dump", ("register",))] * 3
    assert found[0].offset == 100


def test_yara_errors_name_file_and_line() -> None:
    with pytest.raises(RuleError, match=r"rules/yara/bad.yar:3:"):
        compile_rules({"bad.yar": "rule a\n{\n  condition: nothing\n}\n"})
