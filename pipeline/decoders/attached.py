"""Archives inside content of another kind: programs that unpack themselves, files with an archive behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole
from pipeline.decoders.zips import archives_in, members_of

__all__ = ["Attached"]


@dataclass(frozen=True)
class Attached(Decoder):
    """Opens the ZIP archives in a content whose own kind has no decoder."""

    name: str = "attached"
    version: int = 1
    types: tuple[str, ...] = ("attached",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield what the archives hold; members that lie unpacked keep their place in the content."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        left = limits
        for start, end in archives_in(data):
            for part in members_of(data[start:end], left):
                if isinstance(part, Member):
                    room = left.total_bytes - len(part.data)
                    left = replace(left, total_bytes=max(room, 0), members=max(left.members - 1, 0))
                    stored = part.stored_offset
                    yield part if stored is None else replace(part, stored_offset=stored + start)
                else:
                    yield part
