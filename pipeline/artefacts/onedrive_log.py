"""OneDrive's binary logs: which functions ran when. Names of files in them are obfuscated and stay so.

SOURCE: forensics.wiki "Microsoft OneDrive" and the format as published by Y. Khatri: header ``EBFGONED`` (256 bytes),
then blocks, packed by gzip in ``.odlgz``: signature 0xffeeddcc, milliseconds since 1970 at 8, length of the data at
48; data begins with the source file's name and, behind four bytes, the function's, each with a 32-bit length before
it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.access.interfaces import Readable
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.packed import unpacked
from pipeline.artefacts.times import Span, from_unix_us
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["OneDriveLog"]

_MAGIC: Final = b"EBFGONED"
_HEADER: Final = 0x100
_BLOCK: Final = struct.Struct("<QQ32xII")
_SIGNATURE: Final = 0xFFEEDDCC
_LARGEST: Final = 1 << 20
_SENDING: Final = ("upload", "putfile", "sendfile")
_OF_LOGS: Final = ("loguploader", "telemetry", "logupload")
"""The client sends its own logs too."""
_OBFUSCATED: Final = "the names in this log are obfuscated by a key of the account and are not resolved"


class _Behind:
    """A content behind its first bytes."""

    def __init__(self, content: Readable, start: int) -> None:
        self._content, self._start = content, start
        self.size = max(content.size - start, 0)

    def read(self, start: int, length: int) -> bytes:
        return self._content.read(self._start + start, length)


@dataclass(frozen=True)
class OneDriveLog(Artefact):
    """Reads blocks: times for the span, and functions that send; no name of a file, so it never carries a negative."""

    name: str = "onedrive-log"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{folder}/*.{ending}"
        for folder in (
            "/users/*/appdata/local/microsoft/onedrive/logs/*", "/users/*/library/logs/onedrive/*",
            "/users/*/library/containers/com.microsoft.onedrive-mac/data/library/logs/onedrive/*",
        )
        for ending in ("odl", "odlgz", "odlsent", "aodl", "aold")
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        span, owner, gaps, status = Span(), owner_of(candidate.path), list[Gap](), "read"
        try:
            head = candidate.content.read(0, min(8, candidate.content.size)) if candidate.content.size else b""
            behind = _Behind(candidate.content, _HEADER if head == _MAGIC else 0)
            if head != _MAGIC and not behind.size:
                message = "no OneDrive log: its header is missing"
                raise ParseError(message)
            yield from _blocks(behind, span, owner)
        except ParseError as error:
            status = "damaged" if span.records else "unreadable"
            gaps.append(Gap(start=span.last, end=None, reason=str(error)))
            yield Trouble("onedrive-log-damaged", str(error))
        if span.records:
            yield Trouble("names-obfuscated", _OBFUSCATED)
        yield Audit(
            system="OneDrive log", owner=owner, first=span.first, last=span.last, records=span.records,
            gaps=(*gaps, *span.gaps), enabled="yes" if span.records else "unknown", state_only=True, status=status,
        )  # fmt: skip


def _blocks(content: Readable, span: Span, owner: str) -> Iterator[Event]:
    data, at = bytearray(), 0
    for page in unpacked(content):
        data += page
        start = 0
        while len(data) - start >= _BLOCK.size:
            signature, stamp, length, _ = _BLOCK.unpack_from(data, start)
            if signature != _SIGNATURE or length > _LARGEST:
                message = f"no block of the log is at {at + start}; what follows is not read"
                raise ParseError(message)
            if len(data) - start < _BLOCK.size + length:
                break
            body = bytes(data[start + _BLOCK.size : start + _BLOCK.size + min(length, 1024)])
            yield from _told(body, stamp, at + start, span, owner)
            start += _BLOCK.size + length
        del data[:start]
        at += start
    if data:
        message = f"the log breaks off inside a block at {at}"
        raise ParseError(message)


def _name(data: bytes, at: int) -> tuple[str, int]:
    length = int.from_bytes(data[at : at + 4], "little")
    text = data[at + 4 : at + 4 + length] if length <= 256 else b""
    return text.decode("ascii", "replace"), at + 4 + length


def _told(body: bytes, stamp: int, at: int, span: Span, owner: str) -> Iterator[Event]:
    time = from_unix_us(stamp * 1000) if stamp < 10**14 else None
    span.add(time)
    source, end = _name(body, 0)
    function, _ = _name(body, end + 4)
    words = f"{source} {function}".lower()
    if any(word in words for word in _SENDING) and not any(word in words for word in _OF_LOGS):
        detail: dict[str, str | int] = {"program": "OneDrive", "source": source, "shows": _OBFUSCATED}
        yield Event(
            time=time, time_meaning="recorded by the client", action=Action.UPLOAD_HINT, subject=function,
            actor=owner, place=f"block {at}", precision_us=1000, detail=detail,
        )  # fmt: skip
