"""What Amcache.hve says, on built keys of both layouts."""

from __future__ import annotations

import struct

import pytest

from pipeline.artefacts import Action, Event
from tests.builders import regf
from tests.builders.evtx import filetime
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, binary, built, events, read

SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def of(keys: Keys) -> list[Event]:
    return events("amcache", keys, "/Windows/AppCompat/Programs/Amcache.hve")


def test_an_old_entry_has_path_hash_and_place_in_the_volume() -> None:
    place = "Root\\File\\ccbe4c57-0000-0000-0000-100000000000\\100000169dd"
    (event,) = of({place: [
        regf.text("15", "c:\\tools\\sdelete.exe"), regf.text("101", f"0000{SHA1}"), regf.number("6", 77),
        binary("11", struct.pack("<Q", filetime(WHEN)))]})  # fmt: skip
    assert (event.action, event.subject, event.time) == (Action.PROGRAM_PRESENT, "c:\\tools\\sdelete.exe", WHEN)
    wanted = {"sha1": SHA1, "bytes": 77, "target_modified": WHEN.isoformat()}
    assert event.detail | wanted == event.detail


@pytest.mark.parametrize(
    ("name", "place"), [("100001605a", (1, 0x1605A)), ("a00001", (10, 1)), ("100000000", None), ("1000010000", None)]
)
def test_a_place_is_told_only_where_its_name_can_be_read_one_way(name: str, place: tuple[int, int] | None) -> None:
    (event,) = of({f"Root\\File\\v\\{name}": []})
    assert (event.detail.get("mft_sequence"), event.detail.get("mft_record")) == (place or (None, None))


def test_new_entries_have_path_hash_and_size_of_both_kinds() -> None:
    place = "Root\\InventoryApplicationFile"
    found = of({
        f"{place}\\a|1": [regf.text("LowerCaseLongPath", "e:\\7z.exe"), regf.text("FileId", f"0000{SHA1}"),
                          regf.text("Size", "0x7fac0")],
        f"{place}\\b|2": [regf.text("LowerCaseLongPath", "e:\\8z.exe"), binary("Size", struct.pack("<Q", 4096))],
    })  # fmt: skip
    assert [(event.subject, event.detail.get("sha1"), event.detail["bytes"]) for event in found] == [
        ("e:\\7z.exe", SHA1, 0x7FAC0), ("e:\\8z.exe", None, 4096),
    ]  # fmt: skip


def test_programs_applications_and_sticks_are_told_but_no_keyboards() -> None:
    found = of({
        "Root\\Programs\\1": [regf.text("0", "Eraser"), binary("a", struct.pack("<Q", 1655773200))],
        "Root\\InventoryApplication\\2": [regf.text("Name", "Dropbox")],
        "Root\\InventoryDevicePnp\\usbstor/disk&ven_acme&prod_flash&rev_1.00/ab12cd34&0": [regf.text("Model", "Flash")],
        "Root\\InventoryDevicePnp\\usb/vid_0e0f&pid_000a/7&1&0&2": [regf.text("Service", "HidUsb")],
    })  # fmt: skip
    assert [(event.subject, event.device) for event in found] == [
        ("Eraser", ""),
        ("Dropbox", ""),
        ("Flash", "AB12CD34"),
    ]
    assert found[0].detail["installed"] == WHEN.isoformat()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_damage_is_silent(damage: object) -> None:
    data = built({f"Root\\File\\v\\{number:x}00001": [regf.text("15", "c:\\a.exe")] for number in range(1, 60)})
    found = audit(read("amcache", damage(data)))  # type: ignore[operator]
    assert found.gaps
    assert found.status in {"damaged", "unreadable"}
