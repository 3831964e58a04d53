"""A stick under BitLocker and a disk under LUKS, by the command line: locked without keys, examined with them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.builders.bitlocker import RECOVERY, Protector, bitlocker
from tests.builders.disks import gpt_disk
from tests.builders.file_systems import run
from tests.builders.luks import luks2
from tests.e2e.conftest import ROOT, akashi

pytestmark = [pytest.mark.slow, pytest.mark.tools]

PASSWORD = "open-sesame-4711"
QUICK = ("--pbkdf", "argon2id", "--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "2")
SETTINGS = """
[case]
id = "unlocking"
title = "unlocking"

[incident]
lost_from = 2022-06-21T22:30:00+09:00
recovered_at = 2022-06-24T11:40:00+09:00

[[exhibit]]
label = "USB-01"
role = "recovered-media"
image = "usb.raw"
serial = "STICK-0001"
authorised = ["resident-register"]

[[exhibit]]
label = "PC-01"
role = "workstation"
image = "pc.raw"

[[dataset]]
id = "resident-register"
title = "register"
register = "residents.akr"
"""
REGISTER = (ROOT / "cases/demo-clean/registers/residents.csv").read_bytes().decode("cp932").splitlines()


def people(first: int, last: int) -> bytes:
    return "\n".join(["", REGISTER[0], *REGISTER[1 + first : 1 + last], "", ""]).encode()


def stick(folder: Path) -> bytes:
    """Return a BitLocker volume with ten people in a file, deleted, in free space, and in a lost archive each."""
    volume = folder / "fat"
    volume.write_bytes(bytes(6 << 20))
    run("mkfs.fat", "-F", "16", "-s", "2", volume)
    for name, data in (("list.csv", people(0, 10)), ("gone.csv", people(10, 20))):
        (folder / name).write_bytes(data)
        run("mcopy", "-i", volume, folder / name, f"::{name}")
    run("mdel", "-i", volume, "::gone.csv")
    clear = bytearray(volume.read_bytes())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("members.csv", people(30, 40))
    for at, data in ((3 << 20, people(20, 30)), (4 << 20, packed.getvalue())):
        clear[at : at + len(data)] = data
    return bitlocker(bytes(clear), (Protector("recovery", RECOVERY),), to_go=True)


def disk(folder: Path) -> bytes:
    """Return a LUKS volume with ten people in a file and ten in free space."""
    (folder / "tree").mkdir()
    (folder / "tree/list.csv").write_bytes(people(40, 50))
    volume = folder / "ext"
    volume.write_bytes(bytes(4 << 20))
    run("mke2fs", "-q", "-F", "-t", "ext2", "-d", folder / "tree", volume)
    clear = bytearray(volume.read_bytes())
    clear[3 << 20 : (3 << 20) + len(people(50, 60))] = people(50, 60)
    volume.write_bytes(clear)
    return luks2(folder, volume, PASSWORD, *QUICK).read_bytes()[: 20 << 20]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, work = tmp_path_factory.mktemp("case"), tmp_path_factory.mktemp("work")
    (folder / "usb.raw").write_bytes(gpt_disk([stick(work)]))
    (folder / "pc.raw").write_bytes(gpt_disk([disk(work)]))
    (folder / "case.toml").write_text(SETTINGS, encoding="utf-8")
    akashi("init", folder, check=0)
    register = folder / "residents.csv"
    register.write_bytes("\r\n".join(REGISTER[:100]).encode("cp932"))
    akashi("register", "build", register, "--dataset", "resident-register", "--case", folder, check=0)
    return folder


def rows(case: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(case / f"out/tables/{table}.parquet").to_pylist()
    return found


def levels(case: Path) -> dict[tuple[str, str], str]:
    verdict = json.loads((case / "out/verdict.json").read_text(encoding="utf-8"))
    return {(item["id"], item["exhibit"]): item["level"] for item in verdict["questions"]}


@pytest.fixture(scope="module")
def locked(case: Path) -> Path:
    akashi("run", case, "--workers", "2", check=3)
    return case


def test_without_keys_the_volumes_are_locked_and_nothing_is_claimed(locked: Path) -> None:
    assert {row["address"]: row["state"] for row in rows(locked, "volumes")} == {
        "PC-01!part:p1": "locked", "USB-01!part:p1": "locked",
    }  # fmt: skip
    messages = {row["address"]: row["message"] for row in rows(locked, "diagnostics") if row["code"] == "locked"}
    assert "no key is given for it; it is protected by recovery password {" in messages["USB-01!part:p1"]
    assert "(LUKS2 aes-xts-plain64 512 argon2id): no key is given" in messages["PC-01!part:p1"]
    coverage = {
        (row["class"], row["examined_by"], row["outcome"]) for row in rows(locked, "coverage")
        if row["volume"] == "USB-01!part:p1"
    }  # fmt: skip
    assert {("volume", "listed", "not-examined"), ("locked", "accounted", "examined")} <= coverage
    assert ("locked", "detected", "not-examined") in coverage
    found = levels(locked)
    assert "not-confirmed" not in {level for (name, _), level in found.items() if name != "encryption"}
    assert found["encryption", "USB-01"] == "not-confirmed"


@pytest.fixture(scope="module")
def opened(locked: Path) -> Path:
    passwords = locked / "secrets/passwords.txt"
    passwords.write_text(f"stick-0001 = {RECOVERY}\nwrong\n{PASSWORD}\n", encoding="utf-8")
    passwords.chmod(0o600)
    akashi("run", locked, "--workers", "2", check=3)  # the images have no recorded hash
    return locked


def test_with_keys_the_volumes_inside_are_listed_scanned_and_carved(opened: Path) -> None:
    volumes = {row["address"]: row for row in rows(opened, "volumes")}
    inside = volumes["USB-01!part:p1!unlocked:bitlocker"]
    assert (inside["state"], inside["file_system"], inside["encryption"]) == ("open", "FAT16", "BitLocker AES-XTS-128")
    assert inside["opened_by"].startswith("recovery password {")
    assert volumes["PC-01!part:p1!unlocked:luks"]["opened_by"] == "password, key slot 0"
    codes = {row["code"] for row in rows(opened, "diagnostics")}
    assert codes.isdisjoint({"locked", "possibly-encrypted"})
    places: dict[str, set[str]] = {}
    for row in rows(opened, "findings"):
        if row["person"]:
            assert row["image_offset"] is None
            place = re.sub(r"(!entry:\d+)?!(bytes|carved):.*", r"!\2", row["address"].split("unlocked:")[1])
            places.setdefault(place, set()).add(row["person"])
    assert {place: len(found) for place, found in places.items()} == {
        "bitlocker!fs:/list.csv!bytes": 10, "bitlocker!fs:/_one.csv!bytes": 10, "bitlocker!bytes": 10,
        "bitlocker!carved": 20, "luks!fs:/list.csv!bytes": 10, "luks!bytes": 10, "luks!carved": 10,
    }  # fmt: skip


def test_account_closes_inside_the_unlocked_volumes(opened: Path) -> None:
    for exhibit, name in (("USB-01", "usb.raw"), ("PC-01", "pc.raw")):
        extents = [row for row in rows(opened, "extents") if row["exhibit"] == exhibit]
        assert sum(row["length"] for row in extents) == (opened / name).stat().st_size
        assert "locked" not in {row["class"] for row in extents}
        inside = {row["class"] for row in extents if "unlocked" in row["volume"]}
        assert {"file-content", "unallocated", "file-system-metadata", "file-slack"} <= inside


def test_a_stick_that_only_our_key_opened_is_still_encrypted(opened: Path) -> None:
    assert levels(opened)["encryption", "USB-01"] == "not-confirmed"
    assert levels(opened)["unauthorised-copy", "PC-01"] == "confirmed"


def test_findings_in_unlocked_volumes_are_read_again(opened: Path) -> None:
    akashi("verify", opened, check=0)
    raw = next(
        row for row in rows(opened, "findings") if "!unlocked:luks!bytes:" in row["address"] and row["kind"] == "phone"
    )
    assert akashi("reveal", opened, raw["id"], check=0).stdout.strip().encode() in people(50, 60)
    assert raw["address"] in akashi("show", opened, raw["id"], check=0).stdout


def test_no_key_is_anywhere_under_out(opened: Path) -> None:
    needles = [form.encode(code) for form in (PASSWORD, RECOVERY, RECOVERY[:13]) for code in ("utf-8", "utf-16-le")]
    for path in sorted(opened.glob("out/**/*")):
        if path.is_file():
            data = path.read_bytes()
            assert not any(needle in data for needle in needles), path.name
