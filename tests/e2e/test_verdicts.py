"""The demo's verdicts: what is really covered, what really happened, and what a missing record turns into."""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.access.hashing import hash_image
from pipeline.access.image import open_image
from tests.e2e.conftest import NAMES, ROOT, Demo, akashi, prepared

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def verdict(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "out/verdict.json").read_text(encoding="utf-8"))
    return loaded


def levels(folder: Path) -> dict[tuple[str, str], str]:
    return {(q["exhibit"], q["id"]): q["level"] for q in verdict(folder)["questions"]}


def truth(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "tests/builders/truth" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def test_the_clean_case_is_denied_only_where_its_records_reach(demo: Demo) -> None:
    found = levels(demo.case("demo-clean"))
    negative = {key for key, level in found.items() if level == "not-confirmed"}
    assert negative == {
        ("PC-01", "anti-forensics"),
        ("PC-01", "removable-media"),
        ("PC-01", "unauthorised-copy"),
        ("PC-01", "web-upload"),
        ("SV-01", "unauthorised-copy"),
        ("USB-01", "access-written"),
        ("USB-01", "unauthorised-copy"),
    }
    assert set(found.values()) <= {"not-confirmed", "undetermined", "confirmed"}
    assert [key for key, level in found.items() if level == "confirmed"] == [("USB-01", "encryption")]
    assert verdict(demo.case("demo-clean"))["overall"]["level"] == "undetermined"


def test_a_stick_without_traces_is_never_said_to_be_unread(demo: Demo) -> None:
    (question,) = (q for q in verdict(demo.case("demo-clean"))["questions"] if q["id"] == "access-connected")
    assert question["level"] == "undetermined"
    assert question["limits"]


def test_the_leak_is_confirmed_for_its_channels(demo: Demo) -> None:
    found = levels(demo.case("demo-leak"))
    for exhibit, channels in truth("demo-leak")["expected"].items():
        for channel, level in channels.items():
            answers = [value for (label, name), value in found.items() if label == exhibit and name.startswith(channel)]
            assert level in answers, f"{exhibit} {channel}: {answers}"
    assert verdict(demo.case("demo-leak"))["overall"]["level"] == "confirmed"


@pytest.mark.parametrize("name", NAMES)
def test_people_are_counted_as_the_truth_has_them(demo: Demo, name: str) -> None:
    expected: dict[str, set[int]] = defaultdict(set)
    for place in truth(name)["places"]:
        if place["whole_rows"]:
            first = place["first_resident"]
            expected[place["exhibit"]] |= set(range(first, first + place["residents"]))
    counts = verdict(demo.case(name))["people"]["counts"]
    found = {row["exhibit"]: row["low"] for row in counts if row["dataset"] == "resident-register"}
    assert found == {exhibit: len(people) for exhibit, people in expected.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_question_names_grounds_limits_or_what_is_missing(demo: Demo, name: str) -> None:
    for question in verdict(demo.case(name))["questions"]:
        assert isinstance(question["sentence"], str)
        assert isinstance(question["limits"], list)
        assert question["grounds"] or question["coverage"] or question["level"] == "not-confirmed"
        assert bool(question["strength"]) == (question["level"] == "not-confirmed")


def with_laptop(demo: Demo, tmp_path: Path, image: Path) -> Path:
    """Return the clean case, run with another image of its laptop."""
    folder = prepared("demo-clean", tmp_path, secrets=demo.case("demo-clean") / "secrets")
    shutil.copyfile(image, folder / "images/pc.E01")
    settings = folder / "case.toml"
    text = settings.read_text(encoding="utf-8")
    laptop = text.index('label = "PC-01"')
    opened = open_image(image)
    digest = hash_image(opened).md5
    opened.close()
    text = text[:laptop] + re.sub(r'md5 = "[0-9a-f]{32}"', f'md5 = "{digest}"', text[laptop:], count=1)
    settings.write_text(text, encoding="utf-8")
    assert akashi("run", folder).returncode in {0, 3}
    return folder


def test_a_deleted_browser_history_makes_the_upload_undetermined(demo: Demo, tmp_path: Path) -> None:
    folder = with_laptop(demo, tmp_path, ROOT / "tests/data/PC-01-no-history.E01")
    assert levels(folder)["PC-01", "web-upload"] == "undetermined"


def test_cleared_logs_make_negatives_undetermined(demo: Demo, tmp_path: Path) -> None:
    folder = with_laptop(demo, tmp_path, ROOT / "tests/data/PC-01-log-cleared.E01")
    found = levels(folder)
    assert found["PC-01", "anti-forensics"] != "not-confirmed"
    assert found["PC-01", "removable-media"] == "undetermined"
    assert found["PC-01", "web-upload"] == "undetermined"


def test_a_missing_image_costs_its_own_answers_only(demo: Demo, tmp_path: Path) -> None:
    folder = prepared("demo-clean", tmp_path, secrets=demo.case("demo-clean") / "secrets")
    (folder / "images/sv.vmdk").unlink()
    done = akashi("run", folder)
    assert done.returncode == 3
    found = levels(folder)
    assert {level for (exhibit, _), level in found.items() if exhibit == "SV-01"} == {"undetermined"}
    assert found["PC-01", "web-upload"] == "not-confirmed"
    assert "check `image`" in akashi("status", folder).stdout
