"""What SAM and SECURITY say, on built keys."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pipeline.artefacts import Action, Event
from tests.builders import regf
from tests.builders.evtx import filetime
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, binary, built, events, read

SEVEN, TEN, ELEVEN = (5, 9, 12, 3, 4, 6, 6, 4, 4), (5, 11, 14, 3, 6, 6, 6, 4, 4), (5, 12, 14, 3, 6, 6, 6, 4, 4)


def policy(counts: Sequence[int], switched: dict[int, int]) -> bytes:
    """Return a policy: head, a setting per subcategory, a spare one, the counts per category."""
    settings = [switched.get(number, 0) for number in range(sum(counts) + 1)]
    body = struct.pack(f"<{len(settings)}H", *settings)
    return struct.pack("<HHII", 0x100, 0, 9, 12 + len(body)) + body + struct.pack("<9H", *counts)


def states(data: bytes) -> dict[str, str]:
    found = events("security-hive", {"Policy\\PolAdtEv": [regf.Value("", 0, data)]})
    assert {event.detail["unchanged_since"] for event in found} == {WHEN.isoformat()}
    return {str(event.detail["governs"]): str(event.detail["recorded"]) for event in found}


@pytest.mark.parametrize(
    ("counts", "logon", "share", "removable", "process"),
    [(SEVEN, 5, 22, None, 29), (TEN, 5, 24, 28, 33), (ELEVEN, 5, 25, 29, 34)], ids=["7", "10", "11"],
)  # fmt: skip
def test_each_subcategory_says_what_the_log_recorded(
    counts: tuple[int, ...], logon: int, share: int, removable: int | None, process: int
) -> None:
    switched = {logon: 3, share: 1, process: 2} | ({removable: 1} if removable is not None else {})
    found = states(policy(counts, switched))
    assert found["Security: Logon"] == "success and failure"
    assert found["Security: File Share"] == "success"
    assert found.get("Security: Removable Storage") == (None if removable is None else "success")
    assert found["Security: Process Creation"] == "failure"
    assert (found["Security: File System"], len(found)) == ("nothing", sum(counts))
    assert sum(recorded != "nothing" for recorded in found.values()) == len(switched)


def test_the_policy_of_xp_is_told_by_category_and_off_as_a_whole() -> None:
    on = struct.pack("<11I", 1, 0, 3, 1, 0, 0, 0, 0, 0, 0, 9)
    assert states(on)["Security: Logon/Logoff"] == "success and failure"
    assert set(states(b"\0" + on[1:]).values()) == {"nothing"}


@pytest.mark.parametrize("data", [b"\1" * 44, policy(TEN, {})[:-4], policy(TEN, {})[:20], b"\0" * 148])
def test_a_policy_of_unknown_layout_is_a_gap(data: bytes) -> None:
    found = audit(read("security-hive", built({"Policy\\PolAdtEv": [regf.Value("", 0, data)]})))
    assert found.status == "damaged"
    assert found.gaps[0].reason.startswith("audit policy: ")


def test_the_machine_has_its_identifier() -> None:
    sid = struct.pack("<BB", 1, 4) + (5).to_bytes(6, "big") + struct.pack("<4I", 21, 1, 2, 3)
    (event,) = events("security-hive", {"Policy\\PolAcDmS": [regf.Value("", 0, sid)]})
    assert (event.subject, event.detail["governs"]) == ("S-1-5-21-1-2-3", "machine-sid")


def user(name: str) -> list[regf.Value]:
    fixed = struct.pack("<8xQ8xQ", filetime(WHEN), filetime(WHEN - timedelta(days=30))).ljust(40, b"\0")
    fixed += struct.pack("<QIIHHIHH", filetime(WHEN + timedelta(hours=1)), 1001, 513, 0x214, 0, 0, 2, 10)
    text = name.encode("utf-16-le")
    variable = bytes(12) + struct.pack("<II", 0, len(text)) + bytes(184) + text
    return [binary("F", fixed), binary("V", variable)]


def test_an_account_tells_its_last_log_on_and_how_many_there_were() -> None:
    users = "SAM\\Domains\\Account\\Users"
    keys: Keys = {f"{users}\\000003E9": user("kyufu"), f"{users}\\Names\\kyufu": []}
    found = events("sam-hive", keys)
    assert [(event.action, event.time) for event in found] == [
        (Action.ACCOUNT_KNOWN, WHEN), (Action.LOGON, WHEN), (Action.LOGON_FAILED, WHEN + timedelta(hours=1)),
        (Action.ACCOUNT_KNOWN, WHEN - timedelta(days=30)),
    ]  # fmt: skip
    assert found[0].detail == {
        "account": "kyufu", "rid": 1001, "count": 10, "wrong_passwords": 2, "enabled": "yes", "password_needed": "no",
    }  # fmt: skip


def test_an_account_that_is_cut_off_is_a_gap() -> None:
    facts = read("sam-hive", built({"SAM\\Domains\\Account\\Users\\000003E9": [binary("F", bytes(20))]}))
    assert audit(facts).gaps
    assert not [fact for fact in facts if isinstance(fact, Event)]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("reader", ["sam-hive", "security-hive"])
def test_no_damage_is_silent(reader: str, damage: object) -> None:
    users = {f"SAM\\Domains\\Account\\Users\\{number:08X}": user("x") for number in range(20)}
    data = built(users | {"Policy\\PolAdtEv": [regf.Value("", 0, policy(TEN, {}))]})
    found = audit(read(reader, damage(data)))  # type: ignore[operator]
    assert found.gaps
    assert found.status in {"damaged", "unreadable"}


@pytest.mark.parametrize(
    "reader", ["system-hive", "software-hive", "ntuser-hive", "sam-hive", "security-hive", "amcache"]
)
def test_a_sound_hive_that_lacks_what_every_such_hive_has_is_damaged(reader: str) -> None:
    found = audit(read(reader, built({"Other": []})))
    assert found.status == "damaged"
    assert "which every such hive has" in found.gaps[0].reason
