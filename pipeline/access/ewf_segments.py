"""Segment files of EWF images: their names, their headers and their sections.

Layout after the *Expert Witness Compression Format* specification of the libewf project (ASR Data's format as EnCase
writes it): a 13-byte file header per segment, then sections of a 76-byte descriptor each. All numbers little-endian,
checksums Adler-32.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from pipeline.errors import UnreadableError

__all__ = ["CHECKSUM", "SIGNATURE", "Section", "Segment", "ewf_segments", "segment_name"]

SIGNATURE: Final = b"EVF\x09\x0d\x0a\xff\x00"
CHECKSUM: Final = 4
_FILE_HEADER: Final = struct.Struct("<8sBHH")
_SECTION: Final = struct.Struct("<16sQQ40sI")
_MAX_SECTIONS: Final = 1 << 20
_LAST: Final = frozenset({"next", "done"})
_FIRST: Final = re.compile(r"\.[A-Za-z]01")
_SUFFIX: Final = re.compile(r"\.([A-Za-z])(\d\d|[A-Za-z]{2})")


def ewf_segments(first: Path) -> tuple[Path, ...]:
    """Return the segment files of an image, in order: E01 … E99, EAA … EZZ, FAA … ZZZ, in either case.

    Raises:
        UnreadableError: the file named is not the first segment; the message names that.
    """
    number = _number(first)
    if number != 1:
        wanted = f"{first.stem}.{first.suffix[1]}01" if _SUFFIX.fullmatch(first.suffix) else "the .E01 file"
        raise UnreadableError(f"{first}: not the first segment but number {number}; name {wanted} in case.toml")
    if not _FIRST.fullmatch(first.suffix):
        return (first,)
    children = {child.name.lower(): child for child in sorted(first.parent.iterdir())}
    children |= {child.name: child for child in children.values()}
    found = [first]
    while (name := segment_name(first, len(found) + 1)) is not None:
        child = children.get(name) or children.get(name.lower())
        if child is None:
            break
        found.append(child)
    return tuple(found)


def _number(path: Path) -> int:
    """Return the number that a segment's header says."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(_FILE_HEADER.size)
    except OSError as error:
        raise UnreadableError(f"{path}: segment cannot be opened ({error.strerror}); check `image`") from error
    if len(raw) < _FILE_HEADER.size or not raw.startswith(SIGNATURE):
        raise UnreadableError(f"{path}: not an E01 segment, or cut off; copy it again from its source")
    return int(_FILE_HEADER.unpack(raw)[2])


def segment_name(first: Path, number: int) -> str | None:
    """Return the name of a segment, counted from 1; None after the last name there is (specification, section 2.1)."""
    upper = first.suffix[1:2].upper()
    if number < 100:
        suffix = f"{upper}{number:02}"
    else:
        letters = ascii_uppercase
        head, rest = divmod(number - 100, len(letters) ** 2)
        if upper not in letters or letters.index(upper) + head >= len(letters):
            return None
        suffix = letters[letters.index(upper) + head] + letters[rest // 26] + letters[rest % 26]
    return f"{first.stem}.{suffix.lower() if first.suffix[1:2].islower() else suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section's kind and the place and size of its data in the segment file, in bytes."""

    kind: str
    start: int
    size: int


class Segment:
    """One segment file, opened read-only, its number checked."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = str(path)
        try:
            self.handle = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise UnreadableError(f"{path}: segment cannot be opened ({error.strerror}); check `image`") from error
        try:
            self.size = os.fstat(self.handle).st_size
            self._check_header(number)
        except UnreadableError:
            self.close()
            raise

    def _check_header(self, number: int) -> None:
        raw = self.read(0, _FILE_HEADER.size)
        if not raw:
            raise UnreadableError(f"{self.path}: the segment is empty; copy it again from its source")
        if len(raw) < _FILE_HEADER.size or raw[:8] != SIGNATURE:
            raise UnreadableError(f"{self.path}: not an E01 segment; put the right file in its place")
        stored = _FILE_HEADER.unpack(raw)[2]
        if stored != number:
            message = f"says it is segment {stored}, its name says {number}; put the right file in its place"
            raise UnreadableError(f"{self.path}: {message}")

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the file, fewer at its end; UnreadableError where the disk gives none."""
        try:
            return os.pread(self.handle, length, start)
        except (OSError, OverflowError) as error:
            raise UnreadableError(f"{self.path}: byte {start} cannot be read ({error}); copy it again") from error

    def sections(self) -> Iterator[Section]:
        """Yield the sections, the last of them ``next`` or ``done``; UnreadableError where the chain breaks."""
        offset = _FILE_HEADER.size
        for _ in range(_MAX_SECTIONS):
            section, following = self._section(offset)
            yield section
            if section.kind in _LAST:
                return
            offset = following
        raise UnreadableError(f"{self.path}: more than {_MAX_SECTIONS} sections; the segment is damaged, copy it again")

    def _section(self, offset: int) -> tuple[Section, int]:
        raw = self.read(offset, _SECTION.size)
        if len(raw) < _SECTION.size:
            raise UnreadableError(
                f"{self.path}: truncated at byte {self.size}, the section at byte {offset} is cut off; "
                "copy the segment again from its source"
            )
        kind, following, length, _, checksum = _SECTION.unpack(raw)
        if zlib.adler32(raw[:-CHECKSUM]) != checksum:
            raise UnreadableError(f"{self.path}: section at byte {offset} fails its checksum; copy the segment again")
        name = kind.rstrip(b"\0").decode("ascii", "replace")
        end = following if following > offset else offset + length
        if name not in _LAST and not offset + _SECTION.size <= end <= self.size:
            raise UnreadableError(
                f"{self.path}: truncated at byte {self.size}, section {name!r} at byte {offset} ends at byte {end}; "
                "copy the segment again from its source"
            )
        start = offset + _SECTION.size
        return Section(kind=name, start=start, size=max(end - start, 0)), end

    def data(self, section: Section, start: int, length: int) -> bytes:
        """Return bytes of a section, never more than it has."""
        return self.read(section.start + start, max(min(length, section.size - start), 0))

    def checked(self, section: Section, length: int) -> bytes:
        """Return a section's first bytes, whose last four are their checksum; UnreadableError where it disagrees."""
        raw = self.data(section, 0, length)
        if len(raw) < length or zlib.adler32(raw[:-CHECKSUM]) != int.from_bytes(raw[-CHECKSUM:], "little"):
            raise UnreadableError(f"{self.path}: section {section.kind!r} fails its checksum; copy the segment again")
        return raw

    def close(self) -> None:
        """Close the file."""
        os.close(self.handle)
