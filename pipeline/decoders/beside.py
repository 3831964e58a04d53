"""A content that other things lie in too: a picture with a ZIP behind it, a notebook with pictures in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits

__all__ = ["Beside"]


@dataclass(frozen=True)
class Beside(Decoder):
    """Gives what each of several decoders gives of one content."""

    name: str = "beside"
    version: int = 2
    each: tuple[Decoder, ...] = ()

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield the parts of all, decoder by decoder."""
        for decoder in self.each:
            yield from decoder.decode(content, limits)
