"""Custom jump lists: links that a program keeps for its user.

SOURCE: Joachim Metz, "Jump lists format": 12 bytes (version 2 at 0, categories at 4), then categories (own, with a
name; known; tasks), in each the links behind their class, and a footer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Artefact, Candidate, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.jumplists import kept, link_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.shell_link import HEAD
from pipeline.errors import ParseError

__all__ = ["CustomJumpList"]

_LARGEST: Final = 64 << 20
_LARGEST_LINK: Final = 1 << 20
_MOST_ENTRIES: Final = 50_000
_FOOTER: Final = bytes.fromhex("abfbbfba")


@dataclass(frozen=True)
class CustomJumpList(Artefact):
    """Reads the links that a program keeps for its user; they carry no time of an opening."""

    name: str = "custom-jump-list"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/roaming/microsoft/windows/recent/customdestinations/*.customdestinations-ms",
    )

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event per link, dated when the list was written last, then the audit."""
        reading = Reading("Windows custom jump list", owner_of(candidate.path))
        yield from reading.facts(_custom(candidate, reading))


def _custom(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    """Find each link by its header, and compare with what the headers of the categories state."""
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    if len(data) < 12 or data[:4] != b"\2\0\0\0":
        message = "the list's header is destroyed"
        raise ParseError(message)
    stated, at, found = _stated_links(data, reading), data.find(HEAD, 12), 0
    for number in range(_MOST_ENTRIES):
        if at < 0:
            break
        link = link_of(data[at : at + _LARGEST_LINK], reading)
        if link is not None:
            found += 1
            reading.span.add(candidate.modified)
            yield kept(candidate, link, f"link {number}", candidate.modified, "list written")
        at = data.find(HEAD, at + max(link.length if link is not None else 0, len(HEAD)))
    if found < stated:
        reading.lose(f"{stated - found} of {stated} links of the list are missing")


def _stated_links(data: bytes, reading: Reading) -> int:
    """Sum the numbers of links that the categories state: own (0, with a name), known (1, no links), tasks (2)."""
    categories, total, at = struct.unpack_from("<I", data, 4)[0], 0, 12
    if not categories and len(data) > 12:
        reading.lose("the header states no category, but something follows")
    for number in range(min(categories, _MOST_ENTRIES)):
        kind = int.from_bytes(data[at : at + 4], "little")
        place = at + 4 if kind == 2 else at + 6 + 2 * int.from_bytes(data[at + 4 : at + 6], "little")
        total += int.from_bytes(data[place : place + 4], "little") if kind != 1 else 0
        end = data.find(_FOOTER, at)
        if end < 0 or kind > 2:
            reading.lose(f"category {number + 1} of {categories} is destroyed or cut off")
            break
        at = end + 4
    return total
