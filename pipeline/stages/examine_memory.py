"""Objects in pages of memory: what a hibernation file unpacks to is carved like raw space."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pipeline import carvers
from pipeline.access.interfaces import Readable
from pipeline.carvers import Engine, Found, Space, outermost
from pipeline.decoders import Member, Trouble, decoder_for
from pipeline.detectors.literals import Literals

__all__ = ["MEMORY_KINDS", "objects_in"]

MEMORY_KINDS: Final = frozenset({"hibernation"})
"""Types whose members are pages of memory."""


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return Engine(carvers.CARVERS, Literals(carvers.LITERALS))


def objects_in(part: Member, content: Readable) -> Iterator[tuple[Member, str] | Trouble]:
    """Yield the objects in pages that say more opened than as bytes, each with its flag; and what is not carved.

    None of them reaches beyond its member. The flag is that of a carved object (:mod:`pipeline.stages.carve`), which
    keeps what was not proved from being taken for a file.
    """
    carved = list(_engine().carve(Space.whole(content), 0, content.size))
    for one in carved:
        if not isinstance(one, Found):
            yield Trouble("memory-not-carved", f"{part.path}: from byte {one.start} on: {one.reason}")
    found = [one for one in carved if isinstance(one, Found)]
    for index in outermost([(one.runs, one.carved.complete, one.carver) for one in found]):
        proved = found[index].carved
        if decoder_for(proved.type) is not None:
            data = b"".join(content.read(start, length) for start, length in found[index].runs)
            flag = "partial" if not proved.complete else "unchecked" if proved.note else ""
            yield Member(f"{part.path}/{proved.start}+{proved.length}", data), flag
