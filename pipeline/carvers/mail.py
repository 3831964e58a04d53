"""Letters (RFC 5322, RFC 2046) and mailboxes of them (RFC 4155): header blocks, parts to the closing boundary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["Letter", "Mailbox"]

LONGEST: Final = 64 << 20
_SECTOR: Final = 512
"""Where a letter may begin whatever stands before it; elsewhere it begins a line."""
_HEADER_BYTES: Final = 64 << 10
_FIRST: Final = (
    b"Return-Path: ", b"Received: ", b"Delivered-To: ", b"Message-ID: ", b"MIME-Version: ", b"From: ", b"Date: ",
    b"Subject: ", b"To: ",
)  # fmt: skip
_FIELD: Final = re.compile(rb"([!-9;-~]{1,76}):[ \t]?[^\r\n]{0,998}\r?\n(?:[ \t][^\r\n]{0,998}\r?\n){0,500}")
_ORIGIN: Final = frozenset({b"from", b"sender"})
_TRACE: Final = frozenset({b"date", b"message-id", b"received"})
_OTHER: Final = frozenset({b"to", b"subject", b"mime-version", b"content-type", b"cc", b"return-path", b"delivered-to"})
_BOUNDARY: Final = re.compile(rb"^content-type:\s{0,9}multipart/[^\n]{0,200}?(?:\n[ \t][^\n]{0,400}?){0,5}?boundary="
                              rb"(?:\"([^\"\r\n]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE | re.MULTILINE)  # fmt: skip
_FROM_LINE: Final = re.compile(
    rb"From \S{1,200} {1,3}(?:[A-Z][a-z]{2} ){2} ?\d{1,2} \d\d:\d\d(?::\d\d)?[ \w+-]{5,20}\r?\n"
)
_NEXT: Final = re.compile(rb"\nFrom \S{1,200} {1,3}[A-Z][a-z]{2} ")
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class Letter(Carver):
    """Takes a header block with origin, trace and other fields, and its body: parts to the last boundary, else text."""

    name: str = "mail"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = tuple((field, 0) for field in _FIRST)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the letter; parts without their closing boundary make it partial."""
        if start % _SECTOR and view.read(start - 1, 1) not in _LINE_STARTS:
            return None
        head = _header(view.read(start, min(limit, _HEADER_BYTES)))
        if not head:
            return None
        length, whole = _body(view, start, len(head), limit, head)
        if whole:
            return Carved(start, length, "mail")
        return Carved(start, length, "mail", complete=False, note="the closing boundary is missing")


@dataclass(frozen=True)
class Mailbox(Carver):
    """Takes letters one behind the other, each behind its From line."""

    name: str = "mbox"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"From ", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the mailbox; it ends with its last letter."""
        if start % _SECTOR and view.read(start - 1, 1) not in _LINE_STARTS:
            return None
        at = 0
        while at < min(limit, LONGEST):
            line = _FROM_LINE.match(view.read(start + at, 512))
            if line is None:
                break
            head = _header(view.read(start + at + line.end(), min(limit - at, _HEADER_BYTES)))
            if not head:
                break
            at += line.end() + _text(view, start + at + line.end(), limit - at - line.end())
        return Carved(start, at, "mbox") if at else None


_LINE_STARTS: Final = frozenset(bytes([byte]) for byte in range(256) if not 32 <= byte < 127 and byte != 9)


def _header(data: bytes) -> bytes:
    """Return a header block up to its empty line; nothing where it is none: fields of three kinds are needed."""
    at, names = 0, set[bytes]()
    while field := _FIELD.match(data, at):
        names.add(field.group(1).lower())
        at = field.end()
    ended = data[at : at + 2] == b"\r\n" or data[at : at + 1] == b"\n"
    if not ended or not names & _ORIGIN or not names & _TRACE or not names & _OTHER:
        return b""
    return data[: at + (2 if data[at : at + 1] == b"\r" else 1)]


def _body(view: Readable, start: int, head: int, limit: int, block: bytes) -> tuple[int, bool]:
    """Return where a letter ends, and whether its structure says so."""
    text = _text(view, start, limit)
    found = _BOUNDARY.search(block)
    if found is None:
        return max(text, head), True
    close = b"\n--" + (found.group(1) or found.group(2)) + b"--"
    at = head
    while at < text:
        piece = view.read(start + at, min((1 << 20) + len(close) + 2, text - at))
        place = piece.find(close)
        if place >= 0:
            end = place + len(close)
            return at + end + len(re.match(rb"\r?\n?", piece[end:]).group()), True  # type: ignore[union-attr]
        at += 1 << 20
    return max(text, head), False


def _text(view: Readable, start: int, limit: int) -> int:
    """Return how many bytes of text follow, up to the next letter of a mailbox."""
    at, limit, step = 0, min(limit, LONGEST), 1 << 14
    while at < limit:
        piece = view.read(start + at, min(step + 256, limit - at))
        stop, other = _NO_TEXT.search(piece), _NEXT.search(piece)
        ends = [stop.start()] if stop else []
        ends += [other.start() + 1] if other else []
        if ends:
            return at + min(ends)
        if at + len(piece) >= limit or not piece:
            return at + len(piece)
        at, step = at + step, min(step * 4, 1 << 20)
    return limit
