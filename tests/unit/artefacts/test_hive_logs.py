"""Laws of the replay of registry transaction logs."""

from __future__ import annotations

from pipeline.artefacts import Event
from pipeline.artefacts.marvin32 import marvin32
from tests.builders import regf
from tests.unit.artefacts.hives import Keys, audit, built, read

PLACE = "ControlSet001\\Control\\ComputerName\\ComputerName"


def named(name: str) -> bytes:
    """Return a hive of one name, with enough behind it to fill more than one page."""
    keys: Keys = {PLACE: [regf.text("ComputerName", name)], "Select": [regf.number("Current", 1)]}
    keys["MountedDevices"] = [regf.text(f"\\??\\Volume{number}", "x" * 60) for number in range(60)]
    return built(keys)


OLD, NEW, NEWEST = named("AAAA"), named("BBBB"), named("CCCC")
DIRTY = regf.dirty(OLD, 7, 6)
FIRST = regf.new_log(NEW, [(6, regf.pages_between(OLD, NEW))])
SECOND = regf.new_log(NEWEST, [(7, regf.pages_between(NEW, NEWEST))])


def owner_and_gaps(data: bytes, **logs: bytes) -> tuple[str, list[str]]:
    found = audit(read("system-hive", data, **logs))
    return found.owner, [gap.reason for gap in found.gaps]


def test_the_hash_is_the_published_one() -> None:
    assert marvin32(b"", 0x004FB61A001BDBCC) == 0x30ED35C100CD3C7D


def test_a_log_brings_a_dirty_hive_up_to_date() -> None:
    facts = read("system-hive", DIRTY, log1=FIRST)
    assert (audit(facts).owner, audit(facts).gaps, audit(facts).status) == ("BBBB", (), "read")
    assert audit(facts).system == "Windows registry; 1 pages of its transaction logs replayed"
    assert sum(isinstance(fact, Event) for fact in facts) > 60


def test_two_logs_are_applied_in_the_order_of_their_entries_whatever_their_names() -> None:
    assert owner_and_gaps(DIRTY, log1=SECOND, log2=FIRST) == ("CCCC", [])
    assert owner_and_gaps(DIRTY, log1=FIRST, log2=SECOND) == ("CCCC", [])


def test_a_clean_hive_is_left_alone() -> None:
    assert owner_and_gaps(OLD, log1=FIRST) == ("AAAA", [])


def test_a_dirty_hive_without_logs_says_so() -> None:
    owner, (gap,) = owner_and_gaps(DIRTY)
    assert owner == "AAAA"
    assert gap.endswith("(sequence 7 and 6); nothing is replayed: no transaction log is beside it")


def test_entries_that_the_hive_already_holds_are_left_out() -> None:
    owner, gaps = owner_and_gaps(regf.dirty(OLD, 9, 8), log1=FIRST)
    assert (owner, len(gaps)) == ("AAAA", 1)
    assert "hold nothing newer" in gaps[0]


def test_nothing_behind_a_missing_entry_is_used() -> None:
    late = regf.new_log(NEWEST, [(9, regf.pages_between(NEW, NEWEST))])
    owner, (gap,) = owner_and_gaps(DIRTY, log1=FIRST, log2=late)
    assert owner == "BBBB"
    assert "in part (1 pages): entries 7 to 8 of its transaction logs are missing" in gap


def test_a_damaged_entry_ends_the_replay_and_is_a_gap() -> None:
    both = regf.new_log(NEW, [(6, regf.pages_between(OLD, NEW)), (7, regf.pages_between(NEW, NEWEST))])
    owner, (gap,) = owner_and_gaps(DIRTY, log1=both[:-5] + b"\1" + both[-4:])
    assert owner == "BBBB"
    assert "entry 7 of a transaction log is damaged" in gap
    owner, (gap,) = owner_and_gaps(DIRTY, log1=both[:-512])
    assert (owner, "entry 7" in gap) == ("BBBB", True)


def test_the_log_of_another_hive_is_not_applied() -> None:
    other = regf.new_log(NEW.replace("HIVE".encode("utf-16-le"), "SOFT".encode("utf-16-le")), [(6, [(0, bytes(4096))])])
    owner, (gap,) = owner_and_gaps(DIRTY, log1=other)
    assert owner == "AAAA"
    assert "not its own or are destroyed" in gap


def test_a_log_that_is_destroyed_beside_a_good_one_is_a_gap() -> None:
    for damaged in (b"\xff" * 512 + FIRST[512:], bytes(512) + FIRST[512:], FIRST[:512] + bytes(4) + FIRST[516:]):
        owner, (gap,) = owner_and_gaps(regf.dirty(OLD, 8, 7), log1=damaged, log2=SECOND)
        assert owner == "CCCC"
        assert "destroyed" in gap


def test_a_log_that_was_never_used_is_no_gap() -> None:
    assert owner_and_gaps(DIRTY, log1=FIRST, log2=bytes(8192)) == ("BBBB", [])


def test_one_log_alone_that_begins_late_leaves_open_what_the_other_held() -> None:
    owner, (gap,) = owner_and_gaps(regf.dirty(OLD, 4, 3), log2=FIRST)
    assert owner == "BBBB"
    assert "entries 3 to 5 may have stood in a log that is not there" in gap


def test_pages_outside_the_hive_are_refused() -> None:
    hostile = regf.new_log(NEW, [(6, [(1 << 31, bytes(4096))])])
    owner, (gap,) = owner_and_gaps(DIRTY, log1=hostile)
    assert (owner, "outside the hive" in gap) == ("AAAA", True)


def test_a_destroyed_base_block_is_taken_from_the_log_and_stays_a_gap() -> None:
    owner, gaps = owner_and_gaps(b"\xff" * 512 + OLD[512:], log1=FIRST)
    assert owner == "BBBB"
    assert "the hive's base block is destroyed" in gaps


def test_the_log_of_old_systems_is_applied_where_its_time_is_the_hives() -> None:
    log = regf.old_log(OLD, NEW)
    assert owner_and_gaps(DIRTY, log=log) == ("BBBB", [])
    owner, (gap,) = owner_and_gaps(regf.dirty(OLD[:12] + b"\1" + OLD[13:], 7, 6), log=log)
    assert (owner, "not its own" in gap) == ("AAAA", True)
    owner, (gap,) = owner_and_gaps(DIRTY, log=log[:-512])
    assert (owner, "cut off" in gap) == ("AAAA", True)
