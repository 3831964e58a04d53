"""Folders of sent mail: Thunderbird and other mbox files, maildir, single messages, Apple Mail.

SOURCE: RFC 4155 (mbox: a message begins at ``From `` behind an empty line), maildir(5), Apple Mail's ``.emlx`` (a
line with the length of the message, the message, a property list).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.access.interfaces import Readable
from pipeline.artefacts.base import Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.mailsent import MAIL_FAULTS, event_of, letter_of
from pipeline.artefacts.times import Span
from pipeline.records import Gap

__all__ = ["SentBox", "SentMessage"]

_LARGEST: Final = 128 << 20
_PAGE: Final = 1 << 20
_EDGE: Final = 1024
_START: Final = re.compile(rb"(?:\A|\n)(?=From [^\r\n]{0,1000}\r?\n)")
_SENT: Final = r"\.?(?:inbox\.)?(?:sent(?:[ ._-]?(?:items|mail|messages))?(?:-\d{1,4})?|送信済み[^/]*)"
_WORD: Final = re.compile(r"(?i)sent|送信済み")
_BOX: Final = re.compile(
    rf"/(?:mail|imapmail|\.thunderbird|thunderbird|evolution|\.mail|mboxes)(?:/[^/]+)*/{_SENT}(?:\.mbox)?(?:/mbox)?$",
    re.IGNORECASE,
)
_MESSAGE: Final = re.compile(
    rf"/{_SENT}(?:\.mbox|\.sbd)?/(?:[^/]+/)*[^/]+(?:\.eml|\.emlx)$|/{_SENT}/(?:cur|new)/[^/]+$", re.IGNORECASE
)


def _audit(system: str, candidate: Candidate, span: Span, gaps: list[Gap]) -> Audit:
    status = "read" if not gaps else "damaged" if span.records else "unreadable"
    return Audit(
        system=system, owner=owner_of(candidate.path), first=span.first, last=span.last, records=span.records,
        gaps=tuple(gaps), enabled="unknown", state_only=True, status=status,
    )  # fmt: skip


@dataclass(frozen=True)
class SentBox(Artefact):
    """Sent messages in one file; what was removed and compacted away is gone, so it never carries a negative."""

    name: str = "sent-mailbox"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/roaming/thunderbird/profiles/*/mail/*/sent", "/home/*/.thunderbird/*/imapmail/*/sent",
        "/home/*/mail/sent", "/users/*/library/mail/sent messages.mbox/mbox",
    )  # fmt: skip

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a file of sent messages, at any depth."""
        del system
        return bool(_WORD.search(path)) and _BOX.search(f"/{path}") is not None

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per message, then the audit."""
        span, gaps, owner = Span(step_s=10**9), list[Gap](), owner_of(candidate.path)
        failed = large = 0
        for number, (start, end) in enumerate(messages(candidate.content)):
            failed += number == 0 and start > 0
            if end - start > _LARGEST:
                large += 1
                continue
            data = candidate.content.read(start, end - start)
            try:
                letter = letter_of(data.partition(b"\n")[2])
            except MAIL_FAULTS:
                failed += 1
                continue
            failed += not letter.whole or b"\0" * 16 in data
            span.add(letter.time)
            yield event_of(letter, f"offset {start}", owner, _program(candidate.path))
        if failed or large or (candidate.content.size and not span.records):
            message = f"{failed} messages could not be read, {large} are larger than {_LARGEST} bytes"
            gaps.append(Gap(start=None, end=None, reason=message))
            yield Trouble("mailbox-damaged", message)
        yield _audit("sent mail", candidate, span, gaps)


def _program(path: str) -> str:
    lower = path.lower()
    return "Thunderbird" if "thunderbird" in lower else "Apple Mail" if "/library/mail" in lower else "mail"


def messages(content: Readable) -> Iterator[tuple[int, int]]:
    """Yield where each message of an mbox starts and ends."""
    begun = -1
    for at in _starts(content):
        if begun >= 0:
            yield begun, at
        begun = at
    if begun >= 0:
        yield begun, content.size


def _starts(content: Readable) -> Iterator[int]:
    last = -1
    for page in range(0, content.size, _PAGE):
        from_ = max(page - 1, 0)
        data = content.read(from_, min(_PAGE + _EDGE + 1, content.size - from_))
        for found in _START.finditer(data):
            at = from_ + found.end()
            if found.start() == 0 and from_ and not data.startswith(b"\n"):
                continue
            if at > last and at < page + _PAGE:
                yield at
                last = at


@dataclass(frozen=True)
class SentMessage(Artefact):
    """One sent message in its own file."""

    name: str = "sent-message"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/home/*/maildir/.sent/cur/*", "/mail/sent/*.eml", "/users/*/library/mail/v1/sent messages.mbox/messages/*.emlx",  # noqa: E501
    )  # fmt: skip

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a message in a folder of sent mail, at any depth."""
        del system
        return bool(_WORD.search(path)) and _MESSAGE.search(f"/{path}") is not None

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the event, then the audit."""
        span, gaps = Span(), list[Gap]()
        try:
            yield self._sent(candidate, span, gaps)
            if gaps:
                yield Trouble("mail-damaged", gaps[0].reason)
        except MAIL_FAULTS as error:
            message = f"no message ({type(error).__name__}); what was sent is unknown"
            gaps.append(Gap(start=None, end=None, reason=message))
            yield Trouble("mail-damaged", message)
        yield _audit("sent mail", candidate, span, gaps)

    def _sent(self, candidate: Candidate, span: Span, gaps: list[Gap]) -> Event:
        if not 0 < candidate.content.size <= _LARGEST:
            message = "empty, or too large"
            raise ValueError(message)
        data = candidate.content.read(0, candidate.content.size)
        if candidate.path.lower().endswith(".emlx"):
            length, _, rest = data.partition(b"\n")
            data = rest[: int(length)] if length.strip().isdigit() else data
        letter = letter_of(data)
        if not letter.whole or b"\0" * 16 in data:
            gaps.append(Gap(start=None, end=None, reason="the message breaks off or is overwritten"))
        span.add(letter.time)
        return event_of(letter, "message", owner_of(candidate.path), _program(candidate.path))
