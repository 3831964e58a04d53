"""A small NTFS volume kept in Python: files in several runs, streams, attribute lists, deletion, and who holds what.

Layout after the Linux-NTFS project's documentation ("$Boot", "$MFT", "$Bitmap", "$ATTRIBUTE_LIST"); records by ``mft``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.builders.mft import CREATED, attribute, data, file_name, record, root, runs, standard

CLUSTER = 1024
CLUSTERS = 400
MFT_AT = 8
RECORDS = 64
FIRST_DATA = MFT_AT + RECORDS
RESIDENT = 200


@dataclass
class Stream:
    """Bytes of a file: resident where there are no clusters."""

    data: bytes
    clusters: list[int]


@dataclass
class File:
    """A record and what it holds; ``spare`` is the record that an attribute list names, 0: there is none."""

    number: int
    name: str
    parent: int
    folder: bool = False
    live: bool = True
    changed: int = 0
    spare: int = 0
    streams: dict[str, Stream] = field(default_factory=dict)


class NtfsImage:
    """A volume that files are created in, rewritten and deleted."""

    def __init__(self) -> None:
        self.heap = bytearray(CLUSTER * CLUSTERS)
        self.used = set(range(FIRST_DATA))
        self.files: list[File] = []
        self._next = 24

    def number(self) -> int:
        """Return a record number that was never used."""
        self._next += 1
        return self._next - 1

    @property
    def full(self) -> bool:
        """Whether the table has no room for another file with an attribute list."""
        return self._next + 2 > RECORDS

    def write(self, file: File, name: str, content: bytes, holes: Sequence[int], changed: int) -> None:
        """Give a stream new content: its old clusters are freed, and new ones taken, of ``holes`` first."""
        old = file.streams.get(name)
        self.used.difference_update(old.clusters if old else ())
        need = -(-len(content) // CLUSTER) if len(content) > RESIDENT else 0
        free = [one for one in dict.fromkeys([*holes, *range(FIRST_DATA, CLUSTERS)]) if one not in self.used]
        clusters = free[:need]
        self.used.update(clusters)
        for number, cluster in enumerate(clusters):
            piece = content[number * CLUSTER : (number + 1) * CLUSTER]
            self.heap[cluster * CLUSTER : cluster * CLUSTER + len(piece)] = piece
        file.streams[name] = Stream(content, clusters)
        file.changed = changed

    def delete(self, file: File, changed: int) -> None:
        """Delete a file: its record says so, its clusters are free, and all else stays."""
        file.live, file.changed = False, changed
        for stream in file.streams.values():
            self.used.difference_update(stream.clusters)

    def image(self) -> bytes:
        """Return the volume, with the copy of its boot sector behind it."""
        boot = bytearray(512)
        boot[3:16] = b"NTFS    \0\x02" + bytes([CLUSTER // 512]) + b"\0\0"
        boot[40:80] = struct.pack("<QQQbxxxbxxxQ", CLUSTERS * CLUSTER // 512, MFT_AT, 1, 1, 1, 7)
        boot[510:] = b"\x55\xaa"
        out = bytearray(self.heap)
        out[: MFT_AT * CLUSTER] = bytes(boot).ljust(MFT_AT * CLUSTER, b"\0")
        out[MFT_AT * CLUSTER : FIRST_DATA * CLUSTER] = b"".join(self._records())
        return bytes(out + boot)

    def _records(self) -> list[bytes]:
        bits = sum(1 << one for one in self.used).to_bytes(-(-CLUSTERS // 8), "little")
        table = runs(packed([*range(MFT_AT, FIRST_DATA)]), RECORDS * 1024)
        known = {0: record(standard(), file_name("$MFT", 5, 5), table), 5: root()}
        known[6] = record(standard(), file_name("$Bitmap", 5, 5), data(bits))
        for file in self.files:
            known |= self._of(file)
        return [known.get(number, record(flags=0)) for number in range(RECORDS)]

    def _of(self, file: File) -> dict[int, bytes]:
        times = (CREATED, CREATED, CREATED + file.changed * 10_000_000, CREATED)
        names = [standard(times=times), file_name(file.name, file.parent, 5 if file.parent == 5 else 3)]
        how = {"flags": 2 * file.folder + file.live, "sequence": 3 if file.live else 4, "number": file.number}
        main, rest = file.streams.get(""), [_stream(name, one) for name, one in file.streams.items() if name]
        if not file.spare or main is None or len(main.clusters) < 2:
            whole = [_stream("", main)] if main else []
            return {file.number: record(*names, *whole, *rest, **how)}
        half = len(main.clusters) // 2
        parts = [(0, main.clusters[:half]), (half, main.clusters[half:])]
        first, second = (runs(packed(part), len(main.data), first=vcn) for vcn, part in parts)
        here, there = file.number | 3 << 48, file.spare | 1 << 48
        listed = b"".join(_entry(kind, vcn, where) for kind, vcn, where in (
            (0x10, 0, here), (0x30, 0, here), (0x80, 0, here), (0x80, half, there),
        ))  # fmt: skip
        spare = record(second, base=here, flags=int(file.live), sequence=1 if file.live else 2, number=file.spare)
        return {
            file.number: record(names[0], attribute(0x20, listed), names[1], first, *rest, **how), file.spare: spare,
        }  # fmt: skip


def _entry(kind: int, vcn: int, where: int) -> bytes:
    return struct.pack("<IHBBQQH", kind, 32, 0, 26, vcn, where, 0).ljust(32, b"\0")


def _stream(name: str, stream: Stream) -> bytes:
    return runs(packed(stream.clusters), len(stream.data), name=name) if stream.clusters else data(stream.data, name)


def packed(clusters: Sequence[int]) -> bytes:
    """Return a run list of clusters in order, one run for each stretch."""
    out, before, at = b"", 0, 0
    while at < len(clusters):
        end = at + 1
        while end < len(clusters) and clusters[end] == clusters[end - 1] + 1:
            end += 1
        out += b"\x22" + struct.pack("<Hh", end - at, clusters[at] - before)
        before, at = clusters[at], end
    return out + b"\0"
