r"""Transaction logs of registry hives, replayed in memory; the hive itself is never written.

A log of the new format (Windows 8.1 and later) is a run of entries with rising numbers and hashes; one of the old
format is one bitmap of sectors and the sectors. What cannot be replayed is said, and nothing behind it is used.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (base block: sequences at 4 and 8, last written at
12, type at 28, size of the bins at 40, file name at 48, sum of 127 words at 508; ``HvLE`` and ``DIRT`` from 512 on)
and "Missing log entries for a dirty primary file" (numbers may be missing before the first entry: the system has
written those pages already).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.artefacts.marvin32 import marvin32

__all__ = ["Replay", "base_is_whole", "replay"]

_MOST_LOG: Final = 64 << 20
_MOST_HIVE: Final = 512 << 20
_SECTOR: Final = 512
_BINS: Final = 4096
_NEW, _OLD = 6, (1, 2)
_MARKS: Final = (b"HvLE", b"DIRT")
_OLD_NUMBER: Final = 1 << 32
"""Stands for the number of an old log, whose time already ties it to the hive; above every number of a new one."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A hive with its logs applied; ``missing`` says what was not, empty where all was."""

    content: Readable
    pages: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    bins: int
    pages: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries of one log in order, and what stopped the reading, empty where it simply ends."""

    base: bytes
    entries: tuple[_Entry, ...]
    stopped: str = ""


def base_is_whole(base: bytes) -> bool:
    """Return whether a base block has its signature and its sum."""
    if len(base) < _SECTOR or base[:4] != b"regf":
        return False
    return _sum(base) == int.from_bytes(base[508:512], "little")


def _sum(base: bytes) -> int:
    total = 0
    for word in struct.unpack_from("<127I", base):
        total ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total)


def replay(content: Readable, logs: Sequence[Readable]) -> Replay:
    """Return a dirty hive with what its logs hold; one that needs no logs comes back as it is."""
    base = content.read(0, min(_BINS, content.size))
    whole = base_is_whole(base)
    first, second = struct.unpack_from("<II", base, 4) if len(base) >= 12 else (0, 0)
    if whole and first == second:
        return Replay(content)
    if not any(log.size for log in logs):
        return Replay(content, missing="no transaction log is beside it")
    if content.size > _MOST_HIVE or any(log.size > _MOST_LOG for log in logs):
        return Replay(content, missing="its transaction logs are too large to be replayed")
    runs = [run for log in logs if (run := _run(log.read(0, log.size), base if whole else b"")) is not None]
    chosen, missing = _chosen(runs, second if whole else 0)
    if not chosen:
        return Replay(content, missing=missing)
    return Replay(_Held(_applied(content, runs[0].base, chosen)), sum(len(entry.pages) for entry in chosen), missing)


def _run(raw: bytes, hive: bytes) -> _Run | None:
    """Return the entries of a log; None where it is not one of this hive's."""
    base = raw[:_SECTOR]
    if not base_is_whole(base):
        # A log that was never used is zeros; one that holds anything else was one.
        used = raw[_SECTOR : _SECTOR + 4] in _MARKS or base.strip(b"\0")
        return _Run(base, (), "a transaction log is destroyed") if used else None
    if hive and base[48:112] != hive[48:112]:
        return None
    kind = struct.unpack_from("<I", base, 28)[0]
    if kind == _NEW:
        entries: list[_Entry] = []
        stopped = ""
        for found in _entries(raw):
            if isinstance(found, str):
                stopped = found
            else:
                entries.append(found)
        return _Run(base, tuple(entries), stopped)
    if kind in _OLD and (not hive or base[12:20] == hive[12:20]):
        return _old(raw, base)
    return None


def _entries(raw: bytes) -> Iterator[_Entry | str]:
    """Yield entries with rising numbers, then why the reading stopped where it was not the end."""
    position, first = _SECTOR, int.from_bytes(raw[4:8], "little")
    expected = first
    while position + 40 <= len(raw) and raw[position : position + 4] == b"HvLE":
        size, _, number, bins, count, hashed, head = struct.unpack_from("<5IQQ", raw, position + 4)
        if number != expected:
            break  # what an earlier use of the log left behind
        whole = 40 + 8 * count <= size <= len(raw) - position and not size % _SECTOR
        entry = raw[position : position + size] if whole else b""
        if not whole or marvin32(entry[:32]) != head or marvin32(entry[40:]) != hashed:
            yield f"entry {number} of a transaction log is damaged"
            return
        pages = _pages(entry, count, bins)
        if pages is None:
            yield f"entry {number} of a transaction log names pages outside the hive"
            return
        yield _Entry(number, bins, pages)
        position, expected = position + size, expected + 1
    if expected == first:
        yield f"entry {first} of a transaction log is destroyed"


def _pages(entry: bytes, count: int, bins: int) -> tuple[tuple[int, bytes], ...] | None:
    pages, start = [], 40 + 8 * count
    for offset, size in struct.iter_unpack("<II", entry[40:start]):
        if start + size > len(entry) or offset + size > bins or bins > _MOST_HIVE:
            return None
        pages.append((offset, entry[start : start + size]))
        start += size
    return tuple(pages)


def _old(raw: bytes, base: bytes) -> _Run:
    """Return the one entry of an old log: a bit for each sector of the bins, then the sectors in order."""
    bins = struct.unpack_from("<I", base, 40)[0]
    bits = raw[_SECTOR + 4 : _SECTOR + 4 + bins // _BINS]
    if raw[_SECTOR : _SECTOR + 4] != b"DIRT" or bins > _MOST_HIVE or len(bits) != bins // _BINS:
        return _Run(base, (), "the bitmap of a transaction log is damaged")
    start = -(-(_SECTOR + 4 + len(bits)) // _SECTOR) * _SECTOR
    numbers = [8 * index + bit for index, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1]
    if start + _SECTOR * len(numbers) > len(raw):
        return _Run(base, (), "a transaction log is cut off")
    places = enumerate(numbers)
    pages = tuple((_SECTOR * place, raw[start + _SECTOR * k : start + _SECTOR * (k + 1)]) for k, place in places)
    return _Run(base, (_Entry(_OLD_NUMBER, bins, pages),))


def _chosen(runs: list[_Run], needed: int) -> tuple[list[_Entry], str]:
    """Return the entries to apply, oldest first, without one that follows a hole, and what is missing."""
    runs.sort(key=lambda run: run.entries[0].number if run.entries else 1 << 33)
    chosen: list[_Entry] = []
    if not runs:
        return chosen, "its transaction logs are not its own or are destroyed"
    for run in runs:
        for entry in run.entries:
            if entry.number < needed:
                continue
            if chosen and entry.number != chosen[-1].number + 1:
                hole = f"entries {chosen[-1].number + 1} to {entry.number - 1} of its transaction logs are missing"
                return chosen, hole if entry.number > chosen[-1].number else ""
            chosen.append(entry)
    reasons = [run.stopped for run in runs if run.stopped]
    if chosen and needed < chosen[0].number < _OLD_NUMBER and sum(bool(run.entries) for run in runs) < 2:
        # With both logs, what goes before the older one was written into the hive already.
        reasons.append(f"entries {needed} to {chosen[0].number - 1} may have stood in a log that is not there")
    return chosen, "; ".join(reasons) or ("" if chosen else "its transaction logs hold nothing newer")


def _applied(content: Readable, log_base: bytes, chosen: Sequence[_Entry]) -> bytes:
    bins = chosen[-1].bins
    base = bytearray(content.read(0, min(_BINS, content.size)).ljust(_BINS, b"\0"))
    if not base_is_whole(bytes(base)):
        base[:_SECTOR] = log_base
        struct.pack_into("<I", base, 28, 0)
    struct.pack_into("<II", base, 4, chosen[-1].number + 1 & 0xFFFFFFFF, chosen[-1].number + 1 & 0xFFFFFFFF)
    struct.pack_into("<I", base, 40, bins)
    struct.pack_into("<I", base, 508, _sum(bytes(base)))
    size = max(bins, *(offset + len(page) for entry in chosen for offset, page in entry.pages), 0)
    body = bytearray(content.read(_BINS, max(min(size, content.size - _BINS), 0)).ljust(size, b"\0"))
    for entry in chosen:
        for offset, page in entry.pages:
            body[offset : offset + len(page)] = page
    return bytes(base + body)
