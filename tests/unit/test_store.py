"""Tables are merged in one order, whole or not at all."""

from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.records import Extent, FileEntry, Run, diagnose
from pipeline.schemas import TABLES, schema_of
from pipeline.store import PartWriter, Store, rows_to_table, table_to_rows


def extent(start: int, owner: str | None = None) -> Extent:
    return Extent(exhibit="E", start=start, length=10, class_="unallocated", owner=owner, volume="")


def put(store: Store, unit: str, starts: list[int]) -> None:
    writer = PartWriter(store.part("extents", "f" * 64, unit))
    writer.write("extents", [extent(start) for start in starts])
    writer.write("diagnostics", [diagnose("extents", unit, "code", "message")])
    writer.commit()


def build(out: Path, parts: dict[str, list[int]]) -> bytes:
    store = Store(out)
    store.begin("extents", "f" * 64)
    for unit, starts in parts.items():
        put(store, unit, starts)
    store.finish("extents", "f" * 64, units=sorted(parts), writes=("extents",))
    store.gather()
    return store.path("extents").read_bytes() + store.path("diagnostics").read_bytes()


def test_how_rows_were_split_does_not_change_a_table(tmp_path: Path) -> None:
    one = build(tmp_path / "a", {"u1": [30, 10], "u2": [20, 0]})
    two = build(tmp_path / "b", {"u2": [10, 20], "u1": [0, 30]})
    assert one == two
    assert [row.start for row in Store(tmp_path / "a").rows("extents")] == [0, 10, 20, 30]


def test_rows_equal_in_every_ordering_column_are_one(tmp_path: Path) -> None:
    build(tmp_path, {"u1": [0, 10], "u2": [10]})
    assert [row.start for row in Store(tmp_path).rows("extents")] == [0, 10]


def test_a_part_that_was_not_committed_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.begin("extents", "f" * 64)
    writer = PartWriter(store.part("extents", "f" * 64, "u1"))
    writer.write("extents", [extent(0)])
    assert not store.part("extents", "f" * 64, "u1").exists()
    store.begin("extents", "f" * 64)
    assert list((tmp_path / "work" / "extents" / ("f" * 16)).iterdir()) == []


def test_another_fingerprint_discards_parts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.begin("extents", "f" * 64)
    put(store, "u1", [0])
    store.begin("extents", "e" * 64)
    assert not store.part("extents", "f" * 64, "u1").exists()


def test_nested_rows_come_back_as_they_went_in() -> None:
    entry = FileEntry(
        id="i", exhibit="E", volume="v", address="a", path="/x", stream="", kind="file", origin="allocated", meta=3,
        parent="", size=5, initialised_size=5, runs=(Run(start=512, length=512), Run(start=-1, length=512)),
    )  # fmt: skip
    table = TABLES["files"]
    assert list(table_to_rows(table, rows_to_table(table, [entry]))) == [entry]


def test_lone_surrogates_do_not_break_a_table() -> None:
    row = diagnose("entries", "E!fs:/\udcff", "code", "a \udcff name")
    assert rows_to_table(TABLES["diagnostics"], [row]).column("message").to_pylist() == ["a \\udcff name"]


def test_every_table_has_a_schema_with_its_ordering_columns() -> None:
    for table in TABLES.values():
        assert set(table.order) <= set(schema_of(table).names), table.name


def test_unknown_missing_and_damaged_tables_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(SettingsError, match="there is no table"):
        store.table("nonsense")
    with pytest.raises(SettingsError, match="not written yet"):
        store.table("extents")
    store.path("extents").parent.mkdir(parents=True)
    store.path("extents").write_bytes(b"PAR1 nothing")
    with pytest.raises(IntegrityError, match="cannot be read"):
        store.table("extents")
