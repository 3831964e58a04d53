"""Registry hives in snapshots, read with the logs that stood beside them then, and in free space, without a name."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.builders import images, regf
from tests.builders.tree import Item, at
from tests.builders.vss import Era, snapshot_volume
from tests.e2e.conftest import akashi
from tests.e2e.test_snapshots import CASE

pytestmark = pytest.mark.tools
WHEN = at("2022-06-02 10:00:00")
HIVE = "Windows/System32/config/SYSTEM"


def _hive(serial: str) -> bytes:
    """Return a SYSTEM hive that knows one stick; of one size whatever the stick."""
    root = regf.Key("ROOT", WHEN)
    regf.tree(root, "Select", WHEN, [regf.number("Current", 1)])
    regf.tree(root, f"ControlSet001\\Enum\\USBSTOR\\Disk&Ven_ACME&Prod_Flash&Rev_1.00\\{serial}&0", WHEN)
    return regf.hive(root, name="SYSTEM")


def _item(path: str, data: bytes) -> Item:
    return Item(path=path, data=data, created=WHEN, modified=WHEN, accessed=WHEN)


def test_hives_of_snapshots_and_of_free_space_are_read(tmp_path: Path) -> None:
    missing = images.missing_tools()
    if missing:
        pytest.skip(f"left out: {', '.join(missing)} not installed")
    old, new = _hive("OLDSTICK"), _hive("NEWSTICK")
    log = regf.new_log(new, [(6, regf.pages_between(old, new))])
    eras = (Era(write=[_item(HIVE, regf.dirty(old, 7, 6))]), Era(write=[_item(f"{HIVE}.LOG1", log)]))
    volume, _ = snapshot_volume(tmp_path, 24 << 20, eras)
    (tmp_path / "images").mkdir()
    free = len(volume) // 4096 // 4 * 3 * 4096
    lost = _hive("LOSTSTICK")
    assert not any(volume[free : free + 65536])
    volume = volume[:free] + lost + volume[free + len(lost) :]
    (tmp_path / "images/pc.raw").write_bytes(images.disk(volume, kind=7, signature=0x5AFE0902))
    (tmp_path / "case.toml").write_text(CASE, encoding="utf-8")
    akashi("init", tmp_path, check=0)
    akashi("run", tmp_path, "--workers", "1", "--stage", "activity", check=3)
    rows = pq.read_table(tmp_path / "out/tables/activity.parquet").to_pylist()
    sticks = {(row["artefact"], row["address"].partition("!fs")[0], row["device"]) for row in rows if row["device"]}
    assert {stick for stick in sticks if stick[0] == "system-hive"} == {
        ("system-hive", "PC-01!part:p1", "NEWSTICK"), ("system-hive", "PC-01!part:p1!snapshot:1", "OLDSTICK"),
    }  # fmt: skip
    assert {stick[2] for stick in sticks if stick[0] == "stray-hive"} == {"LOSTSTICK"}
    sources = pq.read_table(tmp_path / "out/tables/sources.parquet").to_pylist()
    states = {row["address"].partition("!fs")[0]: row["status"] for row in sources if row["artefact"] == "system-hive"}
    assert states == {"PC-01!part:p1": "read", "PC-01!part:p1!snapshot:1": "damaged"}
