"""What is left of SQLite databases: logs, journals and pages made by SQLite itself, in noise."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.access.sqlite_page import read_page, values_of
from pipeline.carvers import Carved
from pipeline.decoders import Limits, Text, Trouble, decoder_for, type_of
from tests.contract.test_carvers import Bytes, carved
from tests.real_data import real_path

NOISE = random.Random(7).randbytes(9000)
ADDRESS = "東京都千代田区"


def database(folder: Path, *statements: str, page: int = 4096, rows: int = 300, encoding: str = "UTF-8") -> bytes:
    path = folder / "a.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute(f"pragma page_size={page}")
        base.execute(f"pragma encoding='{encoding}'")
        base.execute("pragma synchronous=off")
        base.execute("create table t(id integer primary key, name text, address text, n int)")
        base.execute("create index i on t(name)")
        base.execute("begin")
        for number in range(1, rows + 1):
            base.execute("insert into t values(?,?,?,?)", (number, f"山田{number}", f"{ADDRESS}{number}", number << 20))
        base.execute("commit")
        for statement in statements:
            base.execute(statement)
    return path.read_bytes()


def texts(kind: str, data: bytes) -> dict[str, str]:
    decoder = decoder_for(kind)
    assert decoder is not None
    parts = list(decoder.decode(Bytes(data), Limits()))
    assert {part.code for part in parts if isinstance(part, Trouble)} <= {"sqlite-overflow"}
    return {part.locator: part.text for part in parts if isinstance(part, Text)}


@pytest.mark.parametrize("page", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("place", [512, 777, 24])
def test_leaf_pages_without_their_database_give_every_row(tmp_path: Path, page: int, place: int) -> None:
    data = database(tmp_path, page=page)[page:]
    rows: set[str] = set()
    for item in carved(NOISE[:place] + data + NOISE):
        assert (item.type, item.complete, (item.start - place) % page, item.length % page) == (
            "sqlite-page",
            True,
            0,
            0,
        )
        body = (NOISE[:place] + data)[item.start : item.start + item.length]
        rows |= set(texts("sqlite-page", body).values())
    for number in range(1, 301):
        assert f"\t山田{number}\t{ADDRESS}{number}\t{number << 20}" in rows


def test_each_row_is_a_text_of_its_own_with_its_row_id(tmp_path: Path) -> None:
    data = database(tmp_path)[4096:]
    (first, *_) = carved(data)
    found = texts("sqlite-page", data[first.start : first.start + first.length])
    assert found["page-0!1"] == f"\t山田1\t{ADDRESS}1\t1048576"
    assert found["page-0!2"] == f"\t山田2\t{ADDRESS}2\t2097152"


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_rows_of_utf_16_databases_are_read(tmp_path: Path, encoding: str) -> None:
    data = database(tmp_path, encoding=encoding)[4096:]
    rows = {
        row
        for item in carved(data)
        for row in texts("sqlite-page", data[item.start : item.start + item.length]).values()
    }
    assert f"\t山田7\t{ADDRESS}7\t7340032" in rows


def test_pages_with_free_blocks_and_fragments_are_sound(tmp_path: Path) -> None:
    data = database(tmp_path, "delete from t where id % 3 = 0", "update t set name = 'x' where id % 7 = 0")
    kinds = [data[at] for at in range(4096, len(data), 4096)]
    assert kinds.count(13) > 2
    for at in range(4096, len(data), 4096):
        if data[at] in (10, 13) and data[at + 3 : at + 5] != b"\0\0":
            page = read_page(data[at : at + 4096])
            assert page is not None
            assert page.size == 4096


@pytest.mark.parametrize("change", [1, 4, 6, 9, 700, 4000])
def test_an_altered_page_is_none_or_says_the_same_size(tmp_path: Path, change: int) -> None:
    whole = database(tmp_path)
    leaf = next(at for at in range(4096, len(whole), 4096) if whole[at] == 13)
    data = bytearray(whole[leaf : leaf + 4096])
    data[change] ^= 0x5A
    page = read_page(bytes(data))
    assert page is None or page.size == 4096
    if change < 10:
        assert page is None


def test_overwritten_half_of_a_page_is_none(tmp_path: Path) -> None:
    data = database(tmp_path)[4096 * 2 : 4096 * 3]
    assert carved(data[:2048] + NOISE) == []


def test_row_with_overflow_gives_what_the_page_holds(tmp_path: Path) -> None:
    data = database(tmp_path, f"insert into t values(999, 'あふれ', '{'長' * 5000}', 5)")
    pages = [data[at : at + 4096] for at in range(4096, len(data), 4096)]
    found = [(page, raw) for raw in pages if (page := read_page(raw)) and any(cell.overflows for cell in page.cells)]
    (cell,) = [cell for page, _ in found for cell in page.cells if cell.rowid == 999]
    values = values_of(found[0][1], cell, "utf-8")
    assert values[1] == "あふれ"
    assert len(values) == 3
    assert set(values[2]) <= {"長", "�"}


@pytest.fixture
def logged(tmp_path: Path) -> Callable[[], bytes]:
    def make() -> bytes:
        base = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
        base.execute("pragma journal_mode=wal")
        base.execute("pragma wal_autocheckpoint=0")
        base.execute("pragma synchronous=off")
        base.execute("create table t(id integer primary key, name text)")
        for number in range(40):
            base.execute("insert into t values(?,?)", (number, f"山田{number}"))
        base.execute("pragma wal_checkpoint(restart)")
        base.execute("insert into t values(1000, '鈴木')")
        data = (tmp_path / "w.db-wal").read_bytes()
        base.close()
        return data

    return make


def test_log_is_carved_to_its_last_frame_with_those_of_the_round_before(logged: Callable[[], bytes]) -> None:
    data = logged()
    assert len(data) % 4120 == 32
    assert carved(NOISE[:33] + data + NOISE) == [Carved(33, len(data), "sqlite-wal")]
    assert type_of(data) == "sqlite-wal"
    found = texts("sqlite-wal", data)
    assert {"\t鈴木", "\t山田0", "\t山田39"} <= set(found.values())


def test_log_ends_where_a_frame_is_altered(logged: Callable[[], bytes]) -> None:
    data = bytearray(logged())
    data[32 + 4120 * 5 + 2000] ^= 1
    (first, *rest) = carved(bytes(data))
    assert (first.type, first.length) == ("sqlite-wal", 32 + 4120 * 5)
    assert {item.type for item in rest} <= {"sqlite-page"}


def test_journal_is_carved_to_its_last_record(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("pragma cache_size=5")
        base.execute("pragma synchronous=off")
        base.execute("create table t(id integer primary key, name text)")
        base.execute("begin")
        base.executemany("insert into t values(?,?)", [(number, f"山田{number}" * 20) for number in range(500)])
        base.execute("commit")
        base.execute("begin")
        base.execute("update t set name = name || 'x'")
        data = (tmp_path / "j.db-journal").read_bytes()
        base.execute("rollback")
    (found, *_) = carved(NOISE + data)
    assert (found.start, found.type) == (9000, "sqlite-journal")
    assert found.length > 8 * 4096
    assert "山田1" * 20 in "".join(texts("sqlite-journal", data[: found.length]).values())


def test_pages_of_a_browser_history_are_carved() -> None:
    data = real_path("plaso/test_data/chrome/History").read_bytes()
    whole = carved(NOISE + data + NOISE)
    assert [(item.start, item.length, item.type) for item in whole] == [(9000, len(data), "sqlite")]
    pages = carved(NOISE[:100] + data[4096:] + NOISE)
    raw = NOISE[:100] + data[4096:]
    rows = [row for one in pages for row in texts("sqlite-page", raw[one.start : one.start + one.length]).values()]
    assert any("http://start.ubuntu.com/10.04/Google/" in row for row in rows)
