"""Damaged artefacts end, and are told as damaged."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import ARTEFACTS, Artefact, Audit
from tests.builders import chromium, windows_logs
from tests.unit.artefacts.candidates import candidate

START = datetime(2022, 6, 20, tzinfo=UTC)


def samples() -> dict[str, bytes]:
    visits = [
        chromium.Visit(url=f"https://www.example.com/{number:0200}", title="x", time=START + timedelta(minutes=number))
        for number in range(400)
    ]
    log = windows_logs.security_log(START, START + timedelta(days=20))
    return {
        "chromium-history": chromium.history(visits),
        "firefox-places": chromium.places(visits),
        "windows-event-log": log,
        "system-hive": windows_logs.system_hive(START, START, []),
        "setupapi-log": windows_logs.setupapi(START, []),
        "shell-history": b"#1655683200\nls\n" * 500,
    }


SAMPLES = samples()


def reader(name: str) -> Artefact:
    (found,) = (known for known in ARTEFACTS if known.name == name)
    return found


def audit_of(name: str, data: bytes) -> Audit:
    audits = [fact for fact in reader(name).read(candidate(data)) if isinstance(fact, Audit)]
    assert len(audits) == 1
    return audits[0]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_intact_sample_is_read_without_gaps(name: str) -> None:
    audit = audit_of(name, SAMPLES[name])
    assert (audit.status, audit.gaps) == ("read", ())


@pytest.mark.parametrize("name", ["chromium-history", "firefox-places", "windows-event-log", "system-hive"])
def test_half_a_file_is_never_read_as_whole(name: str) -> None:
    data = SAMPLES[name]
    assert audit_of(name, data[: len(data) // 2]).status != "read"


@pytest.mark.parametrize("name", ["chromium-history", "firefox-places", "windows-event-log", "setupapi-log"])
def test_a_zeroed_middle_is_never_read_as_whole(name: str) -> None:
    data = SAMPLES[name]
    start, end = len(data) // 4, len(data) * 3 // 4
    audit = audit_of(name, data[:start] + bytes(end - start) + data[end:])
    assert audit.status != "read"
    assert audit.gaps


@pytest.mark.parametrize("name", sorted(known.name for known in ARTEFACTS))
def test_no_bytes_and_foreign_bytes_still_give_one_audit(name: str) -> None:
    for data in (b"", bytes(70_000), b"\xff" * 5000, b"ElfFile\0" + b"\xff" * 5000, b"regf" + b"\xff" * 9000):
        assert audit_of(name, data).records >= 0


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_flipped_bytes_never_end_a_reader_early(name: str) -> None:
    chance = random.Random(20220621)
    for _ in range(25):
        data = bytearray(SAMPLES[name])
        for _ in range(chance.choice((1, 8, 64))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert audit_of(name, bytes(data)).status in {"read", "damaged", "unreadable"}
