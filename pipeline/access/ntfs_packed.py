"""Compressed streams of NTFS, unit by unit.

Source: Linux-NTFS project documentation, "Compression"; a unit is 2^n clusters: without holes it is stored as it is,
all hole it is zeros, partly hole it is packed with LZNT1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.access.ntfs_lznt1 import expand
from pipeline.access.ntfs_mft import Mft, Stream
from pipeline.errors import UnreadableError

__all__ = ["read_packed"]

_MAX_UNIT: Final = 6  # Windows uses 4: 16 clusters


def read_packed(mft: Mft, stream: Stream, start: int, length: int) -> bytes:
    """Return bytes of a compressed stream; fewer where the runs end before the size does.

    Raises:
        UnreadableError: a unit is damaged or outside the volume.
    """
    if stream.unit > _MAX_UNIT:
        raise UnreadableError("a compressed stream names an impossible unit")
    size = mft.geometry.cluster << stream.unit
    end = max(min(start + length, _covered(mft, stream, size)), start)
    pieces = [_unit(mft, runs, size) for runs in _units(stream, 1 << stream.unit, start // size, -(-end // size))]
    joined = b"".join(pieces)[start % size :][: end - start]
    valid = max(min(stream.initialised - start, len(joined)), 0)
    return joined[:valid] + bytes(len(joined) - valid)


def _covered(mft: Mft, stream: Stream, size: int) -> int:
    """Return how many bytes have a place: all, or whole units only, for the last one may have lost its end."""
    held = sum(count for _, count in stream.runs) * mft.geometry.cluster
    return stream.size if stream.sound and held >= stream.size else min(held // size * size, stream.size)


def _units(stream: Stream, clusters: int, first: int, last: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the runs of each unit from ``first`` up to ``last``, cut at its borders."""
    at, index = 0, 0
    unit: list[tuple[int, int]] = []
    runs = stream.runs
    for number in range(first, last):
        low, high = number * clusters, (number + 1) * clusters
        unit = []
        while index < len(runs) and at < high:
            place, count = runs[index]
            begin, stop = max(low, at), min(high, at + count)
            if stop > begin:
                unit.append((place + begin - at if place >= 0 else -1, stop - begin))
            if at + count > high:
                break
            at += count
            index += 1
        yield unit


def _unit(mft: Mft, runs: list[tuple[int, int]], size: int) -> bytes:
    cluster = mft.geometry.cluster
    stored = [(place, count) for place, count in runs if place >= 0]
    if not stored:
        return bytes(size)
    raw = b"".join(mft.data.read(place * cluster, count * cluster) for place, count in stored)
    held = sum(count for _, count in stored) * cluster
    if len(raw) < held:
        raise UnreadableError("a compression unit ends outside the volume")
    if held >= size:
        return raw
    if raw[:2] == b"\0\0":
        raise UnreadableError("a compression unit begins with its end; its bytes are lost")
    return expand(raw, size)
