"""The damages that every reader must survive, and what it owes the reader of its audit."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.artefacts import ARTEFACTS, Audit, Candidate, Event, Fact
from tests.unit.artefacts.candidates import candidate

__all__ = ["check_damage", "damages", "parted", "read"]


def read(name: str, data: bytes, path: str = "/x", **beside: bytes) -> tuple[list[Event], Audit, list[str]]:
    return parted(name, candidate(data, path, **beside))


def parted(name: str, wanted: Candidate) -> tuple[list[Event], Audit, list[str]]:
    """Return the events, the audit and the codes of the troubles of a source."""
    (artefact,) = (known for known in ARTEFACTS if known.name == name)
    facts: list[Fact] = list(artefact.read(wanted))
    (audit,) = (fact for fact in facts if isinstance(fact, Audit))
    events = [fact for fact in facts if isinstance(fact, Event)]
    return events, audit, [fact.code for fact in facts if not isinstance(fact, Audit | Event)]


def damages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the data cut at three places, with a page of zeros, with flipped bytes, filled with 0xFF."""
    for part in (1, 2, 3):
        yield f"cut at {part}/4", data[: len(data) * part // 4]
    page = min(4096, max(len(data) // 3, 1))
    yield (
        "a page of zeros",
        data[: len(data) // 2 - page // 2] + bytes(page) + data[len(data) // 2 + page - page // 2 :],
    )
    for at in range(0, min(64, len(data)), 5):
        yield f"flipped at {at}", data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
    yield "filled", b"\xff" * len(data)


def check_damage(name: str, data: bytes, path: str = "/x") -> None:
    """Assert that events differ, no damage raises, each leaves one audit, and fewer events are never silent."""
    whole, audit, _ = read(name, data, path)
    assert whole
    assert audit.status == "read"
    keys = {(event.place, event.time_meaning, event.action, event.time, event.subject) for event in whole}
    assert len(keys) == len(whole), f"{name}: two events would bear one id"
    for label, bad in damages(data):
        events, audit, troubles = read(name, bad, path)
        if len(events) < len(whole):
            assert audit.gaps, f"{name}: {label}: {len(whole) - len(events)} events lost in silence"
            assert audit.status in ("damaged", "unreadable"), f"{name}: {label}"
            assert troubles, f"{name}: {label}"
