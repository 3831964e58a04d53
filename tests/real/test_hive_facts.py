"""Facts that others established about real registry hives hold."""

from __future__ import annotations

import lzma

import pytest

from pipeline.artefacts import Action, Audit, Event, Fact
from pipeline.artefacts.hive import at, keys, load_hive, opened_hive
from tests.real_data import real_facts, real_path
from tests.unit.artefacts.candidates import candidate
from tests.unit.artefacts.hives import audit, read

DATA = "regipy/regipy_tests/data/"


def real(name: str) -> bytes:
    data = real_path(name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def number(fact: str) -> dict[str, object]:
    found = {known["id"]: known["fact"] for known in real_facts("registry")}
    if fact not in found:
        pytest.skip(f"left out: fact {fact} (the folder of real test data is not beside this checkout)")
    return dict(found[fact])


def test_the_logs_of_a_dirty_hive_give_315_pages_and_it_is_read_without_a_gap() -> None:
    pages = number("R040")["recovered_dirty_pages"]
    logs = {f"log{k}": real(f"{DATA}SYSTEM_B.LOG{k}.xz") for k in (1, 2)}
    facts = read("system-hive", real(f"{DATA}SYSTEM_B.xz"), "/x", **logs)
    assert audit(facts).system == f"Windows registry; {pages} pages of its transaction logs replayed"
    assert (audit(facts).status, audit(facts).gaps, audit(facts).owner) == ("read", (), "DESKTOP-PM6C56D")
    labels = {fact.device: fact.detail["volume_label"] for fact in facts
              if isinstance(fact, Event) and "volume_label" in fact.detail and fact.device}  # fmt: skip
    assert labels == {
        "AA010215170355310594": "ESD-USB", "AA010603160707470215": "CloudLog", "MSFT3012345679FD0B": "Samsung_T5",
    }  # fmt: skip
    attached = {fact.device for fact in facts if isinstance(fact, Event) and "Portable SSD T5 SCSI" in fact.subject}
    assert attached == {"MSFT3012345679FD0B"}


def test_names_mounted_devices_and_660_programs_of_a_system_hive() -> None:
    facts: list[Fact] = read("system-hive", real(f"{DATA}SYSTEM.xz"), "/x")
    found = [fact for fact in facts if isinstance(fact, Event)]
    names = [event.subject for event in found if event.detail.get("governs") == "computer-name"]
    assert names == number("R032")["names"]
    mounted = [event.subject for event in found if event.action is Action.VOLUME_MOUNTED]
    assert (len(mounted), number("R034")["has"] in mounted) == (number("R034")["entries"], True)
    assert sum(event.action is Action.PROGRAM_PRESENT for event in found) == number("R036")["entries"]
    assert [fact for fact in facts if not isinstance(fact, Event | Audit)] == []


def test_typed_paths_of_a_real_user_hive() -> None:
    fact = number("R038")
    facts = read("ntuser-hive", real(f"{DATA}NTUSER_BAGMRU.DAT.xz"), "/Users/tony/NTUSER.DAT")
    typed = {
        fact.place.rpartition("\\")[2]: fact.subject
        for fact in facts if isinstance(fact, Event) and "TypedPaths" in fact.place
    }  # fmt: skip
    assert len(typed) == fact["entries"]
    assert {name: typed[name] for name in ("url1", "url2", "url10")} == {
        name: fact[name] for name in ("url1", "url2", "url10")
    }
    bags = [fact for fact in facts if isinstance(fact, Event) and "BagMRU" in fact.place]
    assert not any("unreadable" in bag.subject for bag in bags)


def test_ccleaner_is_told_twice() -> None:
    facts = read("ntuser-hive", real("plaso/test_data/NTUSER-CCLEANER.DAT"), "/Users/a/NTUSER.DAT")
    wiping = [fact for fact in facts if isinstance(fact, Event) and fact.action is Action.WIPING_TOOL]
    assert len(wiping) == number("R042")["event_data"]
    assert (audit(facts).status, audit(facts).gaps) == ("read", ())


def test_the_inventory_of_programs_differs_from_the_fact_by_one_event_per_key() -> None:
    """The field's tool counts an event for every key besides the 1,393 entries that both read."""
    data = real("plaso/test_data/winreg/Amcache.hve")
    found = [fact for fact in read("amcache", data, "/x") if isinstance(fact, Event)]
    entries = [event for event in found if event.place.startswith(("Root\\File\\", "Root\\InventoryApplicationFile\\",
                                                                  "Root\\Programs\\"))]  # fmt: skip
    assert len(entries) + _keys_below_root(data) == number("R044")["event_data"]
    assert sum("sha1" in event.detail for event in entries) > 1000


def _keys_below_root(data: bytes) -> int:
    with opened_hive(load_hive(candidate(data))) as root:
        return _count(at(root, "Root"))


def _count(key: object) -> int:
    return 1 + sum(_count(below) for below in keys(key))


def test_the_accounts_of_a_real_sam_are_three() -> None:
    facts = read("sam-hive", real("plaso/test_data/regf/SAM"), "/x")
    found = [fact for fact in facts if isinstance(fact, Event)]
    assert len({event.detail["rid"] for event in found}) == number("R046")["event_data"]
    assert {str(event.detail["account"]): event.detail["count"] for event in found} == {
        "Administrator": 3, "Guest": 0, "gold_administrator": 4,
    }  # fmt: skip
