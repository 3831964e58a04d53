"""Fuzzing targets for what lies loose in the bytes: journal records, prefetch files, database pages and logs."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from pipeline.access.sqlite_log import journal_records, log_frames
from pipeline.access.sqlite_page import leaf_places, read_page, values_of
from pipeline.access.usn import PAGE, reasons_of, walk_page
from pipeline.access.xpress import unpack_huffman
from pipeline.carvers.prefetch import Prefetch
from tests.builders.hibernation import huffman
from tests.fuzz.frame import LIMIT, Target, Zeroed
from tests.unit.artefacts.test_usn import journal
from tests.unit.carvers.test_prefetch import prefetch

_PLACES = 64


def usn(raw: bytes) -> None:
    for at in range(0, len(raw), PAGE):
        page, behind = raw[at : at + PAGE], 0
        for place, record in walk_page(page):
            assert behind <= place <= len(page)
            behind = place + (record.length if record else 0)
            assert behind <= len(page)
            assert record is None or reasons_of(record.reason) or record.version


def prefetch_file(raw: bytes) -> None:
    view = Zeroed(raw, len(raw))
    found = Prefetch().carve(view, 0, view.size)
    assert found is None or 0 < found.length <= len(raw)
    unpack_huffman(raw, 65536)


def sqlite_page(raw: bytes) -> None:
    for place in [0, *leaf_places(raw)[:_PLACES]]:
        page = read_page(raw[place:])
        for cell in page.cells if page else ():
            assert cell.start + cell.length <= page.size  # type: ignore[union-attr]
            for encoding in ("utf-8", "utf-16-le"):
                values_of(raw[place:], cell, encoding)


def sqlite_log(raw: bytes) -> None:
    view = Zeroed(raw, len(raw))
    for walk in (log_frames, journal_records):
        for frame in walk(view, 0, view.size):
            assert 0 <= frame.start < frame.start + frame.size <= view.size


@cache
def _database() -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("pragma page_size = 1024")
        base.execute("create table t(id integer primary key, name text, n int, x blob)")
        base.executemany("insert into t values(?,?,?,?)", [(n, "山田" * 9, n << 30, b"\xff" * 40) for n in range(40)])
        base.execute("delete from t where id % 5 = 0")
        base.commit()
        return base.serialize()


@cache
def log_seeds() -> list[bytes]:
    """A write-ahead log and a rollback journal, as SQLite leaves them beside a database in use."""
    found = []
    for mode in ("wal", "persist"):
        with tempfile.TemporaryDirectory() as name, closing(sqlite3.connect(f"{name}/base")) as base:
            base.execute("pragma page_size = 512")
            base.execute(f"pragma journal_mode = {mode}")
            base.execute("create table t(id integer primary key, name text)")
            base.executemany("insert into t values(?,?)", [(n, "山田" * 9) for n in range(60)])
            base.commit()
            base.execute("pragma cache_size = 1")
            base.execute("update t set name = 'x'")
            found += [path.read_bytes()[:LIMIT] for path in sorted(Path(name).glob("base-[wj]*"))]
    return found


def page_seeds() -> list[bytes]:
    return [_database()[:LIMIT], _database()[1024:2048]]


def prefetch_seeds() -> list[bytes]:
    plain = [prefetch(17), prefetch(30)]
    return [*plain, b"MAM\x04" + len(plain[1]).to_bytes(4, "little") + huffman(plain[1])]


def usn_seeds() -> list[bytes]:
    return [journal(*[0x100] * 30), journal(0x100, 0x200, version=3), journal(0x2, 0x1000) + bytes(200)]


REMNANTS = {
    "usn": Target(usn, usn_seeds),
    "prefetch": Target(prefetch_file, prefetch_seeds),
    "sqlite-page": Target(sqlite_page, page_seeds),
    "sqlite-log": Target(sqlite_log, log_seeds),
}
