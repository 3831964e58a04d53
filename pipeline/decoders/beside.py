"""A content of a kind with a decoder that an archive lies in, too: a picture or a document with a ZIP behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.access.interfaces import Readable
from pipeline.decoders.attached import Attached
from pipeline.decoders.base import Decoded, Decoder, Limits

__all__ = ["Beside"]


@dataclass(frozen=True)
class Beside(Decoder):
    """Gives what the content's own decoder gives, then what the archives in its bytes hold."""

    name: str = "beside"
    version: int = 1
    own: Decoder = field(default_factory=Attached)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield the parts of both."""
        yield from self.own.parts(content, limits)
        yield from Attached().decode(content, limits)
