"""Where two pieces of an object meet: found by the checksum of the stream that the joint lies in."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.carvers.base import View

__all__ = ["UNPACKED", "Pieces", "joint"]

UNPACKED: Final = 256 << 20
"""Bytes that looking for one joint may unpack."""
_OUT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Pieces:
    """Bytes from the start of an object on, in which ``gap`` bytes of something else lie somewhere."""

    data: bytes
    gap: int

    def joined(self, cut: int, start: int, end: int) -> bytes:
        """Return bytes of the object, by its own offsets, if the first piece ends at ``cut``."""
        if end <= cut:
            return self.data[start:end]
        if start >= cut:
            return self.data[start + self.gap : end + self.gap]
        return self.data[start:cut] + self.data[cut + self.gap : end + self.gap]


@dataclass(slots=True)
class _Stream:
    """A stream that is being unpacked (or only summed, without an engine): what came out so far."""

    engine: Any
    size: int = 0
    crc: int = 0

    def fork(self) -> _Stream:
        return _Stream(self.engine.copy() if self.engine else None, self.size, self.crc)

    def feed(self, view: View, data: bytes) -> bool:
        """Take in the next bytes; False where they are no continuation."""
        view.spend(len(data))
        while data:
            try:
                body = self.engine.decompress(data, _OUT) if self.engine else data
            except zlib.error:
                return False
            view.spend(len(body))
            self.size, self.crc = self.size + len(body), zlib.crc32(body, self.crc)
            if self.size > UNPACKED:
                return False
            data = self.engine.unconsumed_tail if self.engine and not self.engine.eof else b""
        return True

    @property
    def ended(self) -> bool:
        return self.engine is None or self.engine.eof


def joint(
    view: View, pieces: Pieces, cuts: Sequence[int], *, span: tuple[int, int], wbits: int | None,
    fits: Callable[[int, int], bool],
) -> int | None:  # fmt: skip
    """Return the cut, of ascending ones, with which a stream is whole.

    Args:
        view: is charged.
        pieces: the bytes.
        cuts: places where the first piece may end.
        span: where the stream starts and ends, by the object's own offsets.
        wbits: of zlib; None for a stream that is not packed.
        fits: tells whether size and CRC-32 of what comes out are right.
    """
    start, end = span
    stream, at = _Stream(zlib.decompressobj(wbits) if wbits is not None else None), start
    for cut in cuts:
        upto = min(max(cut, start), end)
        if not stream.feed(view, pieces.data[at:upto]):
            return None
        at, rest = upto, stream.fork()
        if rest.feed(view, pieces.joined(cut, upto, end)) and rest.ended and fits(rest.size, rest.crc):
            return cut
    return None
