"""Laws of the demo's builders: what they write, the reference readers read."""

from __future__ import annotations

import io
import sqlite3
import struct
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pyevtx
import pyregf
import pytest
from evtx import PyEvtxParser

from tests.builders import chromium, documents, regf
from tests.builders.evtx import Binary, Event, evtx, filetime
from tests.builders.fat32 import short_name
from tests.builders.people import HEADERS, generate, my_number, wareki
from tests.builders.tree import at

NOON = at("2022-06-21 12:00:00")


def test_same_seed_gives_the_same_people() -> None:
    assert generate(50, 2022) == generate(50, 2022)
    assert generate(50, 2022) == generate(80, 2022)[:50]


def test_numbers_are_distinct_and_disjoint_between_seeds() -> None:
    register, decoys = generate(1200, 2022), generate(300, 4711)
    for field in ("citizen_code", "my_number"):
        ours = {getattr(person, field) for person in register}
        others = {getattr(person, field) for person in decoys}
        assert (len(ours), len(others), ours & others) == (1200, 300, set())


@pytest.mark.parametrize(("eleven", "whole"), [("12345678901", "123456789018"), ("00000000000", "000000000000")])
def test_my_number_carries_the_check_digit_of_the_ordinance(eleven: str, whole: str) -> None:
    assert my_number(eleven) == whole


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(1985, 4, 1), "昭和60年4月1日"),
        (date(1989, 1, 7), "昭和64年1月7日"),
        (date(1989, 1, 8), "平成元年1月8日"),
        (date(2019, 5, 1), "令和元年5月1日"),
    ],
)
def test_birth_dates_follow_the_eras(day: date, text: str) -> None:
    assert wareki(day) == text


def test_every_name_is_cp932_and_every_cell_has_its_header() -> None:
    for person in generate(300, 2022):
        assert "?" not in person.name.encode("cp932", "replace").decode("cp932")
        assert len(person.cells()) == len(HEADERS) == 18


def _events(count: int) -> list[Event]:
    return [
        Event(time=NOON + timedelta(minutes=number), event_id=1006, provider="P", channel="C", computer="PC",
              data=(("Model", f"型{number}"), ("Capacity", number << 33), ("Vbr0", Binary(b"\x01\xff"))))
        for number in range(count)
    ]  # fmt: skip


def test_both_event_log_readers_read_every_record_over_chunk_borders() -> None:
    log = evtx(_events(900), first_record=7)
    assert len(log) > 4096 + 2 * 65536
    records = list(PyEvtxParser(io.BytesIO(log)).records_json())
    assert [record["event_record_id"] for record in records] == list(range(7, 907))
    assert '"Model":"型899"' in records[-1]["data"]
    reader = pyevtx.file()
    reader.open_file_object(io.BytesIO(log))
    assert (reader.number_of_records, reader.number_of_recovered_records, reader.is_corrupted()) == (900, 0, False)
    assert '<Data Name="Vbr0">01FF</Data>' in reader.get_record(500).xml_string
    reader.close()


def test_hive_keeps_keys_times_and_device_property_types() -> None:
    root = regf.Key("ROOT", NOON)
    stamp = struct.pack("<Q", filetime(NOON))
    regf.tree(root, "A\\Properties\\0064", NOON, [regf.Value("", regf.FILETIME_PROPERTY, stamp)])
    reader = pyregf.file()
    reader.open_file_object(io.BytesIO(regf.hive(root, name="SYSTEM")))
    key = reader.get_key_by_path("\\A\\Properties\\0064")
    assert not reader.is_corrupted()
    assert key.get_last_written_time_as_integer() == filetime(NOON)
    assert (key.get_value(0).type, key.get_value(0).data) == (0xFFFF0010, stamp)
    reader.close()


def test_histories_are_whole_databases(tmp_path: Path) -> None:
    visits = [chromium.Visit(time=NOON, url="https://a.example/", title="題", transition=chromium.FORM_SUBMIT)]
    for data, table in ((chromium.history(visits), "visits"), (chromium.places(visits), "moz_historyvisits")):
        path = tmp_path / "database"
        path.write_bytes(data)
        base = sqlite3.connect(path)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert base.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
        base.close()


def test_japanese_zip_has_cp932_names_without_the_utf8_flag() -> None:
    data = documents.zip_cp932({"表.csv": b"x" * 100})
    archive = zipfile.ZipFile(io.BytesIO(data), metadata_encoding="cp932")
    assert (archive.namelist(), archive.testzip(), archive.infolist()[0].flag_bits) == (["表.csv"], None, 0)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("README.TXT", b"README  TXT"),
        ("構成表_全世帯.xls", "構成表~1XLS".encode("cp932")),
        ("住民税.csv", "住民税".encode("cp932") + b"  CSV"),
    ],
)
def test_short_names_are_those_of_japanese_windows(name: str, short: bytes) -> None:
    assert short_name(name, []) == short
    assert len(short) == 11
