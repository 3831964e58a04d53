"""What the small sections of an E01 image say: geometry, stored hashes, sectors that could not be acquired.

Offsets after the *Expert Witness Compression Format* specification of the libewf project, sections named in each
function.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.access.ewf_segments import CHECKSUM, Section, Segment
from pipeline.errors import UnreadableError

__all__ = ["Geometry", "UnknownVariantError", "acquisition_errors", "read_geometry", "stored_hashes"]

_VOLUME: Final = struct.Struct("<B3xIIIQ")
_VOLUME_BYTES: Final = 1052
_SET_IDENTIFIER: Final = slice(64, 80)
_ERRORS_HEADER: Final = 520
_MAX_ERRORS: Final = 1 << 20
_MAX_CHUNK: Final = 1 << 27

Sections = Sequence[tuple[Segment, Sequence[Section]]]
"""Every segment with its sections, in order."""


class UnknownVariantError(UnreadableError):
    """The image is of a kind that is left to the reference reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Sizes in bytes: of the medium, a chunk, a sector."""

    size: int
    chunk_size: int
    sector: int


def read_geometry(image: Sections) -> Geometry:
    """Return the geometry of an image, all of whose segments agree on it (volume, disk and data sections).

    Raises:
        UnknownVariantError: the image is of another kind.
        UnreadableError: there is no volume section, it is damaged, or the segments are of two images.
    """
    known: tuple[Geometry, bytes] | None = None
    for segment, sections in image:
        for section in sections:
            if section.kind in {"ltree", "ltypes"}:
                raise UnknownVariantError(f"{segment.path}: a logical image")
            if section.kind in {"volume", "disk"}:
                known = known or _volume(segment, section)
            if known is not None and _set_identifier(segment, section) not in {b"", known[1]}:
                raise UnreadableError(f"{segment.path}: is of another image than the first segment; put it right")
        if known is None:
            raise UnreadableError(f"{segment.path}: has no volume section; the segment is damaged, copy it again")
    if known is None:
        raise UnreadableError("an image has at least one segment")
    return known[0]


def _volume(segment: Segment, section: Section) -> tuple[Geometry, bytes]:
    """Read geometry and set identifier (specification, volume section)."""
    if section.size != _VOLUME_BYTES:
        raise UnknownVariantError(f"{segment.path}: a volume section of {section.size} bytes")
    raw = segment.checked(section, _VOLUME_BYTES)
    _, _, per_chunk, sector, sectors = _VOLUME.unpack_from(raw)
    chunk = per_chunk * sector
    if not 0 < chunk <= _MAX_CHUNK or not 0 < sectors * sector < 1 << 63:
        what = f"{sectors} sectors of {sector} bytes in chunks of {per_chunk} cannot be"
        raise UnreadableError(f"{segment.path}: {what}; the image is damaged, copy it again")
    return Geometry(size=sectors * sector, chunk_size=chunk, sector=sector), raw[_SET_IDENTIFIER]


def _set_identifier(segment: Segment, section: Section) -> bytes:
    """Return what tells this image's segments from another's; nothing where the section has none or is damaged."""
    if section.kind not in {"volume", "disk", "data"} or section.size != _VOLUME_BYTES:
        return b""
    raw = segment.data(section, 0, _VOLUME_BYTES)
    sound = zlib.adler32(raw[:-CHECKSUM]) == int.from_bytes(raw[-CHECKSUM:], "little")
    return raw[_SET_IDENTIFIER] if sound and any(raw[_SET_IDENTIFIER]) else b""


def stored_hashes(image: Sections) -> Mapping[str, str]:
    """Return the hashes the image carries, by algorithm; ``digest`` (SHA-1, too) goes before ``hash`` (MD5)."""
    found: dict[str, str] = {}
    for segment, sections in image:
        for section in sections:
            if section.kind == "hash":
                found.setdefault("md5", segment.checked(section, 36)[:16].hex())
            elif section.kind == "digest":
                raw = segment.checked(section, 80)
                found |= {"md5": raw[:16].hex(), "sha1": raw[16:36].hex()}
    unset = {"md5": "00" * 16, "sha1": "00" * 20}
    return {name: value for name, value in sorted(found.items()) if value != unset[name]}


def acquisition_errors(image: Sections, geometry: Geometry) -> tuple[tuple[int, int], ...]:
    """Return the (start, length) of what could not be acquired, in bytes of the medium (error2 section).

    Raises:
        UnreadableError: the list is damaged.
    """
    found: set[tuple[int, int]] = set()
    for segment, sections in image:
        for section in sections:
            if section.kind == "error2":
                found |= {
                    (first * geometry.sector, count * geometry.sector) for first, count in _pairs(segment, section)
                }
    clipped = ((start, min(length, geometry.size - start)) for start, length in sorted(found) if length)
    return tuple((start, length) for start, length in clipped if length > 0)


def _pairs(segment: Segment, section: Section) -> list[tuple[int, int]]:
    count = int.from_bytes(segment.checked(section, _ERRORS_HEADER)[:4], "little")
    length = count * 8
    if count > _MAX_ERRORS or _ERRORS_HEADER + length + CHECKSUM > section.size:
        raise UnreadableError(f"{segment.path}: the list of bad sectors is longer than can be; copy the segment again")
    raw = segment.data(section, _ERRORS_HEADER, length + CHECKSUM)
    if zlib.adler32(raw[:length]) != int.from_bytes(raw[length:], "little"):
        raise UnreadableError(f"{segment.path}: the list of bad sectors fails its checksum; copy the segment again")
    return list(struct.iter_unpack("<II", raw[:length]))
