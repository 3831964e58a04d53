"""One pass over bytes: pages with context on both sides feed hashes, type, detectors and YARA together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from pipeline.access.interfaces import Readable
from pipeline.access.noise import Noise
from pipeline.detectors import Found, Table, Window
from pipeline.detectors.yara_rules import YaraMatch

__all__ = ["CONTEXT_BYTES", "PAGE_BYTES", "Digests", "Pass", "pages", "read_once"]

PAGE_BYTES: Final = 4 << 20
CONTEXT_BYTES: Final = 8 << 10
HEAD_BYTES: Final = 64 << 10
TABLE_PAGE_BYTES: Final = 2 << 20
"""A large table is read in smaller pages: what it holds takes twenty times its bytes as findings."""
HELD_BYTES: Final = 16 << 20
"""The hits of a table are held in memory up to this size of it; a larger one is read again for them, page by page."""


class Digests:
    """MD5, SHA-1 and SHA-256 of a stream, fed page by page."""

    def __init__(self) -> None:
        self._all = (hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256())

    def update(self, data: bytes) -> None:
        """Feed the next bytes."""
        for digest in self._all:
            digest.update(data)

    @property
    def md5(self) -> str:
        """Hexadecimal MD5 so far."""
        return self._all[0].hexdigest()

    @property
    def sha1(self) -> str:
        """Hexadecimal SHA-1 so far."""
        return self._all[1].hexdigest()

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 so far."""
        return self._all[2].hexdigest()


@dataclass(slots=True)
class Pass:
    """What one pass over a stream gave; ``data`` is kept only up to the limit asked for.

    ``found`` yields the hits page by page, as often as it is asked.
    """

    size: int
    digests: Digests
    found: Callable[[], Iterable[Found]]
    head: bytes = b""
    matches: list[YaraMatch] = field(default_factory=list)
    data: bytes | None = None
    noise: Noise = field(default_factory=Noise)


class Scans(Protocol):
    """The detectors a pass feeds."""

    def table(self, head: bytes) -> Table | None:
        """Return the layout of a content's rows, from its head."""
        ...

    def sweep(self, window: Window) -> Found:
        """Return the hits that a window owns."""
        ...


def pages(
    content: Readable,
    size: int,
    start: int = 0,
    *,
    table_of: Callable[[bytes], Table | None] | None = None,
    most: int = 0,
) -> Iterator[tuple[Window, bytes]]:
    """Yield windows that tile ``size`` bytes from ``start``, and the bytes each one owns; each byte is read once.

    A page has at most ``most`` bytes, by default ``PAGE_BYTES``.
    ``table_of`` reads the content's head for the layout of its rows. What ``content`` holds before ``start`` and behind
    the end is context of the first and the last window.
    """
    end, most = start + size, most or PAGE_BYTES
    position = start
    before = content.read(max(start - CONTEXT_BYTES, 0), min(start, CONTEXT_BYTES)) if start else b""
    page = content.read(position, min(most, end - position)) if size else b""
    table = table_of(page[:HEAD_BYTES]) if table_of is not None and page else None
    while page:
        following_start = position + len(page)
        last = following_start >= end
        wanted = min(CONTEXT_BYTES, content.size - end) if last else min(most, end - following_start)
        following = content.read(following_start, wanted) if wanted > 0 else b""
        data = before + page + following[:CONTEXT_BYTES]
        window = Window(
            data=data, start=position - len(before), own_start=position, own_end=position + len(page), table=table
        )
        yield window, page
        before, position, page = page[-CONTEXT_BYTES:], following_start, b"" if last else following


def read_once(
    content: Readable,
    size: int,
    *,
    scanner: Scans,
    match: Callable[[bytes, int], list[YaraMatch]],
    keep: int,
) -> Pass:
    """Read a stream once and return all that one pass gives.

    Args:
        content: the bytes.
        size: how many of them, from 0.
        scanner: the detectors.
        match: YARA over a page's bytes and their offset; matches in a page's context belong to the next page.
        keep: keep the bytes when there are at most this many.
    """
    held: list[Found] = []
    result = Pass(size=0, digests=Digests(), found=lambda: held)
    kept: list[bytes] | None = [] if size <= keep else None
    for window, page in pages(content, size, table_of=scanner.table):
        result.digests.update(page)
        result.noise.feed(page)
        result.head = result.head or page[:HEAD_BYTES]
        if window.table is None or size <= HELD_BYTES:
            held.append(scanner.sweep(window))
        elif not result.size:
            result.found = partial(_swept, content, size, scanner)
        owned = (m for m in match(window.data, window.start) if window.own_start <= m.offset < window.own_end)
        result.matches += owned
        result.size += len(page)
        if kept is not None:
            kept.append(page)
    result.data = b"".join(kept) if kept is not None else None
    return result


def _swept(content: Readable, size: int, scanner: Scans) -> Iterator[Found]:
    for window, _ in pages(content, size, table_of=scanner.table, most=TABLE_PAGE_BYTES):
        yield scanner.sweep(window)
