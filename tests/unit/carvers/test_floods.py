"""A flood of headers ends the search between sectors, is said, and does not hide what begins at a sector."""

from __future__ import annotations

import pytest

from pipeline.carvers import Engine, Found, Missed, Space, engine
from pipeline.carvers.engine import literals
from pipeline.carvers.jpeg import Jpeg
from pipeline.detectors.literals import Literals
from tests.builders.disks import Bytes
from tests.builders.pictures import picture


def test_a_flood_is_said_and_hides_nothing_at_a_sector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOST_BASE", 48 << 20)
    monkeypatch.setattr(engine, "LOST_RATE", 0)
    whole = picture(200, 150, seed=1, form="baseline")
    flood = b"\xff\xd8\xff\xe0" * (1 << 18)
    data = flood + whole + b"\0" * (-len(whole) % 512)
    carvers = (Jpeg(),)
    got = list(Engine(carvers, Literals(literals(carvers)), window=1 << 16).carve(
        Space.whole(Bytes(data), 512), 0, len(data)
    ))  # fmt: skip
    assert [one.runs for one in got if isinstance(one, Found)] == [((len(flood), len(whole)),)]
    assert sum(isinstance(one, Missed) for one in got) >= 15
