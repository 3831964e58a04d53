"""Hives that lost their folder are read by what they hold."""

from __future__ import annotations

import pytest

from pipeline.artefacts import ARTEFACTS, Event
from tests.builders import regf
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, built, read

EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
(STRAY,) = (known for known in ARTEFACTS if known.name == "stray-hive")


@pytest.mark.parametrize(
    ("keys", "subject"),
    [
        ({"Select": [regf.number("Current", 1)]}, "control set 1"),
        ({"Microsoft\\Windows NT\\CurrentVersion": [regf.text("ProductName", "Windows 10 Pro")]}, "Windows 10 Pro"),
        ({f"{EXPLORER}\\TypedPaths": [regf.text("url1", "E:\\")]}, "E:\\"),
        ({"Root\\File\\v\\100001": [regf.text("15", "c:\\a.exe")]}, "c:\\a.exe"),
    ],
    ids=["SYSTEM", "SOFTWARE", "NTUSER.DAT", "Amcache.hve"],
)
def test_the_kind_is_told_by_the_keys(keys: Keys, subject: str) -> None:
    facts = read("stray-hive", built(keys), "")
    assert [fact.subject for fact in facts if isinstance(fact, Event)] == [subject]
    assert (audit(facts).status, audit(facts).state_only) == ("read", True)


def test_the_base_block_names_the_user() -> None:
    root = regf.Key("ROOT", WHEN)
    regf.tree(root, f"{EXPLORER}\\TypedPaths", WHEN, [regf.text("url1", "E:\\")])
    data = regf.hive(root, name="\\??\\C:\\Users\\kyufu\\ntuser.dat")
    (event,) = [fact for fact in read("stray-hive", data, "") if isinstance(fact, Event)]
    assert event.actor == "kyufu"


def test_an_unknown_kind_is_an_audit_alone() -> None:
    assert [type(fact).__name__ for fact in read("stray-hive", built({"Other": []}), "")] == ["Audit"]


def test_only_lost_hives_and_carved_ones_are_wanted() -> None:
    assert STRAY.wants("/$OrphanFiles/a/NTUSER.DAT".lower())
    assert not STRAY.wants("/users/a/ntuser.dat")
    assert not STRAY.wants("/$orphanfiles/a.txt")
    assert STRAY.carved_types == ("regf",)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_damage_is_silent(damage: object) -> None:
    data = built({f"Root\\File\\v\\{number:x}00001": [regf.text("15", "c:\\a.exe")] for number in range(1, 60)})
    found = audit(read("stray-hive", damage(data), ""))  # type: ignore[operator]
    assert found.status in {"damaged", "unreadable"}
