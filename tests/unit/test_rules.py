"""Rule files: every error at once, with its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.errors import RuleError
from pipeline.rules import load_rules
from pipeline.rules_values import canonical, iso_date, value_tag

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("lists", "detectors"):
        shutil.copytree(RULES / name, tmp_path / name)
    return tmp_path


def test_digest_changes_with_a_rule_and_with_nothing_else(folder: Path) -> None:
    before = load_rules(folder).digest
    assert load_rules(folder).digest == before
    path = folder / "detectors" / "email.yaml"
    path.write_text(path.read_text("utf-8").replace("version: 2", "version: 3"), "utf-8")
    assert load_rules(folder).digest != before


def test_all_errors_are_told_with_file_and_line(folder: Path) -> None:
    (folder / "detectors" / "a.yaml").write_text(
        "id: a\nkind: a\nversion: 1\nmatch:\n  regex: '('\nscore: {base: 1}\ncolour: 1\n"
    )
    (folder / "detectors" / "b.yaml").write_text(
        "id: b\nkind: b\nversion: 1\nmatch: {terms: [DV, 氏]}\nscore: {base: 1}\ntests: {hit: [a], miss: [b]}\n",
        "utf-8",
    )
    with pytest.raises(RuleError) as raised:
        load_rules(folder)
    lines = [line.rpartition("/")[2] for line in str(raised.value).splitlines()]
    assert [line.split(" ")[0] for line in lines] == [
        "a.yaml:1:",
        "a.yaml:1:",
        "a.yaml:5:",
        "a.yaml:7:",
        "b.yaml:4:",
        "b.yaml:4:",
    ]
    assert "pattern does not compile" in lines[2]
    assert "unknown key colour" in lines[3]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("昭和60年4月1日", "1985-04-01"),
        ("S60.4.1", "1985-04-01"),
        ("昭和６４年１月７日", "1989-01-07"),
        ("昭和64年1月8日", None),
        ("平成元年1月8日", "1989-01-08"),
        ("R010501", "2019-05-01"),
        ("19850401", "1985-04-01"),
        ("1985/02/30", None),
    ],
)
def test_dates_of_all_forms_become_one(written: str, day: str | None) -> None:
    assert iso_date(written) == day


def test_equal_values_share_a_tag_whatever_their_form() -> None:
    key = b"k" * 32
    assert value_tag(key, "name", "髙橋　健一") == value_tag(key, "name", "高橋健一")
    assert value_tag(key, "phone", "06-6489-6000") == value_tag(key, "phone", "０６（６４８９）６０００")
    assert value_tag(key, "name", "高橋健一") != value_tag(b"x" * 32, "name", "高橋健一")
    assert canonical("name-kana", "ﾔﾏﾀﾞ ﾀﾛｳ") == canonical("name-kana", "やまだ　たろう")
    assert canonical("address", "潮江一丁目２番３号") == canonical("address", "潮江1-2-3")
