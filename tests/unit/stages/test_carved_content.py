"""What a carved object adds to the scan of its raw bytes: columns of a table, rows of a database page."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.store import Store
from tests.e2e.conftest import akashi

TABLE = "氏名,住所,世帯番号\r\n" + "".join(
    f"{family}{given},東京都世田谷区北沢{number}-{number * 3},{number}2345678\r\n"
    for number, family in enumerate(("山田", "鈴木", "佐藤", "高橋", "渡辺"), 1)
    for given in ("太郎", "花子", "一郎", "美咲")
)


def image(folder: Path) -> bytes:
    with closing(sqlite3.connect(folder / "a.db")) as base:
        base.execute("create table t(id integer primary key, name text, address text, phone text)")
        for number in range(1, 61):
            base.execute(
                "insert into t values(?,?,?,?)", (number, "山田太郎", "東京都千代田区", f"090-1234-{number:04}")
            )
        base.commit()
    rows = (folder / "a.db").read_bytes()
    (leaf,) = [rows[at : at + 4096] for at in range(0, len(rows), 4096) if rows[at] == 13]
    data = bytearray(random.Random(3).randbytes(1 << 18))
    text = b"\0" + TABLE.encode("cp932") + b"\0"
    data[4095 : 4095 + len(text)] = text
    data[65536 : 65536 + 4096] = leaf
    return bytes(data)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("case")
    akashi("init", folder, check=0)
    (folder / "disk.raw").write_bytes(image(folder))
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings = folder / "case.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "examine", "--workers", "1", check=3)
    store = Store(folder / "out")
    return {name: store.mapped("examine", name).to_pylist() for name in ("files", "detections")}


def test_objects_are_files_with_their_type_and_encoding(tables: dict[str, list[dict[str, Any]]]) -> None:
    carved = {row["type"]: row for row in tables["files"] if row["origin"] == "carved"}
    assert (carved["text"]["meta"], carved["text"]["flags"]) == (4096, "cp932")
    assert (carved["sqlite-page"]["meta"], carved["sqlite-page"]["size"]) == (65536, 4096)


def test_columns_of_a_table_are_read_and_nothing_twice(tables: dict[str, list[dict[str, Any]]]) -> None:
    found = [row for row in tables["detections"] if row["image_offset"] is not None and row["image_offset"] < 65536]
    assert len([row for row in found if row["kind"] == "household-number"]) == 20
    places = [(row["kind"], row["image_offset"]) for row in found]
    assert len(places) == len(set(places))


def test_rows_of_a_page_are_read_apart(tables: dict[str, list[dict[str, Any]]]) -> None:
    phones = [row for row in tables["detections"] if row["kind"] == "phone"]
    decoded = [row for row in phones if row["locator"].startswith("page-0!")]
    assert len({row["value_tag"] for row in phones}) == 60
    assert len(decoded) == len({row["record"] for row in decoded}) >= 55
