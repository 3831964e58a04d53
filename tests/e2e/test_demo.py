"""The demo does what README says: verdicts that hold, nothing leaked, nothing touched."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import NAMES, ROOT, Demo, akashi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def levels(folder: Path) -> dict[tuple[str, str], str]:
    verdict = json.loads((folder / "out/verdict.json").read_text(encoding="utf-8"))
    return {(question["exhibit"], question["id"]): question["level"] for question in verdict["questions"]}


def truth(name: str) -> dict[str, object]:
    return json.loads((ROOT / "tests/builders/truth" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_demo_ends_well_and_verifies(demo: Demo) -> None:
    assert demo.returncode == 0, demo.printed
    assert "FAILED" not in demo.printed
    for name in NAMES:
        assert f"{name}" in demo.printed


def test_the_demo_prints_each_case_in_a_screens_length(demo: Demo) -> None:
    assert len(demo.printed.splitlines()) <= 140


@pytest.mark.parametrize("name", NAMES)
def test_images_are_neither_changed_nor_touched(demo: Demo, name: str) -> None:
    for original in sorted((ROOT / "cases" / name / "images").iterdir()):
        copy = demo.case(name) / "images" / original.name
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(original.read_bytes()).digest()
        assert copy.stat().st_mtime_ns == original.stat().st_mtime_ns


@pytest.mark.parametrize("name", NAMES)
def test_the_account_of_every_image_closes(demo: Demo, name: str) -> None:
    from pipeline import open_case

    case = open_case(demo.case(name))
    sizes = case.table("evidence").set_index("exhibit")["size"]
    extents = case.table("extents")
    for exhibit, group in extents.groupby("exhibit"):
        rows = group.sort_values("start")
        assert int(rows["length"].sum()) == int(sizes[exhibit])
        assert (rows["start"].iloc[1:].to_numpy() == (rows["start"] + rows["length"]).iloc[:-1].to_numpy()).all()


def test_a_second_run_does_nothing_and_changes_nothing(copied: Callable[[str], Path]) -> None:
    from tests.e2e.conftest import digests

    folder = copied("demo-clean")
    before = digests(folder)
    done = akashi("run", folder)
    assert done.returncode in {0, 3}
    assert "nothing brought up to date" in done.stdout
    assert digests(folder) == before


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("target", ["table", "shared-table", "ledger", "image", "verdict", "report"])
def test_one_flipped_bit_is_caught(copied: Callable[[str], Path], target: str) -> None:
    folder = copied("demo-clean")
    paths = {
        "table": folder / "out/tables/findings.parquet",
        "shared-table": folder / "out/tables/diagnostics.parquet",
        "ledger": folder / "out/custody.jsonl",
        "image": next(iter(sorted((folder / "images").glob("*.E01")))),
        "verdict": folder / "out/verdict.json",
        "report": folder / "out/report/committee.ja.html",
    }
    flip(paths[target], paths[target].stat().st_size // 2)
    done = akashi("verify", folder)
    assert done.returncode == 4, done.stdout
    assert "FAILED" in done.stdout


def test_a_table_that_does_not_follow_from_the_evidence_is_caught(copied: Callable[[str], Path]) -> None:
    """Also where whoever changed it signed a ledger that fits."""
    from pipeline.config import load_case
    from pipeline.errors import IntegrityError
    from pipeline.flow.again import derive_again

    folder = copied("demo-clean")
    case = load_case(folder, ROOT / "rules")
    for stage, table, column in (("activity", "activity", "subject"), ("verdict", "claims", "level")):
        assert derive_again(case, stage) > 1
        path = folder / f"out/tables/{table}.parquet"
        data = pq.read_table(path)
        values = data.column(column).to_pylist()
        position = data.column_names.index(column)
        pq.write_table(data.set_column(position, column, [["another", *values[1:]]]), path, compression="zstd")
        with pytest.raises(IntegrityError, match=f"{table}: the stage {stage} derives another table"):
            derive_again(case, stage)


def test_a_changed_acquisition_hash_stops_the_run(tmp_path: Path, copied: Callable[[str], Path]) -> None:
    folder = copied("demo-clean")
    settings = folder / "case.toml"
    text = settings.read_text(encoding="utf-8")
    start = text.index('md5 = "') + 7
    settings.write_text(text[:start] + "0" * 32 + text[start + 32 :], encoding="utf-8")
    done = akashi("run", folder)
    assert done.returncode == 4
    assert "is not what was acquired" in done.stderr


def test_rules_check_passes() -> None:
    akashi("rules", "check", check=0)


def test_show_walks_a_finding_to_the_acquisition(demo: Demo) -> None:
    from pipeline import open_case

    case = open_case(demo.case("demo-leak"))
    findings = case.table("findings")
    finding = findings[findings["image_offset"].notna() & (findings["origin"] == "allocated")].iloc[0]
    done = akashi("show", demo.case("demo-leak"), finding["id"], check=0)
    for table in ("FINDINGS", "FILES", "CONTENTS", "VOLUMES", "EVIDENCE"):
        assert table in done.stdout


def test_every_claim_can_be_shown(demo: Demo) -> None:
    from pipeline import open_case

    for name in NAMES:
        case = open_case(demo.case(name))
        for claim in case.table("claims")["id"]:
            assert len(case.follow(claim)) >= 1


def test_revealing_is_recorded_and_right(copied: Callable[[str], Path]) -> None:
    from pipeline import open_case

    folder = copied("demo-leak")
    case = open_case(folder)
    findings = case.table("findings")
    finding = findings[findings["kind"] == "citizen-code"].iloc[0]
    value = akashi("reveal", folder, finding["id"], check=0).stdout.strip()
    register = (ROOT / "cases/demo-leak/registers/residents.csv").read_bytes().decode("cp932")
    assert value in register
    assert '"event":"reveal"' in (folder / "out/custody.jsonl").read_text(encoding="utf-8")
    akashi("verify", folder, check=0)


def test_a_reviewer_rejects_a_record_and_both_verdicts_remain(copied: Callable[[str], Path]) -> None:
    from pipeline import open_case

    folder = copied("demo-leak")
    case = open_case(folder)
    before = (folder / "out/verdict.json").read_bytes()
    asked = {(item["id"], item["exhibit"]): item for item in case.verdict["questions"]}
    (ground,) = asked["web-upload", "PC-01"]["grounds"]
    assert akashi("report", folder, "--reviewed").returncode == 2
    phone = "090-1234-5678"
    akashi("review", folder, ground["row"][:10], "reject", "--note", f"called {phone}: a test page", check=0)
    assert (folder / "out/verdict.json").read_bytes() == before
    verdict = case.reviewed_verdict
    assert verdict is not None
    (changed,) = verdict["review"]["changed"]
    assert (changed["id"], changed["exhibit"], changed["from"]) == ("web-upload", "PC-01", "indicated")
    (question,) = (item for item in verdict["questions"] if (item["id"], item["exhibit"]) == ("web-upload", "PC-01"))
    assert question["level"] == changed["to"] in {"undetermined", "not-confirmed"}
    assert "査閲者" in question["limits"][-1]
    assert phone not in json.dumps(verdict)
    assert "reject activity" in akashi("review", folder, check=0).stdout
    akashi("report", folder, "--reviewed", check=0)
    assert (folder / "out/report/committee.ja.reviewed.html").exists()
    case.review(ground["row"], decision="accept", note="it was one")
    assert case.reviewed_verdict["review"]["changed"] == []
    assert akashi("review", folder, "0" * 24, "reject").returncode == 2
    akashi("verify", folder, check=0)


def test_exports_of_every_table_and_format(demo: Demo, tmp_path: Path) -> None:
    for form in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"findings.{form}"
        akashi("export", demo.case("demo-clean"), "findings", "--format", form, "--out", out, check=0)
        assert out.stat().st_size > 0


def test_git_sees_no_change_after_the_demo(demo: Demo) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("left out: not a git checkout")
    done = subprocess.run(
        ["git", "status", "--porcelain", "cases"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
