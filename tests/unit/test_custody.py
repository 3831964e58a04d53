"""The ledger notices every change to itself."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.clock import Clock
from pipeline.custody import Ledger, verify_ledger
from pipeline.errors import IntegrityError, SettingsError
from pipeline.keys import KeyRing, create_keys, open_keys

FIXED = Clock(now=lambda: datetime(2026, 1, 2, tzinfo=UTC), monotonic=lambda: 0.0)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return create_keys(tmp_path / "secrets")


def ledger_of(tmp_path: Path, keys: KeyRing, count: int) -> Path:
    out = tmp_path / "out"
    ledger = Ledger(out, keys, FIXED, "examiner")
    for number in range(count):
        ledger.append("step", {"number": number})
    return out


def test_a_ledger_verifies_under_its_key(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 3)
    entries = verify_ledger(out, keys.public_hex)
    assert [entry["number"] for entry in entries] == [0, 1, 2]
    assert entries[0]["at"] == "2026-01-02T00:00:00+00:00"


def test_any_flipped_bit_of_a_ledger_is_noticed(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 3)
    path = out / "custody.jsonl"
    good = path.read_bytes()
    for position in range(0, len(good), 7):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(IntegrityError):
            verify_ledger(out, keys.public_hex)


@pytest.mark.parametrize("keep", [[0, 1], [1, 2], [0, 2], [0]])
def test_missing_lines_are_noticed(tmp_path: Path, keys: KeyRing, keep: list[int]) -> None:
    out = ledger_of(tmp_path, keys, 3)
    lines = (out / "custody.jsonl").read_bytes().splitlines(keepends=True)
    (out / "custody.jsonl").write_bytes(b"".join(lines[index] for index in keep))
    with pytest.raises(IntegrityError):
        verify_ledger(out, keys.public_hex)


def test_a_ledger_of_another_key_is_noticed(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 2)
    other = create_keys(tmp_path / "other")
    with pytest.raises(IntegrityError, match="not signed by the case's key"):
        verify_ledger(out, other.public_hex)


def test_a_line_cut_off_by_an_interruption_is_set_aside(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 2)
    with (out / "custody.jsonl").open("ab") as handle:
        handle.write(b'{"seq": 2, "eve')
    Ledger(out, keys, FIXED, "examiner").append("step", {"number": 2})
    assert [entry["number"] for entry in verify_ledger(out, keys.public_hex)] == [0, 1, 2]
    assert (out / "custody.torn").read_bytes() == b'{"seq": 2, "eve'


def test_a_ledger_one_line_ahead_of_its_head_holds(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 2)
    head = (out / "custody.head.json").read_bytes()
    Ledger(out, keys, FIXED, "examiner").append("step", {"number": 2})
    (out / "custody.head.json").write_bytes(head)
    assert len(verify_ledger(out, keys.public_hex)) == 3


def test_a_forged_head_is_noticed(tmp_path: Path, keys: KeyRing) -> None:
    out = ledger_of(tmp_path, keys, 2)
    head = json.loads((out / "custody.head.json").read_text())
    head["signature"] = "00" * 64
    (out / "custody.head.json").write_text(json.dumps(head))
    with pytest.raises(IntegrityError, match="head"):
        verify_ledger(out, keys.public_hex)


def test_keys_that_others_can_read_are_refused(tmp_path: Path, keys: KeyRing) -> None:
    (tmp_path / "secrets" / "case.key").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_keys(tmp_path / "secrets")


def test_keys_show_nothing_of_themselves(keys: KeyRing) -> None:
    assert keys.tag_key.hex() not in repr(keys)
