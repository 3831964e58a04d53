"""File entries from what single MFT records say, one row per name and stream: for what is not worth columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.access.allocation import Blocks
from pipeline.access.ntfs_claims import Claims
from pipeline.access.ntfs_facts import Facts
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_mft import Stream
from pipeline.access.ntfs_names import ORPHANS, ROOT, Folders, safe_name
from pipeline.access.ntfs_record import DATA, INDEX_ALLOCATION, INDEX_ROOT
from pipeline.address import join
from pipeline.records import Certainty, FileEntry, Origin, Run, Volume

__all__ = ["COMPRESSED", "ENCRYPTED", "LINKS", "SYSTEM", "RowMaker", "words_of"]

COMPRESSED: Final = 0x00FF  # attribute flags: the low byte is the compression method
ENCRYPTED: Final = 0x4000
_Place = tuple[str, Origin, int, list[int] | None]  # path, origin, the parent's number, the name's times
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MICROS: Final = 253_402_300_799_999_999
SYSTEM: Final = 24  # lower records are the file system's own
LINKS: Final = (0xA0000003, 0xA000000C, 0xA000001D)  # [MS-FSCC] 2.1.2.1: mount point, symlink, WSL's
_TIMELESS: Final = (None, None, None, None)
_WORDS: Final = (
    (0x0002, "hidden"),
    (0x0004, "system"),
    (0x0200, "sparse"),
    (0x0400, "reparse"),
    (0x0800, "compressed"),
    (0x4000, "encrypted"),
)  # fmt: skip  [MS-FSCC] 2.6


class _What(NamedTuple):
    """What a row says of its stream."""

    stream: str
    bits: int
    size: int
    initialised: int
    runs: tuple[Run, ...]
    reader: str
    certainty: Certainty


_NOTHING: Final = _What("", 0, 0, 0, (), "file-system", Certainty.INTACT)


class RowMaker:
    """Turns facts into rows of one volume, without ids; ``blocks`` tells whether deleted files' clusters are free."""

    def __init__(
        self, volume: Volume, cluster: int, blocks: Blocks, claims: Claims, folders: Folders, faults: Faults
    ) -> None:
        self._volume = volume
        self._cluster = cluster
        self._blocks = blocks
        self._claims = claims
        self._folders = folders
        self._faults = faults

    def rows(self, facts: Facts) -> Iterator[FileEntry]:
        """Yield a row per name and stream; a record without name and content has none."""
        if facts.number == ROOT:
            yield from self._streams(facts, ("/", Origin.ALLOCATED, ROOT, facts.names[0][3] if facts.names else None))
            return
        if not facts.names:
            if any(stream.size for stream in facts.streams if not stream.name or stream.kind != DATA):
                yield from self._streams(facts, (f"{ORPHANS}/inode-{facts.number}", Origin.ORPHAN, -1, None))
            return
        for text, parent, sequence, times in facts.names:
            path, origin, folder = self._folders.place(parent, sequence)
            if origin == Origin.ALLOCATED and not facts.live:
                origin = Origin.DELETED
            yield from self._streams(facts, (f"{path}/{safe_name(text)}", origin, folder, times))

    def ghost(self, name: tuple[str, int, int], number: int) -> FileEntry:
        """Return the row of a name that a folder's index still holds, though its record has gone to another file."""
        text, parent, sequence = name
        path, origin, folder = self._folders.place(parent, sequence)
        origin = Origin.DELETED if origin == Origin.ALLOCATED else origin
        facts = Facts(number, 0, False, False, [], "", [], None, 0, 0)
        place = f"{path}/{safe_name(text)}", origin, folder, None
        return self._row(facts, place, "file", _What("", 0, 0, 0, (), "file-system", Certainty.NO_CONTENT))

    def _streams(self, facts: Facts, place: _Place) -> Iterator[FileEntry]:
        kind, main = "file", "link" if facts.tag in LINKS else ""
        if not facts.directory and facts.number < SYSTEM and place[0].startswith("/$") and place[2] >= 0:
            kind = "metadata"
        count = 0
        if facts.directory:
            yield self._folder(facts, place, main or "directory")
            count = 1
        for stream in facts.streams:
            if stream.kind != DATA or (facts.directory and not stream.name):
                continue
            count += 1
            yield self._stream(facts, place, kind if stream.name else main or kind, stream)
        if not count:
            yield self._row(facts, place, main or kind, _NOTHING)

    def _folder(self, facts: Facts, place: _Place, kind: str) -> FileEntry:
        """Return a folder's own row; its blocks are those of its index."""
        size = 0
        for stream in facts.streams:
            if stream.kind == INDEX_ALLOCATION:
                return self._stream(facts, place, kind, stream)
            size = stream.size if stream.kind == INDEX_ROOT else size
        return self._row(facts, place, kind, _What("", 0, size, size, (), "file-system", Certainty.INTACT))

    def _stream(self, facts: Facts, place: _Place, kind: str, stream: Stream) -> FileEntry:
        _, name, bits, _, _, size, initialised, _, found, sound, least = stream
        size = max(size, least * self._cluster)
        if not sound:
            self._faults.add("runs-damaged", facts.number)
        runs: tuple[Run, ...] = ()
        if found and self._volume.direct:
            base, cluster = self._volume.start, self._cluster
            runs = tuple([Run(start=base + at * cluster if at >= 0 else -1, length=n * cluster) for at, n in found])
        reader = "runs" if runs and not bits & (COMPRESSED | ENCRYPTED) else "file-system"
        certainty = Certainty.INTACT if place[1] is Origin.ALLOCATED else self._certainty(facts.number, stream)
        name = name if stream.kind == DATA else ""
        what = _What(name, bits, size, min(initialised, size), runs, reader, certainty)
        return self._row(facts, place, kind, what)

    def _row(self, facts: Facts, place: _Place, kind: str, what: _What) -> FileEntry:
        """Build a row; field by field, for a copy with changes costs more than all the rest."""
        path, origin, parent, named = place
        stream, bits, size, initialised, runs, reader, certainty = what
        created, modified, changed, accessed = _times(facts.times)
        name_created, name_modified, name_changed, name_accessed = _times(named)
        return FileEntry(
            id="", exhibit=self._volume.exhibit, volume=self._volume.address,
            address=self._address(facts.number, path, stream, origin),
            path=path, stream=stream, kind=kind, origin=origin, meta=facts.number, parent=str(parent), size=size,
            initialised_size=initialised, runs=runs, reader=reader, certainty=certainty, listed_by="own",
            short_name=facts.short, flags=_words(facts.attributes, bits),
            created=created, created_zone="UTC" if created else "", created_precision_us=1 if created else 0,
            modified=modified, modified_zone="UTC" if modified else "", modified_precision_us=1 if modified else 0,
            changed=changed, changed_zone="UTC" if changed else "", changed_precision_us=1 if changed else 0,
            accessed=accessed, accessed_zone="UTC" if accessed else "", accessed_precision_us=1 if accessed else 0,
            name_created=name_created, name_modified=name_modified, name_changed=name_changed,
            name_accessed=name_accessed,
        )  # fmt: skip

    def _address(self, number: int, path: str, stream: str, origin: Origin) -> str:
        place = join(self._volume.address, "fs", path)
        if stream:
            place = join(place, "stream", stream)
        return place if origin == Origin.ALLOCATED else join(place, "entry", str(number))

    def _certainty(self, number: int, stream: Stream) -> Certainty:
        """Say whether a deleted stream's clusters are still free, and nobody's who was deleted later."""
        if not stream.size:
            return Certainty.NO_CONTENT
        if stream.resident or not self._volume.direct:
            return Certainty.INTACT
        runs = np.array([run for run in stream.runs if run[0] >= 0], np.int64).reshape(-1, 2)
        if not len(runs):
            return Certainty.NO_CONTENT
        start, count = runs[:, 0], runs[:, 1]
        taken = self._blocks.overlaps(start * self._cluster, count * self._cluster)
        taken += self._claims.overtaken(np.full(len(runs), number), start, count, self._cluster, self._blocks)
        if not taken.any():
            return Certainty.INTACT
        whole = int(taken.sum()) >= int(count.sum()) * self._cluster
        return Certainty.OVERWRITTEN if whole else Certainty.PARTLY_OVERWRITTEN


def _times(stamps: list[int] | None) -> tuple[datetime | None, ...]:
    """Return created, modified, changed and accessed; the seconds before 1970-01-01T00:00:01 mean none."""
    if stamps is None:
        return _TIMELESS
    sane = [1_000_000 <= micros <= _MAX_MICROS for micros in stamps]
    return tuple(_EPOCH + timedelta(0, 0, micros) if good else None for micros, good in zip(stamps, sane, strict=True))


def _words(attributes: int, flags: int) -> str:
    """Return attributes in words, in the order of their bits, then what only the stream says."""
    words = [word for bit, word in _WORDS if attributes & bit]
    words += ["compressed"] if flags & COMPRESSED else []
    words += ["encrypted"] if flags & ENCRYPTED else []
    return ",".join(dict.fromkeys(words))


def words_of(attributes: NDArray[np.int64], flags: NDArray[np.int64]) -> pa.Array:
    """Return many rows' attributes in words."""
    told = attributes & sum(bit for bit, _ in _WORDS) | (flags & (COMPRESSED | ENCRYPTED)) << 32
    kinds, which = np.unique(told, return_inverse=True)
    return pa.array([_words(kind & 0xFFFF, kind >> 32) for kind in kinds.tolist()]).take(pa.array(which))
