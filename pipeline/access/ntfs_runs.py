"""Run lists of NTFS, and reading by runs.

Source: Linux-NTFS project documentation, "Data Runs"; Carrier, *File System Forensic Analysis*, ch. 13.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["MAX_CLUSTERS", "Piece", "RunStream", "decode_runs", "join_pieces"]

MAX_CLUSTERS: Final = 1 << 41  # with the largest clusters, 2 MiB, a run stays below 2^62 bytes
_ZEROS: Final = bytes(1 << 20)


def decode_runs(raw: bytes | bytearray, clusters: int, place: int = 0) -> tuple[list[tuple[int, int]], bool]:
    """Return (first cluster, or -1 for a hole; count) of each run, and whether the list ended well.

    ``clusters`` is the volume's count; a run outside it ends the list badly. ``place`` is where the run before began.
    Every run takes two bytes of ``raw`` at least, which bounds the work.
    """
    runs: list[tuple[int, int]] = []
    at, end = 0, len(raw)
    while at < end and raw[at]:
        low, high = raw[at] & 15, raw[at] >> 4
        middle = at + 1 + low
        count = int.from_bytes(raw[at + 1 : middle], "little")
        at = middle + high
        if not 0 < count < MAX_CLUSTERS or not 0 < low <= 8 or high > 8 or at > end:
            return runs, False
        if not high:
            runs.append((-1, count))
            continue
        place += int.from_bytes(raw[middle:at], "little", signed=True)
        if place < 0 or place + count > clusters:
            return runs, False
        runs.append((place, count))
    return runs, at < end


class Piece:
    """One attribute's part of a stream: its first virtual cluster and its runs, in clusters."""

    __slots__ = ("first", "runs")

    def __init__(self, first: int, runs: list[tuple[int, int]]) -> None:
        self.first = first
        self.runs = runs

    @property
    def end(self) -> int:
        """The virtual cluster behind the last one."""
        return min(self.first + sum(count for _, count in self.runs), MAX_CLUSTERS)


def join_pieces(pieces: list[Piece], *, across: bool = False) -> tuple[list[tuple[int, int]], bool]:
    """Return a stream's runs from its pieces, in their order, up to where one is missing; and whether none is.

    ``across``: go on behind what is missing, which becomes a hole. Only the table is read so: its records tell holes.
    """
    runs: list[tuple[int, int]] = []
    at, good = 0, True
    for piece in sorted(pieces, key=lambda piece: piece.first):
        if piece.first < at or piece.first >= MAX_CLUSTERS:
            good = False
            continue
        if piece.first > at:
            good = False
            if not across:
                break
            runs.append((-1, piece.first - at))
        runs += piece.runs
        at = piece.first + sum(count for _, count in piece.runs)
    return runs, good


class RunStream:
    """Bytes of a stream by byte runs of its volume; holes and what lies behind ``initialised`` read as zeros."""

    def __init__(self, data: Readable, runs: list[tuple[int, int]], size: int, initialised: int) -> None:
        self._data = data
        self._runs = runs
        self._starts = (0, *accumulate(length for _, length in runs))
        self._initialised = initialised
        self.size = max(min(size, self._starts[-1]), 0)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; fewer at the end, or where the runs end before the size does.

        Raises:
            UnreadableError: a run lies outside the volume.
        """
        end = min(start + max(length, 0), self.size)
        pieces: list[bytes] = []
        while start < end:
            index = bisect_right(self._starts, start) - 1
            stop = min(end, self._starts[index + 1])
            pieces += self._stretch(index, start, stop)
            start = stop
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _stretch(self, index: int, start: int, stop: int) -> list[bytes]:
        place, _ = self._runs[index]
        real = max(min(stop, self._initialised), start) if place >= 0 else start
        pieces = []
        if real > start:
            pieces.append(self._data.read(place + start - self._starts[index], real - start))
            if len(pieces[0]) < real - start:
                raise UnreadableError(f"a run at byte {place} ends outside the volume")
        missing = stop - real
        while missing:
            pieces.append(_ZEROS[: min(missing, len(_ZEROS))])
            missing -= len(pieces[-1])
        return pieces
