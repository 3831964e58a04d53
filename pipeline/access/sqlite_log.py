"""Write-ahead logs and rollback journals of SQLite (SQLite file format §4 and §3): where their pages lie.

Frames and records are proved by the checksums that SQLite itself relies on after a crash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.access.interfaces import Readable

__all__ = ["JOURNAL", "WAL", "Frame", "journal_records", "log_frames"]

WAL: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""Magic (§4.1): the second says that checksums read the words big-endian."""
JOURNAL: Final = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_MASK: Final = 0xFFFFFFFF
_WAL_VERSION: Final = 3007000
_MOST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """A page in a log: where it lies, and its size."""

    start: int
    size: int


def log_frames(view: Readable, start: int, limit: int) -> Iterator[Frame]:
    """Yield the proved frames of the log at ``start``; offsets are from ``start``.

    Behind the newest frames there may be frames of the round before: those whose checksum goes on from the frame
    before them are proved as well.
    """
    head = view.read(start, min(32, limit))
    if len(head) < 32 or head[:4] not in WAL:
        return
    order = ">u4" if head[3] & 1 else "<u4"
    version, size = struct.unpack_from(">II", head, 4)
    known = struct.unpack_from(">II", head, 24)
    if version != _WAL_VERSION or not _sound_size(size) or _checksum(head[:24], order, (0, 0)) != known:
        return
    salts, at, doubtful = head[16:24], 32, None
    for _ in range(_MOST):
        raw = view.read(start + at, min(24 + size, limit - at))
        if len(raw) < 24 + size or raw[:4] == b"\0\0\0\0":
            return
        stored = struct.unpack_from(">II", raw, 16)
        good = raw[8:16] == salts and _checksum(raw[:8] + raw[24:], order, known) == stored
        if good:
            if doubtful is not None:
                yield doubtful
            yield Frame(at + 24, size)
            doubtful = None
        elif doubtful is None and raw[8:16] != salts:
            salts, doubtful = raw[8:16], Frame(at + 24, size)
        else:
            return
        known, at = stored, at + 24 + size


def journal_records(view: Readable, start: int, limit: int) -> Iterator[Frame]:
    """Yield the proved page records of the rollback journal at ``start``; offsets are from ``start``."""
    at = 0
    while at + 28 <= limit and (head := view.read(start + at, 28)).startswith(JOURNAL) and len(head) == 28:
        count, nonce, _, sector, size = struct.unpack_from(">5I", head, 8)
        if not _sound_size(size) or not 28 <= sector <= 65536:
            return
        at += sector
        for _ in range(_MOST if count in (0, _MASK) else min(count, _MOST)):
            raw = view.read(start + at, min(size + 8, limit - at))
            if len(raw) < size + 8 or not _record_sound(raw, size, nonce):
                return
            yield Frame(at + 4, size)
            at += size + 8
        at = -(-at // sector) * sector


def _record_sound(raw: bytes, size: int, nonce: int) -> bool:
    """Tell whether a record's checksum holds: the nonce plus every 200th byte from the page's end (§3)."""
    page = raw[4 : 4 + size]
    total = nonce + sum(page[place] for place in range(size - 200, 0, -200))
    return raw[:4] != b"\0\0\0\0" and (total & _MASK).to_bytes(4, "big") == raw[4 + size :]


def _sound_size(size: int) -> bool:
    return 512 <= size <= 65536 and not size & (size - 1)


@lru_cache(maxsize=16)
def _weights(pairs: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return Fibonacci numbers mod 2^32 as weights of the words, for :func:`_checksum`."""
    numbers = [0, 1]
    for _ in range(2 * pairs + 1):
        numbers.append((numbers[-1] + numbers[-2]) & _MASK)
    low = [1, *numbers[1 : 2 * pairs + 1 : 2]]
    array = np.array(numbers, np.uint64)
    return np.array(low, np.uint64), array[0 : 2 * pairs + 1 : 2], array[1 : 2 * pairs + 2 : 2]


def _checksum(data: bytes, order: str, seed: tuple[int, int]) -> tuple[int, int]:
    """Return the checksum of §4.2 over ``data``: s0 += x0 + s1, s1 += x1 + s0 for each pair of words.

    One step is the square of the Fibonacci matrix, so the sum over all pairs is a scalar product.
    """
    words = np.frombuffer(data, order).astype(np.uint64)
    pairs = len(words) // 2
    below, middle, above = _weights(pairs)
    first, both = words[0::2], words[0::2] + words[1::2]
    last = slice(pairs - 1, None, -1) if pairs else slice(0, 0)
    sum0 = int(np.sum(below[:pairs][last] * first + middle[:pairs][last] * both))
    sum1 = int(np.sum(middle[:pairs][last] * first + above[:pairs][last] * both))
    sum0 += int(below[pairs]) * seed[0] + int(middle[pairs]) * seed[1]
    sum1 += int(middle[pairs]) * seed[0] + int(above[pairs]) * seed[1]
    return sum0 & _MASK, sum1 & _MASK
