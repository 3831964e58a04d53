"""The account of the demo images: coverage adds up to it, and no byte can go unexamined without the verdict knowing."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.config import load_case
from pipeline.stages.verdict import run_verdict
from pipeline.stages.verdict_negative import weigh_negative
from pipeline.store import Store
from pipeline.verdict_rules import load_verdict_rules
from pipeline.verdict_tables import TABLE_NAMES, fill_tables, open_tables
from tests.e2e.conftest import NAMES, ROOT, Demo, akashi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@pytest.mark.parametrize("name", NAMES)
def test_coverage_adds_up_to_the_account(demo: Demo, name: str) -> None:
    store = Store(demo.case(name) / "out")
    extents, coverage = store.table("extents").to_pandas(), store.table("coverage").to_pandas()
    held = extents.groupby(["exhibit", "class"])["length"].sum()
    assert set(held.index.get_level_values("exhibit")) == {"USB-01", "PC-01", "SV-01"}
    for (exhibit, class_), length in held.items():
        mine = coverage[(coverage["exhibit"] == exhibit) & (coverage["class"] == class_)]
        sums = mine.groupby("examined_by")["bytes"].sum()
        for examination in ("accounted", "hashed", "decoded", "detected", "carved"):
            assert sums[examination] == length, (exhibit, class_, examination)


def levels(tables: dict[str, pa.Table], folder: Path) -> dict[str, str]:
    case = load_case(folder, ROOT / "rules")
    found = run_verdict(tables, case, ROOT / "rules" / "verdict").verdict["questions"]
    return {item["exhibit"]: item["level"] for item in found if item["id"] == "unauthorised-copy"}


def test_no_row_of_coverage_can_be_lost_unnoticed(demo: Demo) -> None:
    """Take each row of coverage away, of any class, or a megabyte of it, or its outcome: the question needs all."""
    folder = demo.case("demo-clean")
    store, case = Store(folder / "out"), load_case(folder, ROOT / "rules")
    tables = {name: store.table(name) for name in TABLE_NAMES}
    assert levels(tables, folder)["USB-01"] == "not-confirmed"
    rules = {question.id: question for question in load_verdict_rules(ROOT / "rules" / "verdict")}
    rows = tables["coverage"].to_pandas()
    ours = rows[rows["exhibit"] == "USB-01"]
    assert {"member", "carved", "volume"} <= set(ours["class"])
    with open_tables(tables, case) as database:
        for (number, place), lost in product(enumerate(ours.index), (True, False)):
            row, way = rows.loc[place], _dropped if lost else (_less, _told)[number % 2]
            if (way is _told and row["examined_by"] == "accounted") or (way is _less and row["class"] == "volume"):
                continue  # accounts are not examined, and listings are counted, not their bytes
            coverage = way(rows, place)
            changed = pa.Table.from_pandas(coverage, schema=tables["coverage"].schema, preserve_index=False)
            fill_tables(database, {"coverage": changed})
            assert weigh_negative(database, rules["unauthorised-copy"], "USB-01", case)[0], (way, row)


def _dropped(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    return rows.drop(index=place)


def _less(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    less = rows.copy()
    less.loc[place, "bytes"] -= min(1 << 20, int(less.loc[place, "bytes"]))
    return less


def _told(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    told = rows.copy()
    told.loc[place, ["outcome", "reason"]] = ["not-examined", "crash"]
    return told


def test_bytes_in_no_class_forbid_the_negative(demo: Demo) -> None:
    folder = demo.case("demo-clean")
    store = Store(folder / "out")
    tables = {name: store.table(name) for name in TABLE_NAMES}
    extents = tables["extents"]
    usb = pc.equal(extents.column("exhibit"), "USB-01")
    first = pc.and_(usb, pc.equal(extents.column("start"), 0))
    without = {**tables, "extents": extents.filter(pc.invert(first))}
    assert levels(without, folder)["USB-01"] == "undetermined"


def test_show_says_what_a_byte_is_and_what_looked_at_it(demo: Demo) -> None:
    folder = demo.case("demo-leak")
    extents = Store(folder / "out").table("extents").to_pandas()
    content = extents[(extents["class"] == "file-content") & (extents["exhibit"] == "USB-01")].iloc[0]
    told = akashi("show", folder, "USB-01", "--at", hex(int(content["start"]) + 1), check=0).stdout
    assert f"USB-01 byte {content['start'] + 1} " in told
    assert f"owner: file {content['owner']}, allocated USB-01!part:p1!fs:/" in told
    assert "offset 1\n" in told
    assert "hashed: examined" in told
    assert "detected: examined" in told
    table = extents[extents["name"] == "$MFT"].iloc[0]
    told = akashi("show", folder, "PC-01", "--at", str(int(table["start"]) + 5), check=0).stdout
    assert "structure: MFT record 0, byte 5" in told
    assert akashi("show", folder, "PC-01", "--at", "0x7fffffffff").returncode == 2
    assert akashi("show", folder, "PC-01", "--at", "somewhere").returncode == 2


def test_a_finding_is_proven_without_the_image(demo: Demo, tmp_path: Path) -> None:
    folder = demo.case("demo-leak")
    store = Store(folder / "out")
    findings, evidence = store.table("findings").to_pandas(), store.table("evidence").to_pandas().set_index("exhibit")
    placed = findings[findings["image_offset"].notna()].iloc[0]
    inside = findings[findings["image_offset"].isna() & (findings["locator"] != "")].iloc[0]
    for number, finding in enumerate((placed, inside)):
        out = tmp_path / f"proof-{number}.json"
        akashi("prove", folder, finding["id"], "--out", out, check=0)
        assert out.stat().st_mode & 0o777 == 0o600
        root = evidence.loc[finding["exhibit"], "merkle_root"]
        verifier = ROOT / "pipeline" / "review" / "verify_proof.py"
        command = [sys.executable, "-I", "-S", str(verifier), str(out), "--root", root]
        size = str(evidence.loc[finding["exhibit"], "size"])
        done = subprocess.run([*command, "--size", size], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        ledger = [*command[:-2], "--ledger", str(folder / "out/custody.jsonl"), "--key", _public(folder)]
        done = subprocess.run(ledger, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    proofs = [tmp_path / f"proof-{number}.json" for number in (0, 1)]
    assert akashi("verify", folder, "--independent", *proofs, check=0).stdout.count("ok ") == 2
    bad = tmp_path / "bad.json"
    bad.write_bytes(proofs[0].read_bytes().replace(b"a", b"b", 1))
    assert akashi("verify", folder, "--independent", proofs[1], bad).returncode == 4
    events = [json.loads(line) for line in (folder / "out/custody.jsonl").read_text("utf-8").splitlines()]
    assert [entry["target"] for entry in events if entry["event"] == "prove"][-2:] == [placed["id"], inside["id"]]
    assert akashi("prove", folder, placed["id"], "--out", folder / "out/p.json").returncode == 2
    assert akashi("prove", folder, placed["id"], "--out", tmp_path / "proof-0.json").returncode == 2
    assert akashi("prove", folder, "PC-01!bytes:99999999999+1", "--out", tmp_path / "far.json").returncode == 2


def _public(folder: Path) -> str:
    return json.loads((folder / "out/custody.head.json").read_text("utf-8"))["public_key"]
