"""Sent mail in Outlook's stores (PST, OST) and in saved messages (MSG).

SOURCE: MS-OXPROPS and MS-OXCMSG for the properties (0037 subject, 0039 client submit time, 0C1F and 5D01 sender, 39FE
and 3003 receiver's address, 3707 attachment's name, 3701 its data, 0E07 flags: 0x08 unsent, 0x20 from me, 007D
transport headers), MS-OXMSG §2.2 and §2.4 for the streams ``__substg1.0_`` and ``__properties_version1.0``.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

import olefile

from pipeline.access.outlook import FAULTS, opened_store
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import SeekableBytes, owner_of
from pipeline.artefacts.mailsent import Letter, event_of
from pipeline.artefacts.times import Span, from_filetime
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["OutlookMessage", "OutlookStore"]

_SENT: Final = re.compile(
    r"(?i)sent(?: items| mail| messages)?|送信済み.*|gesendete.*|elementos enviados|éléments envoyés"
)
_LARGEST: Final = 64 << 20
_MOST_FOLDERS: Final = 20_000
_MOST_PARTS: Final = 1000
_TEXTS: Final = (0x001E, 0x001F)
_SENDERS: Final = (0x5D01, 0x0C1F, 0x0C1A)
_RECEIVERS: Final = (0x39FE, 0x3003)


@dataclass(frozen=True)
class OutlookStore(Artefact):
    """Messages of the folders of sent mail; what was removed from them is not among them."""

    name: str = "outlook-store"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/microsoft/outlook/*.ost", "/users/*/appdata/local/microsoft/outlook/*.pst",
    )  # fmt: skip

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a store, wherever it lies."""
        del system
        return path.lower().endswith((".pst", ".ost"))

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per message, then the audit."""
        span, gaps, lost = Span(step_s=10**9), list[Gap](), [0]
        owner = owner_of(candidate.path)
        try:
            with opened_store(candidate.content) as store:
                for message in _messages(store, lost):
                    letter = _letter(message, lost)
                    span.add(letter.time)
                    yield event_of(letter, f"message {_got(message, 'identifier') or 0}", owner, "Outlook")
        except ParseError as error:
            gaps.append(Gap(start=None, end=None, reason=str(error)))
        if lost[0]:
            gaps.append(Gap(start=None, end=None, reason=f"{lost[0]} folders or messages could not be read"))
        for gap in gaps:
            yield Trouble("mail-store-damaged", gap.reason)
        yield Audit(
            system="Outlook", owner=owner, first=span.first, last=span.last, records=span.records, gaps=tuple(gaps),
            enabled="unknown", state_only=True,
            status="read" if not gaps else "damaged" if span.records else "unreadable",
        )  # fmt: skip


def _got(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except FAULTS:
        return None


def _each(holder: Any, name: str, lost: list[int]) -> Iterator[Any]:
    count = _got(holder, f"number_of_{name}s") or 0
    for number in range(count):
        try:
            yield getattr(holder, f"get_{name}")(number)
        except FAULTS:
            lost[0] += 1


def _messages(store: Any, lost: list[int]) -> Iterator[Any]:
    try:
        waiting = [(store.get_root_folder(), False)]
    except FAULTS:
        lost[0] += 1
        return
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_FOLDERS:
        folder, sent = waiting.pop()
        number = _got(folder, "identifier")
        if folder is None or number is None or number in seen:
            continue
        seen.add(number)
        sent = sent or _SENT.fullmatch(str(_got(folder, "name") or "")) is not None
        if sent:
            yield from _each(folder, "sub_message", lost)
        waiting += [(inner, sent) for inner in _each(folder, "sub_folder", lost)]


def _strings(holder: Any, wanted: tuple[int, ...]) -> list[str]:
    """Return, of each set of properties, the first wanted string that it holds."""
    found = []
    for entries in _got(holder, "record_sets") or ():
        texts: dict[int, str] = {}
        for number in range(_got(entries, "number_of_entries") or 0):
            try:
                entry = entries.get_entry(number)
                if entry.entry_type in wanted and entry.value_type in _TEXTS:
                    raw = (entry.data or b"")[:4096]
                    text = raw.decode("utf-16-le" if entry.value_type == _TEXTS[1] else "cp932", "replace")
                    texts.setdefault(entry.entry_type, text.rstrip("\0"))
            except FAULTS:
                continue
        best = next((texts[key] for key in wanted if texts.get(key)), "")
        if best:
            found.append(best)
    return found


def _letter(message: Any, lost: list[int]) -> Letter:
    stamp = 0
    try:
        stamp = message.get_client_submit_time_as_integer()
    except FAULTS:
        lost[0] += 1
    senders = _strings(message, _SENDERS)
    return Letter(
        time=from_filetime(stamp) if isinstance(stamp, int) else None, subject=_subject(_got(message, "subject")),
        sender=senders[0] if senders else str(_got(message, "sender_name") or ""),
        receivers=_strings(_got(message, "recipients"), _RECEIVERS)[:5000], attached=list(_attached(message, lost)),
    )  # fmt: skip


def _subject(value: Any) -> str:
    """Return a subject without the two characters that say how long its prefix is (MS-PST §2.5.3.1.1.1)."""
    text = str(value or "")
    return text[2:] if text.startswith("\x01") else text


def _attached(message: Any, lost: list[int]) -> Iterator[tuple[str, int, str]]:
    for attachment in _each(message, "attachment", lost):
        try:
            size = attachment.get_size()
            name = str(_got(attachment, "long_filename") or _got(attachment, "name") or "attachment")
            data = attachment.read_buffer(size) if 0 < size <= _LARGEST else b""
        except FAULTS:
            lost[0] += 1
            continue
        yield name, size, hashlib.sha1(data, usedforsecurity=False).hexdigest() if data else ""


_PROPERTY: Final = struct.Struct("<II8s")
_UNSENT, _FROM_ME = 0x08, 0x20
_MSG_FAULTS: Final = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True)
class OutlookMessage(Artefact):
    """A saved message: sent, if it came from here and was submitted; a draft is none."""

    name: str = "outlook-message"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/users/*/documents/*.msg",)

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a saved message, wherever it lies."""
        del system
        return path.lower().endswith(".msg") and not path.lower().startswith(("/windows/", "/program"))

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the event, then the audit."""
        span, owner, status, gaps = Span(), owner_of(candidate.path), "read", tuple[Gap, ...]()
        try:
            for event in _saved(candidate, owner):
                span.add(event.time)
                yield event
        except _MSG_FAULTS as error:
            status, reason = "unreadable", f"no saved message ({type(error).__name__}); what was sent is unknown"
            gaps = (Gap(start=None, end=None, reason=reason),)
            yield Trouble("mail-damaged", reason)
        yield Audit(
            system="saved message", owner=owner, first=span.first, last=span.last, records=span.records, gaps=gaps,
            enabled="unknown", state_only=True, status=status,
        )  # fmt: skip


class _Storage:
    """Properties of a message, a receiver or an attachment."""

    def __init__(self, ole: Any, path: tuple[str, ...]) -> None:
        self._ole, self._path = ole, path
        head = 32 if not path else 8
        raw = self._stream("__properties_version1.0")
        self.fixed = {
            tag >> 16: value for tag, _, value in _PROPERTY.iter_unpack(raw[head : head + (len(raw) - head) // 16 * 16])
        }

    def _stream(self, name: str) -> bytes:
        place = [*self._path, name]
        if not self._ole.exists(place) or self._ole.get_size(place) > _LARGEST:
            return b""
        return bytes(self._ole.openstream(place).read())

    def text(self, *tags: int) -> str:
        for tag in tags:
            if wide := self._stream(f"__substg1.0_{tag:04X}001F"):
                return wide.decode("utf-16-le", "replace").rstrip("\0")
            if narrow := self._stream(f"__substg1.0_{tag:04X}001E"):
                return narrow.decode("cp932", "replace").rstrip("\0")
        return ""

    def data(self, tag: int) -> bytes:
        return self._stream(f"__substg1.0_{tag:04X}0102")

    def time(self, tag: int) -> datetime | None:
        return from_filetime(int.from_bytes(self.fixed[tag], "little")) if tag in self.fixed else None

    def number(self, tag: int) -> int:
        return int.from_bytes(self.fixed.get(tag, b"")[:4], "little")


def _saved(candidate: Candidate, owner: str) -> Iterator[Event]:
    with olefile.OleFileIO(SeekableBytes(candidate.content)) as ole:
        if not ole.exists("__properties_version1.0"):
            message = "an OLE file without properties of a message"
            raise ValueError(message)
        top = _Storage(ole, ())
        parts = sorted({entry[0] for entry in ole.listdir(streams=True, storages=True) if entry})[:_MOST_PARTS]
        receivers = [
            _Storage(ole, (part,)).text(*_RECEIVERS) for part in parts if part.startswith("__recip_version1.0_")
        ]
        letter = Letter(
            time=top.time(0x0039), subject=top.text(0x0037), sender=top.text(*_SENDERS),
            receivers=[one for one in receivers if one], identity=top.text(0x1035).strip("<>"),
            attached=[_file(_Storage(ole, (part,))) for part in parts if part.startswith("__attach_version1.0_")],
        )  # fmt: skip
        flags = top.number(0x0E07)
        if flags & _UNSENT:
            return
        if letter.time is None:
            message = "neither a draft nor a message with the time of its sending"
            raise ValueError(message)
        event = event_of(letter, "message", owner, "Outlook")
        sent = bool(flags & _FROM_ME) or not top.text(0x007D)
        yield event if sent else _taken(event)


def _taken(event: Event) -> Event:
    return Event(
        time=event.time, time_meaning=event.time_meaning, action=Action.MAIL_RECEIVED, subject=event.subject,
        actor=event.actor, place=event.place, detail=event.detail,
    )  # fmt: skip


def _file(storage: _Storage) -> tuple[str, int, str]:
    data = storage.data(0x3701)
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest() if data else ""
    return storage.text(0x3707, 0x3704, 0x3001) or "attachment", len(data), digest
