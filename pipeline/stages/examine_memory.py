"""Objects in pages of memory: what a hibernation file unpacks to is carved like raw space."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pipeline import carvers
from pipeline.access.interfaces import Readable
from pipeline.carvers import Engine, Found, Space, outermost
from pipeline.decoders import Member, decoder_for
from pipeline.detectors.literals import Literals

__all__ = ["MEMORY_KINDS", "objects_in"]

MEMORY_KINDS: Final = frozenset({"hibernation"})
"""Types whose members are pages of memory."""


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return Engine(carvers.CARVERS, Literals(carvers.LITERALS))


def objects_in(part: Member, content: Readable) -> Iterator[Member]:
    """Yield the objects in pages that say more opened than as bytes; none of them reaches beyond its member."""
    found = [one for one in _engine().carve(Space.whole(content), 0, content.size) if isinstance(one, Found)]
    for index in outermost([(one.runs, one.carved.complete, one.carver) for one in found]):
        carved = found[index].carved
        if decoder_for(carved.type) is not None:
            data = b"".join(content.read(start, length) for start, length in found[index].runs)
            yield Member(f"{part.path}/{carved.start}+{carved.length}", data)
