"""The register index answers whether a record is a row of it, and gives nothing else away."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.register import Match, Register, build_register

KEY = b"k" * 32
HEADERS = {"宛名番号": "citizen-code", "氏名": "name", "カナ": "name-kana", "生年月日": "birth-date", "住所": "address"}
CSV = (
    "宛名番号,氏名,カナ,生年月日,住所\n"
    "0000000001,髙橋　健一,ﾀｶﾊｼ ｹﾝｲﾁ,S60.4.1,尼崎市潮江１丁目２－３\n"
    "0000000002,山田 花子,ヤマダ ハナコ,1990-01-02,尼崎市潮江1-2-4\n"
    "0000000003,山田 花子,ヤマダ ハナコ,1990-01-02,尼崎市潮江1-2-5\n"
)


@pytest.fixture(params=["cp932", "utf-8", "utf-16"])
def register(request: pytest.FixtureRequest, tmp_path: Path) -> Register:
    source = tmp_path / "residents.csv"
    source.write_bytes(CSV.encode(request.param))
    summary = build_register(source, "residents", KEY, tmp_path / "residents.akr", headers=HEADERS)
    assert (summary.rows, summary.empty_rows) == (3, 0)
    return Register.open(tmp_path / "residents.akr", KEY)


def test_two_independent_fields_find_the_row_in_any_spelling(register: Register) -> None:
    record = {"name": ["高橋健一"], "birth-date": ["昭和60年4月1日"]}
    assert register.match(record) == Match(0, "birth-date+name")


def test_identifier_alone_suffices(register: Register) -> None:
    assert register.match({"citizen-code": ["0000000002"]}) == Match(1, "citizen-code")


def test_name_and_its_kana_are_one_field(register: Register) -> None:
    record = {"name": ["髙橋健一"], "name-kana": ["タカハシケンイチ"]}
    assert (register.match(record), register.reason(record)) == (None, "weak")


def test_two_rows_alike_stay_ambiguous(register: Register) -> None:
    record = {"name": ["山田花子"], "birth-date": ["1990-01-02"]}
    assert (register.match(record), register.reason(record)) == (None, "ambiguous")
    assert register.match({**record, "address": ["尼崎市潮江1丁目2番5号"]}) == Match(2, "address+birth-date+name")


def test_contradicting_birth_date_is_no_match(register: Register) -> None:
    record = {"name": ["髙橋健一"], "birth-date": ["1985-04-02"], "address": ["尼崎市潮江1-2-3"]}
    assert register.match(record) is None


def test_an_index_of_the_earlier_tags_is_refused(register: Register, tmp_path: Path) -> None:
    path = tmp_path / "residents.akr"
    path.write_bytes(path.read_bytes().replace(b"AKREG\x00\x02", b"AKREG\x00\x01", 1))
    with pytest.raises(SettingsError, match="build it again"):
        Register.open(path, b"k" * 32)


def test_file_holds_no_value_and_opens_with_its_key_alone(register: Register, tmp_path: Path) -> None:
    raw = (tmp_path / "residents.akr").read_bytes()
    assert "髙橋".encode() not in raw
    assert b"0000000001" not in raw
    with pytest.raises(IntegrityError):
        Register.open(tmp_path / "residents.akr", b"x" * 32)
    (tmp_path / "residents.akr").write_bytes(raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:])
    with pytest.raises(IntegrityError):
        Register.open(tmp_path / "residents.akr", KEY)


def test_unknown_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n", "utf-8")
    with pytest.raises(SettingsError, match="no column is known"):
        build_register(tmp_path / "a.csv", "d", KEY, tmp_path / "a.akr", headers=HEADERS)


def test_a_register_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("氏名,電話番号\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="no row has a value"):
        build_register(tmp_path / "r.csv", "d", bytes(32), tmp_path / "r.akr")


def test_white_space_around_a_cell_does_not_hide_it(tmp_path: Path) -> None:
    source = tmp_path / "spaced.csv"
    source.write_text("宛名番号,氏名\n 0000000001 ,\u3000山田 花子\u3000\n0000000002,  \n,\n", "utf-8")
    summary = build_register(source, "d", KEY, tmp_path / "d.akr", headers=HEADERS)
    register = Register.open(tmp_path / "d.akr", KEY)
    assert (summary.rows, summary.empty_rows) == (3, 1)
    assert register.match({"citizen-code": ["0000000001"], "name": ["山田花子"]}) == Match(0, "citizen-code+name")
    assert register.match({"citizen-code": ["0000000002"]}) == Match(1, "citizen-code")
