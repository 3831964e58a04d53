"""Jump lists after Joachim Metz, "Jump lists format": DestList of versions 1, 3 and 4, and custom destinations."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.builders.compound import compound
from tests.builders.evtx import filetime
from tests.builders.shell_link import CLASS, Link

__all__ = ["Opening", "automatic", "custom"]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """An entry of a list: what was opened last when, how often, and the link kept for it."""

    path: str
    time: datetime
    link: Link | None = None
    host: str = "pc-0042"
    count: int = 1
    pinned: bool = False


def automatic(openings: Sequence[Opening], *, version: int = 4) -> bytes:
    """Return an ``.automaticDestinations-ms``; entries are numbered from 1, their links named in hexadecimal."""
    pinned = sum(opening.pinned for opening in openings)
    head = struct.pack("<IIIfQQ", version, len(openings), pinned, 0.0, len(openings), 0)
    listed = b"".join(_entry(number, opening, version) for number, opening in enumerate(openings, 1))
    links = {f"{number:x}": one.link.data() for number, one in enumerate(openings, 1) if one.link is not None}
    return compound({"DestList": head + listed, **links})


def _entry(number: int, opening: Opening, version: int) -> bytes:
    entry = struct.pack("<Q64x16sII", 0, opening.host.encode(), number, 0)
    entry += struct.pack(
        "<fQi", float(opening.count) if version == 1 else 0.0, filetime(opening.time), 0 if opening.pinned else -1
    )
    if version > 1:
        entry += struct.pack("<IIQ", 0xFFFFFFFF, opening.count, 0)
    return (
        entry + struct.pack("<H", len(opening.path)) + opening.path.encode("utf-16-le") + bytes(4 if version > 1 else 0)
    )


def custom(links: Sequence[Link]) -> bytes:
    """Return a ``.customDestinations-ms`` with one category of tasks; none where there are no links."""
    if not links:
        return struct.pack("<III", 2, 0, 0)
    body = struct.pack("<II", 2, len(links)) + b"".join(CLASS.bytes_le + link.data() for link in links)
    return struct.pack("<III", 2, 1, 0) + body + struct.pack("<I", 0xBABFFBAB)
