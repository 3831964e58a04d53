"""Own reader of EWF-E01 images (EVF version 1): chunk tables read in batches, chunks inflated by ISA-L.

An uncompressed chunk is followed by its own Adler-32, a compressed one is a zlib stream, which carries one inside
(*Expert Witness Compression Format* specification of the libewf project, sectors section).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final, cast

from isal import isal_zlib

from pipeline.access.ewf_geometry import UnknownVariantError, acquisition_errors, read_geometry, stored_hashes
from pipeline.access.ewf_segments import CHECKSUM, SIGNATURE, Section, Segment, ewf_segments, segment_name
from pipeline.access.ewf_tables import ChunkTables, Place, table_places
from pipeline.errors import UnreadableError

__all__ = ["SIGNATURE", "EwfImage", "UnknownVariantError", "ewf_segments"]

_ZLIB_WINDOW: Final = 15
_READ: Final = 4 << 20
_ONE_CALL: Final = 128 << 10
_CACHED: Final = 4 << 20
_DAMAGED: Final = cast("type[Exception]", isal_zlib.error)


class EwfImage:
    """An E01 image with random access; every checksum of what is read is checked.

    Raises:
        UnknownVariantError: the image is of a kind this reader leaves to the reference reader.
        UnreadableError: a segment is missing, truncated, damaged or of another image; it is named.
    """

    format = "ewf"

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(map(str, paths))
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._files: list[Segment] = []
        try:
            for number, path in enumerate(paths, 1):
                self._files.append(Segment(path, number))
            self._load(paths[0])
        except UnreadableError:
            self.close()
            raise

    def _load(self, first: Path) -> None:
        image = [(segment, tuple(segment.sections())) for segment in self._files]
        _check_end(first, image[-1][1], len(image))
        geometry = read_geometry(image)
        self.size, self.chunk_size = geometry.size, geometry.chunk_size
        self.stored = stored_hashes(image)
        self.unreadable = acquisition_errors(image, geometry)
        places = [place for number, one in enumerate(image) for place in table_places(number, *one)]
        # Twice a chunk and a page is the most a chunk may take: deflate stores what it cannot compress, with 5 bytes
        # per 16 KiB; the rest is room for odd writers.
        self._longest = 2 * self.chunk_size + 4096
        self._batch = max(_READ // self.chunk_size, 1)
        self._tables = ChunkTables(self._files, places, self._longest)
        needed = -(-self.size // self.chunk_size)
        if self._tables.count < needed:
            message = f"{self._tables.count} of {needed} chunks are there; the image is incomplete, copy it again"
            raise UnreadableError(f"{first}: {message}")

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the medium.

        Raises:
            UnreadableError: a chunk fails its checksum or its place is outside the file.
        """
        end = min(start + max(length, 0), self.size)
        if start >= end:
            return b""
        first, last = start // self.chunk_size, (end - 1) // self.chunk_size
        head = start - first * self.chunk_size
        if first == last:
            return self._cached(first)[head : end - first * self.chunk_size]
        pieces = list(self._chunks(first, last + 1))
        pieces[-1] = pieces[-1][: end - last * self.chunk_size]
        pieces[0] = pieces[0][head:]
        return b"".join(pieces)

    def blocks(self) -> Iterator[bytes]:
        """Yield the whole medium in order, chunk by chunk: nothing is joined, a chunk takes the memory of the last.

        Raises:
            UnreadableError: as ``read``.
        """
        yield from self._chunks(0, -(-self.size // self.chunk_size))

    def _cached(self, index: int) -> bytes:
        chunk = self._cache.get(index)
        if chunk is None:
            (chunk,) = self._chunks(index, index + 1)
            self._cache[index] = chunk
            if len(self._cache) * self.chunk_size > max(_CACHED, self.chunk_size):
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(index)
        return chunk

    def _chunks(self, index: int, stop: int) -> Iterator[bytes]:
        """Yield whole chunks; those that lie together in a segment are read together."""
        while index < stop:
            segment, places = self._tables.run(index, min(stop, index + self._batch))
            run = list(takewhile(self._possible, places))
            if not run:
                raise self._bad(segment, index)
            yield from self._inflated(segment, run, index)
            index += len(run)

    def _possible(self, place: Place) -> bool:
        return 0 < place[1] <= self._longest

    def _inflated(self, segment: Segment, run: Sequence[Place], index: int) -> Iterator[bytes]:
        base = run[0][0]
        raw = memoryview(segment.read(base, run[-1][0] + run[-1][1] - base))
        for number, (offset, length, compressed) in enumerate(run, index):
            stored = raw[offset - base : offset - base + length]
            data = self._unpacked(stored) if compressed else self._plain(stored, number)
            expected = min(self.chunk_size, self.size - number * self.chunk_size)
            if data is None or len(data) < expected:
                raise self._bad(segment, number)
            yield data if len(data) == expected else data[:expected]

    def _unpacked(self, stored: memoryview) -> bytes | None:
        """Return an inflated chunk; None where its stream is damaged, cut off or too long.

        One call inflates all there is. That is bounded without asking for a limit: deflate makes at most 1032 bytes of
        one (RFC 1951: a 258-byte match in two bits), and a chunk is stored in at most twice its size. Larger chunks,
        for which that is too much, are inflated with a limit, which costs little there.
        """
        try:
            if self.chunk_size <= _ONE_CALL:
                data: bytes = isal_zlib.decompress(stored, _ZLIB_WINDOW, self.chunk_size)
                return data if len(data) <= self.chunk_size else None
            stream = isal_zlib.decompressobj(_ZLIB_WINDOW)
            data = stream.decompress(stored, self.chunk_size + 1)
        except _DAMAGED:
            return None
        return data if stream.eof and len(data) <= self.chunk_size else None

    def _plain(self, stored: memoryview, index: int) -> bytes | None:
        """Return an uncompressed chunk; None where its checksum disagrees. The last one may be short, or padded."""
        expected = min(self.chunk_size, self.size - index * self.chunk_size)
        for size in (min(self.chunk_size, len(stored) - CHECKSUM), expected):
            total = int.from_bytes(stored[size : size + CHECKSUM], "little")
            if 0 < size <= len(stored) - CHECKSUM and isal_zlib.adler32(stored[:size]) == total:
                return bytes(stored[:size])
        return None

    def _bad(self, segment: Segment, index: int) -> UnreadableError:
        start = index * self.chunk_size
        message = f"the chunk of medium byte {start} is damaged (length or checksum); copy the segment again"
        return UnreadableError(f"{segment.path}: {message}")

    def close(self) -> None:
        """Close the files."""
        for segment in self._files:
            segment.close()
        self._files = []


def _check_end(first: Path, sections: Sequence[Section], count: int) -> None:
    if sections[-1].kind != "done":
        missing = segment_name(first, count + 1) or f"segment {count + 1}"
        where = f"{first.with_name(missing)}: segment is missing"
        raise UnreadableError(f"{where}, the one before it says that more follow; put all segments in one folder")
