"""Settings refuse what they do not know, with file and line."""

from pathlib import Path

import pytest

from pipeline.config import load_case
from pipeline.errors import SettingsError

GOOD = """\
[case]
id = "c1"
title = "t"

[incident]
lost_from = 2022-06-21T22:30:00+09:00
recovered_at = 2022-06-24T11:40:00+09:00

[[exhibit]]
label = "USB-01"
role = "recovered-media"
image = "images/usb.E01"
md5 = "0123456789ABCDEF0123456789ABCDEF"
acquired = { by = "A", at = 2022-06-25T10:00:00+09:00 }
custody = [ { at = 2022-06-24T12:00:00+09:00, from = "A", to = "B", note = "n" } ]
authorised = ["residents"]

[[dataset]]
id = "residents"
title = "r"
register = "registers/r.akr"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "case.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_case_is_read_whole(tmp_path: Path) -> None:
    case = load_case(write(tmp_path, GOOD), tmp_path / "rules")
    (exhibit,) = case.exhibits
    assert exhibit.image == tmp_path / "images/usb.E01"
    assert exhibit.md5 == "0123456789abcdef0123456789abcdef"
    assert exhibit.timezone == "Asia/Tokyo"
    assert exhibit.custody[0].from_ == "A"
    assert exhibit.authorised == ("residents",)
    assert case.datasets[0].register == tmp_path / "registers/r.akr"
    assert case.incident.lost_from.isoformat() == "2022-06-21T22:30:00+09:00"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "t"', 'titel = "t"', "case.toml:3: unknown key 'titel'"),
        ('role = "recovered-media"', 'role = "stick"', "case.toml:11: role must be one of"),
        ("[incident]", "[incidents]", "unknown section 'incidents'"),
        ("lost_from = 2022-06-21T22:30:00+09:00", "lost_from = 2022-06-21T22:30:00", "needs an offset"),
        ("lost_from = 2022-06-21", "lost_from = 2023-06-21", "must be later than lost_from"),
        ('md5 = "0123', 'md5 = "xyz', "case.toml:13: md5 must be 32 hex digits"),
        ('authorised = ["residents"]', 'authorised = ["tax"]', "'tax' is not a [[dataset]]"),
        ('id = "c1"', 'id = "../c1"', "case.toml:2: id '../c1' must be"),
        ('id = "c1"', "id = 7", "'id' must be str, not int"),
        ('label = "USB-01"', 'label = "USB-01"\ntimezone = "Mars/Base"', "timezone 'Mars/Base' is unknown"),
        ("[case]", "[case", "not valid TOML"),
        ("[incident]", '[ocr]\nenabled = "no"\n[incident]', "'enabled' must be bool, not str"),
        ("[incident]", "[ocr]\nseconds = true\n[incident]", "'seconds' must be int, not bool"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError) as caught:
        load_case(write(tmp_path, GOOD.replace(old, new, 1)), tmp_path / "rules")
    assert expected in str(caught.value)
    assert caught.value.exit_code == 2


def test_reading_of_pictures_is_set_in_its_own_section(tmp_path: Path) -> None:
    assert load_case(write(tmp_path, GOOD), tmp_path / "rules").ocr.enabled
    told = load_case(write(tmp_path, GOOD + "\n[ocr]\nenabled = false\nleast_pixels = 9\n"), tmp_path / "rules").ocr
    assert (told.enabled, told.least_pixels) == (False, 9)


def test_two_exhibits_cannot_share_a_label(tmp_path: Path) -> None:
    twice = GOOD + GOOD[GOOD.index("[[exhibit]]") : GOOD.index("[[dataset]]")]
    with pytest.raises(SettingsError, match="'USB-01' is used twice"):
        load_case(write(tmp_path, twice), tmp_path / "rules")


def test_a_missing_case_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="akashi init"):
        load_case(tmp_path, tmp_path / "rules")
