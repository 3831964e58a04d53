"""Carvers and readers of remnants meet damaged input: no exception, nothing beyond the bytes that are there."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from functools import lru_cache

import pytest

from pipeline.artefacts import Audit
from pipeline.artefacts.usn import ChangeJournal
from pipeline.carvers import CARVERS, Carver
from pipeline.carvers.space import Space
from pipeline.decoders import Limits, decoder_for
from tests.builders.hibernation import windows_7, windows_10
from tests.builders.mft import data, file_name, record, standard
from tests.contract.test_carvers import Bytes
from tests.unit.artefacts.candidates import candidate
from tests.unit.artefacts.test_usn import journal
from tests.unit.carvers.test_letters_and_ntfs import letter, outlook
from tests.unit.carvers.test_prefetch import prefetch
from tests.unit.carvers.test_text import TABLE
from tests.unit.carvers.test_windows_remnants import link, log, registry

ROUNDS = 60


@lru_cache(maxsize=1)
def database() -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table t(id integer primary key, name text, n int, x blob)")
        base.executemany("insert into t values(?,?,?,?)", [(n, "山田" * 9, n << 30, b"\xff" * 40) for n in range(200)])
        base.commit()
        return base.serialize()


SAMPLES = {
    "evtx": lambda: log(60), "evtx-chunk": lambda: log(60)[4096:], "regf": registry, "hbin": lambda: registry()[4096:],
    "registry-cells": lambda: registry()[4096 + 600 :], "lnk": link, "prefetch": lambda: prefetch(30),
    "sqlite-page": lambda: database()[4096:], "usn": lambda: journal(*[0x100] * 30), "mail": letter,
    "mbox": lambda: b"From a@example.jp Wed Jun 22 12:00:00 2022\n" + letter(), "pst": lambda: outlook(1),
    "mft-records": lambda: record(standard(), file_name("a.csv", 5), data(b"a,b")),
    "text": lambda: TABLE.encode("cp932"),
}  # fmt: skip


def damaged(whole: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    out = bytearray(whole)
    reach = min(len(out), chance.choice((128, 4096, len(out))))
    for _ in range(chance.choice((1, 3, 12))):
        place = chance.randrange(reach)
        width = chance.choice((1, 2, 4, 8))
        value = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80", chance.randbytes(1)))
        out[place : place + width] = value * len(out[place : place + width])
    return bytes(out[: chance.randrange(1, len(out) + 1)]) if chance.random() < 0.4 else bytes(out)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_damaged_objects_are_carved_inside_their_bytes(name: str) -> None:
    (carver,) = (known for known in CARVERS if known.name == name)
    whole = SAMPLES[name]()
    for seed in range(ROUNDS):
        _carve(carver, damaged(whole, seed))


def _carve(carver: Carver, raw: bytes) -> None:
    view = Space.whole(Bytes(raw)).view(0)
    view.look(raw, 0)
    places = {0, *carver.locate(raw, 0)}
    assert all(0 <= place <= len(raw) for place in places)
    for place in sorted(places)[:50]:
        found = carver.carve(view, place, view.size - place)
        assert found is None or (found.length > 0 and found.start + found.length <= len(raw)), (carver.name, found)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_damaged_pages_and_memory_are_decoded_without_exception(seed: int) -> None:
    pages = [b"." * 4096] * 12
    for kind, whole in (
        ("sqlite-page", database()[4096:20480]), ("hibernation", windows_7(pages)),
        ("hibernation", windows_10(pages[:8], pages)),
    ):  # fmt: skip
        decoder = decoder_for(kind)
        assert decoder is not None
        list(decoder.decode(Bytes(damaged(whole, seed)), Limits()))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_damaged_journals_give_one_audit(seed: int) -> None:
    found = list(ChangeJournal().read(candidate(damaged(journal(*[0x100] * 30), seed))))
    assert len([fact for fact in found if isinstance(fact, Audit)]) == 1
