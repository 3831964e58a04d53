"""Own reader of EWF-E01 images (EVF version 1): chunk tables read in batches, chunks inflated by ISA-L.

Layout after the *Expert Witness Compression Format* specification of the libewf project (ASR Data's format as EnCase
writes it): a 13-byte file header per segment, then sections of a 76-byte descriptor each. All numbers little-endian,
checksums Adler-32. A table entry holds a chunk's offset in 31 bits, its top bit says that the chunk is compressed; an
uncompressed chunk is followed by its own Adler-32, a compressed one is a zlib stream, which carries one inside.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from pipeline.errors import UnreadableError

__all__ = ["SIGNATURE", "EwfImage", "UnknownVariantError", "ewf_segments"]

SIGNATURE: Final = b"EVF\x09\x0d\x0a\xff\x00"
_FILE_HEADER: Final = struct.Struct("<8sBHH")
_SECTION: Final = struct.Struct("<16sQQ40sI")
_VOLUME: Final = struct.Struct("<B3xIIIQ")
_TABLE: Final = struct.Struct("<I4xQ4xI")
_COMPRESSED: Final = np.uint32(0x80000000)
_OFFSET_MASK: Final = 0x7FFFFFFF
_CHECKSUM: Final = 4
_ZLIB_WINDOW: Final = 15
_MAX_SECTIONS: Final = 1 << 20
_MAX_CHUNK: Final = 1 << 27
_CACHED: Final = 64


class UnknownVariantError(UnreadableError):
    """The image is of a kind this reader leaves to the reference reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    kind: str
    start: int
    size: int


def ewf_segments(first: Path) -> tuple[Path, ...]:
    """Return the segment files of an image, in order: E01 … E99, EAA … EZZ, FAA … ZZZ.

    Raises:
        UnreadableError: the file named is not the first segment.
    """
    suffix = first.suffix[1:]
    if suffix[1:] != "01":
        raise UnreadableError(f"{first}: not the first segment; name the .E01 file in case.toml")
    children = {child.name.lower(): child for child in first.parent.iterdir()}
    found = [first]
    for name in _suffixes(suffix[0].upper()):
        child = children.get(f"{first.stem}.{name}".lower())
        if child is None:
            break
        found.append(child)
    return tuple(found)


def _suffixes(letter: str) -> Iterator[str]:
    yield from (f"{letter}{number:02}" for number in range(2, 100))
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    for head in letters[letters.index(letter) :]:
        yield from (f"{head}{second}{third}" for second in letters for third in letters)


class EwfImage:
    """An E01 image with random access; every checksum of what is read is checked."""

    format = "ewf"

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(map(str, paths))
        self._handles = [_open(path) for path in paths]
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self.stored: Mapping[str, str] = {}
        self.unreadable: tuple[tuple[int, int], ...] = ()
        self.chunk_size = 0
        self.size = 0
        self._chunks = 0
        try:
            self._load()
        except (struct.error, OverflowError, ValueError) as error:
            self.close()
            raise UnreadableError(
                f"{paths[0]}: the image's structure is damaged ({error}); acquire it again"
            ) from error
        except UnreadableError:
            self.close()
            raise

    # -- structure -----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        tables: list[tuple[int, npt.NDArray[np.uint32], int, int]] = []
        stored: dict[str, str] = {}
        errors: list[tuple[int, int]] = []
        last = "next"
        for number in range(len(self._handles)):
            self._check_header(number)
            sections = list(self._sections(number))
            last = sections[-1].kind if sections else ""
            tables += self._tables_of(number, sections)
            for section in sections:
                self._take(number, section, stored, errors)
        if last != "done":
            name = Path(self.segments[-1]).name
            raise UnreadableError(
                f"{self.segments[0]}: the image does not end in {name}; put all .E?? files in one folder"
            )
        self._index(tables)
        self.stored = dict(sorted(stored.items()))
        self.unreadable = tuple(sorted(errors))

    def _check_header(self, number: int) -> None:
        raw = os.pread(self._handles[number], _FILE_HEADER.size, 0)
        path = self.segments[number]
        if len(raw) < _FILE_HEADER.size or raw[:8] != SIGNATURE:
            raise UnreadableError(f"{path}: not an E01 segment; put the right file in its place")
        stored = _FILE_HEADER.unpack(raw)[2]
        if stored != number + 1:
            raise UnreadableError(f"{path}: says it is segment {stored}, expected {number + 1}; a segment is missing")

    def _sections(self, number: int) -> Iterator[_Section]:
        handle, offset = self._handles[number], _FILE_HEADER.size
        size = os.fstat(handle).st_size
        for _ in range(_MAX_SECTIONS):
            raw = os.pread(handle, _SECTION.size, offset)
            path = self.segments[number]
            if len(raw) < _SECTION.size:
                raise UnreadableError(f"{path}: truncated at byte {offset}; copy the segment again from its source")
            kind, following, length, _, checksum = _SECTION.unpack(raw)
            if zlib.adler32(raw[: _SECTION.size - _CHECKSUM]) != checksum:
                raise UnreadableError(f"{path}: section at byte {offset} fails its checksum; copy the segment again")
            name = kind.rstrip(b"\0").decode("ascii", "replace")
            end = following if following > offset else offset + length
            if name not in {"next", "done"} and not offset + _SECTION.size <= end <= size:
                raise UnreadableError(f"{path}: section {name!r} at byte {offset} ends outside the file (truncated?)")
            yield _Section(kind=name, start=offset + _SECTION.size, size=max(end - offset - _SECTION.size, 0))
            if name in {"next", "done"}:
                return
            offset = end
        raise UnreadableError(f"{self.segments[number]}: more than {_MAX_SECTIONS} sections; the segment is damaged")

    def _take(self, number: int, section: _Section, stored: dict[str, str], errors: list[tuple[int, int]]) -> None:
        """Read what the small sections say."""
        if section.kind in {"volume", "disk"}:
            self._take_volume(self._bytes(number, section, 0, min(section.size, 1052)))
        elif section.kind == "hash" and section.size >= 36:
            stored.setdefault("md5", self._checked(number, section, 36)[:16].hex())
        elif section.kind == "digest" and section.size >= 80:
            data = self._checked(number, section, 80)
            stored["md5"], stored["sha1"] = data[:16].hex(), data[16:36].hex()
        elif section.kind == "error2":
            errors += self._errors(number, section)
        elif section.kind in {"ltree", "ltypes"}:
            raise UnknownVariantError(f"{self.segments[0]}: a logical image")

    def _take_volume(self, data: bytes) -> None:
        """Read the geometry (specification, volume section)."""
        if len(data) not in {94, 1052}:
            raise UnknownVariantError(f"{self.segments[0]}: a volume section of {len(data)} bytes")
        if zlib.adler32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "little"):
            raise UnreadableError(f"{self.segments[0]}: the volume section fails its checksum; copy the segment again")
        _, chunks, per_chunk, sector, sectors = _VOLUME.unpack_from(data)
        if len(data) == 94:
            sectors = int.from_bytes(data[16:20], "little")
        if self.chunk_size and (chunks, per_chunk * sector) != (self._chunks, self.chunk_size):
            raise UnreadableError(f"{self.segments[0]}: segments disagree on the geometry; they are of two images")
        self.chunk_size, self.size, self._chunks = per_chunk * sector, sectors * sector, chunks
        if not 0 < self.chunk_size <= _MAX_CHUNK or not self.size:
            raise UnreadableError(
                f"{self.segments[0]}: chunks of {self.chunk_size} bytes cannot be; the image is damaged"
            )

    def _errors(self, number: int, section: _Section) -> list[tuple[int, int]]:
        """Return acquisition errors as (start, length) in bytes (specification, error2 section)."""
        count = int.from_bytes(self._bytes(number, section, 0, 4), "little")
        if 520 + count * 8 > section.size:
            raise UnreadableError(
                f"{self.segments[number]}: the list of bad sectors is cut off; copy the segment again"
            )
        pairs = np.frombuffer(self._bytes(number, section, 520, count * 8), dtype="<u4").reshape(-1, 2)
        return [(int(first) * 512, int(length) * 512) for first, length in pairs]

    def _bytes(self, number: int, section: _Section, start: int, length: int) -> bytes:
        return os.pread(self._handles[number], min(length, section.size - start), section.start + start)

    def _checked(self, number: int, section: _Section, length: int) -> bytes:
        data = self._bytes(number, section, 0, length)
        if zlib.adler32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "little"):
            raise UnreadableError(
                f"{self.segments[number]}: section {section.kind!r} fails its checksum; copy it again"
            )
        return data

    # -- chunk tables --------------------------------------------------------------------------------------------

    def _tables_of(
        self, number: int, sections: Sequence[_Section]
    ) -> list[tuple[int, npt.NDArray[np.uint32], int, int]]:
        """Return (segment, entries, base, end of the last chunk) per sectors section; a bad table has its double."""
        result = []
        data_end = 0
        pending: UnreadableError | None = None
        for section in sections:
            if section.kind == "sectors":
                data_end = section.start + section.size
                pending = None
            elif section.kind == "table":
                end = data_end or section.start + section.size
                try:
                    result.append((number, *self._table(number, section), end))
                except UnreadableError as error:
                    pending = error
            elif section.kind == "table2" and pending is not None:
                result.append((number, *self._table(number, section), data_end))
                pending = None
        if pending is not None:
            raise pending
        return result

    def _table(self, number: int, section: _Section) -> tuple[npt.NDArray[np.uint32], int]:
        header = self._bytes(number, section, 0, _TABLE.size)
        count, base, checksum = _TABLE.unpack(header)
        where = f"{self.segments[number]}: chunk table at byte {section.start}"
        if zlib.adler32(header[:-_CHECKSUM]) != checksum:
            raise UnreadableError(f"{where} fails its checksum; copy the segment again")
        raw = self._bytes(number, section, _TABLE.size, count * 4 + _CHECKSUM)
        if len(raw) < count * 4:
            raise UnreadableError(f"{where} is cut off; copy the segment again")
        if len(raw) == count * 4 + _CHECKSUM and zlib.adler32(raw[:-_CHECKSUM]) != int.from_bytes(raw[-4:], "little"):
            raise UnreadableError(f"{where}: its entries fail their checksum; copy the segment again")
        return np.frombuffer(raw, dtype="<u4", count=count), base

    def _index(self, tables: Sequence[tuple[int, npt.NDArray[np.uint32], int, int]]) -> None:
        """Lay all tables end to end: offset, stored length, segment and compression of every chunk."""
        if not self.chunk_size:
            raise UnreadableError(f"{self.segments[0]}: has no volume section; the first segment is missing or damaged")
        starts, lengths, segments, packed = [], [], [], []
        for number, entries, base, end in tables:
            offsets, compressed = _offsets(entries, base)
            following = np.append(offsets[1:], end)
            starts.append(offsets)
            lengths.append(following - offsets)
            segments.append(np.full(len(entries), number, dtype=np.uint16))
            packed.append(compressed)
        needed = -(-self.size // self.chunk_size)
        found = sum(map(len, starts))
        if found < needed:
            raise UnreadableError(f"{self.segments[0]}: {found} of {needed} chunks are there; segments are missing")
        self._starts = np.concatenate(starts)
        self._lengths = np.concatenate(lengths)
        self._segments = np.concatenate(segments)
        self._packed = np.concatenate(packed)

    # -- bytes ---------------------------------------------------------------------------------------------------

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the medium.

        Raises:
            UnreadableError: a chunk fails its checksum or its place is outside the file.
        """
        end = min(start + max(length, 0), self.size)
        if start >= end:
            return b""
        first, last = start // self.chunk_size, (end - 1) // self.chunk_size
        pieces = self._chunk_run(first, last)
        pieces[-1] = pieces[-1][: end - last * self.chunk_size]
        pieces[0] = pieces[0][start - first * self.chunk_size :]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _chunk_run(self, first: int, last: int) -> list[bytes]:
        """Return whole chunks; chunks that lie together in a segment are read together."""
        if last == first:
            return [self._cached(first)]
        pieces: list[bytes] = []
        index = first
        while index <= last:
            stop = self._together(index, last)
            pieces += self._inflate(index, stop)
            index = stop
        return pieces

    def _together(self, index: int, last: int) -> int:
        """Return the end of the chunks from ``index`` that follow each other in one segment."""
        stop = index + 1
        limit = min(last + 1, index + 1024)
        while (
            stop < limit
            and self._segments[stop] == self._segments[index]
            and self._starts[stop] == self._starts[stop - 1] + self._lengths[stop - 1]
        ):
            stop += 1
        return stop

    def _cached(self, index: int) -> bytes:
        chunk = self._cache.get(index)
        if chunk is None:
            (chunk,) = self._inflate(index, index + 1)
            self._cache[index] = chunk
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(index)
        return chunk

    def _inflate(self, first: int, stop: int) -> list[bytes]:
        base = int(self._starts[first])
        length = int(self._starts[stop - 1] + self._lengths[stop - 1]) - base
        segment = int(self._segments[first])
        if length < 0 or length > (stop - first) * (2 * self.chunk_size + 4096):
            raise UnreadableError(f"{self.segments[segment]}: chunk {first} has an impossible length; copy it again")
        try:
            raw = memoryview(os.pread(self._handles[segment], length, base))
        except (OSError, OverflowError) as error:
            raise self._bad(first) from error
        places = self._starts[first:stop].tolist()
        lengths = self._lengths[first:stop].tolist()
        packed = self._packed[first:stop].tolist()
        return [
            self._chunk(first + number, raw[place - base : place - base + size], compressed)
            for number, (place, size, compressed) in enumerate(zip(places, lengths, packed, strict=True))
        ]

    def _chunk(self, index: int, stored: memoryview, compressed: bool) -> bytes:
        expected = min(self.chunk_size, self.size - index * self.chunk_size)
        if compressed:
            data = self._unpacked(index, stored)
        else:
            data = bytes(stored[: -_CHECKSUM or None]) if len(stored) > expected else bytes(stored)
            sound = len(stored) >= expected + _CHECKSUM
            total = int.from_bytes(stored[len(data) : len(data) + _CHECKSUM], "little")
            if not sound or zlib.adler32(data) != total:
                raise self._bad(index)
        if len(data) < expected:
            raise self._bad(index)
        return data[:expected] if len(data) > expected else data

    def _unpacked(self, index: int, stored: memoryview) -> bytes:
        try:
            stream = isal_zlib.decompressobj(_ZLIB_WINDOW)
            data: bytes = stream.decompress(stored, self.chunk_size + 1)
        except isal_zlib.error as error:
            raise self._bad(index) from error
        if not stream.eof:
            raise self._bad(index)
        return data

    def _bad(self, index: int) -> UnreadableError:
        segment = self.segments[int(self._segments[index])]
        start = index * self.chunk_size
        return UnreadableError(f"{segment}: the chunk of media byte {start} fails its checksum; copy the segment again")

    def close(self) -> None:
        """Close the files."""
        for handle in self._handles:
            os.close(handle)
        self._handles = []


def _offsets(entries: npt.NDArray[np.uint32], base: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return file offsets and compression of a table's chunks.

    EnCase 6.7.1 lets offsets of segments over 2 GiB run over bit 31; from the first entry that falls behind the one
    before it, all 32 bits are the offset and chunks are stored uncompressed (specification, table section).
    """
    plain = (entries & np.uint32(_OFFSET_MASK)).astype(np.int64)
    compressed = (entries & _COMPRESSED) != 0
    falls = np.flatnonzero(np.diff(plain) < 0)
    if len(falls):
        over = int(falls[0]) + 1
        plain[over:] = entries[over:].astype(np.int64)
        compressed[over:] = False
    return plain + base, compressed


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UnreadableError(f"{path}: segment cannot be opened ({error.strerror}); check `image`") from error
