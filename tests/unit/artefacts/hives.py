"""Hives for the tests of their readers: built keys in, facts out, and the damages that every reader must show."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from pipeline.artefacts import ARTEFACTS, Audit, Candidate, Event, Fact
from tests.builders import regf
from tests.unit.artefacts.candidates import Held

WHEN: Final = datetime(2022, 6, 21, 1, 0, tzinfo=UTC)

Keys = dict[str, Sequence[regf.Value]]
"""Values by the path of their key."""


def built(keys: Keys, when: datetime = WHEN) -> bytes:
    """Return a hive of the given keys, all written at one time."""
    root = regf.Key("ROOT", when)
    for path, values in keys.items():
        regf.tree(root, path, when, values)
    return regf.hive(root, name="HIVE")


def read(name: str, data: bytes, path: str = "/Users/a/x", **logs: bytes) -> list[Fact]:
    """Return what one reader says; ``log1`` and others are the logs beside the hive."""
    (artefact,) = (known for known in ARTEFACTS if known.name == name)
    return list(artefact.read(candidate_of(data, path, **logs)))


def candidate_of(data: bytes, path: str, **logs: bytes) -> Candidate:
    """Return a hive with the logs beside it."""
    beside = {f".{suffix}": Held(raw) for suffix, raw in logs.items()}
    return Candidate(path=path, content=Held(data), companions=beside)


def events(name: str, keys: Keys, path: str = "/Users/a/x") -> list[Event]:
    """Return the events of a built hive; it must be read without trouble."""
    facts = read(name, built(keys), path)
    assert audit(facts).status == "read", facts
    return [fact for fact in facts if isinstance(fact, Event)]


def audit(facts: list[Fact]) -> Audit:
    """Return the one audit."""
    (found,) = (fact for fact in facts if isinstance(fact, Audit))
    return found


def wide(text: str) -> bytes:
    """Return text as the registry holds it."""
    return (text + "\0").encode("utf-16-le")


def binary(name: str, data: bytes) -> regf.Value:
    """Return a REG_BINARY value."""
    return regf.Value(name, regf.BINARY, data)


def _zeroed(data: bytes) -> bytes:
    return data[:4096] + bytes(4096) + data[8192:]


def _flipped(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data[:512]) + data[512:]


def _sequence(data: bytes) -> bytes:
    return data[:4] + struct.pack("<I", 99) + data[8:]


DAMAGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "empty": lambda data: b"", "cut in the base block": lambda data: data[:1000],
    "cut behind the base block": lambda data: data[:4200], "cut near the end": lambda data: data[:-600],
    "first bin zeroed": _zeroed, "base block flipped": _flipped, "sequence changed": _sequence,
    "bins all ones": lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
}  # fmt: skip
