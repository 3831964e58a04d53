"""Log-ons as Linux keeps them in records: wtmp, btmp, utmp and lastlog.

SOURCE: glibc bits/utmp.h for 64-bit machines with 32-bit times (384 bytes: type at 0, pid 4, line 8, user 44, host 76,
time 340, address 348) and bits/types/struct_lastlog (292 bytes: time, line, host; the record's number is the user's).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from pipeline.access.interfaces import stored_ranges
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.linelog import ROTATED
from pipeline.artefacts.packed import unpacked
from pipeline.artefacts.times import Span, from_unix_us
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["FailedLogins", "LastLogins", "LoginRecords"]

_RECORD: Final = struct.Struct("<hxxi32s4s32s256s4xiii16s20x")
_LAST: Final = struct.Struct("<i32s256s")
_TYPES: Final = range(10)
_BOOT, _NEW_TIME, _OLD_TIME, _USER, _DEAD, _RUN_LEVEL, _LOGIN = 2, 3, 4, 7, 8, 1, 6


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def _address(raw: bytes) -> str:
    if not any(raw):
        return ""
    return str(ipaddress.ip_address(raw[:4])) if not any(raw[4:]) else str(ipaddress.ip_address(raw))


@dataclass(slots=True)
class _State:
    span: Span = field(default_factory=Span)
    gaps: list[Gap] = field(default_factory=list)
    before: datetime | None = None
    users: dict[str, str] = field(default_factory=dict)

    def gap(self, reason: str) -> None:
        if len(self.gaps) < 1000:
            self.gaps.append(Gap(start=self.before, end=None, reason=reason))


@dataclass(frozen=True)
class LoginRecords(Artefact):
    """Sessions, boots and set clocks of wtmp; wiped records, a cut record and steps of the clock are gaps."""

    name: str = "login-records"
    version: int = 1
    system: ClassVar[str] = "wtmp"
    state_only: ClassVar[bool] = False
    user_action: ClassVar[Action] = Action.LOGON
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/wtmp", "/var/log/wtmp.*", "/var/log/wtmp-*")
    companion_suffixes: ClassVar[tuple[str, ...]] = ROTATED[:0]

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        state, status = _State(), "read"
        try:
            yield from self._records(candidate, state)
        except ParseError as error:
            state.gap(str(error))
        if state.gaps:
            reason = state.gaps[0].reason
            yield Trouble("login-records-damaged", f"{reason}; {len(state.gaps)} gaps in all")
            status = "damaged" if state.span.records else "unreadable"
        span = state.span
        yield Audit(
            system=self.system, owner="", first=span.first, last=span.last, records=span.records,
            gaps=(*state.gaps, *span.gaps), enabled="yes" if span.records else "unknown",
            state_only=self.state_only, status=status,
        )  # fmt: skip

    def _records(self, candidate: Candidate, state: _State) -> Iterator[Fact]:
        rest, number = b"", 0
        for page in unpacked(candidate.content):
            data = rest + page
            cut = len(data) // _RECORD.size * _RECORD.size
            for values in _RECORD.iter_unpack(data[:cut]):
                yield from self._record(values, number, state)
                number += 1
            rest = data[cut:]
        if rest:
            message = f"{len(rest)} bytes are left behind the last record: the file was cut, or is of another system"
            raise ParseError(message)

    def _record(self, values: tuple[object, ...], number: int, state: _State) -> Iterator[Fact]:
        kind, _, line, _, user, host, _, seconds, micro, address = values
        assert isinstance(seconds, int) and isinstance(micro, int) and isinstance(kind, int)  # noqa: PT018
        time = from_unix_us(seconds * 1_000_000 + micro) if seconds > 0 and 0 <= micro < 1_000_000 else None
        if kind not in _TYPES or time is None:
            zero = kind == 0 and not seconds
            state.gap(f"record {number} was wiped" if zero else f"record {number} is none")
            return
        state.span.add(time)
        state.before = time
        texts = _text(line), _text(user), _text(host)  # type: ignore[arg-type]
        yield from self._event(kind, texts, _address(address), Event(  # type: ignore[arg-type]
            time=time, time_meaning="recorded", action=Action.LOGON, subject="", place=f"offset {number * _RECORD.size}",  # noqa: E501
            precision_us=1,
        ), state)  # fmt: skip

    def _event(
        self, kind: int, texts: tuple[str, str, str], address: str, event: Event, state: _State
    ) -> Iterator[Event]:
        line, user, host = texts
        detail: dict[str, str | int] = {"line": line, "host": host, "client": address}
        action, subject = _MEANINGS.get(kind, (None, ""))
        if kind == _USER:
            action, subject = self.user_action, user
            if len(state.users) < 4096:
                state.users[line] = user
        elif kind == _DEAD:
            subject = state.users.pop(line, user)
            action = Action.LOGOFF if subject else None
        elif kind == _LOGIN and self.user_action is Action.LOGON_FAILED:
            action, subject = self.user_action, user
        elif kind == _RUN_LEVEL:
            action, subject = Action.POWER, "shutdown" if user == "shutdown" else ""
        if kind == _OLD_TIME:
            state.users["old time"] = str(event.time)
            return
        if kind == _NEW_TIME:
            detail |= {"old_time": state.users.pop("old time", ""), "new_time": str(event.time)}
        if action is not None and subject:
            said = {key: value for key, value in detail.items() if value}
            yield Event(
                time=event.time, time_meaning="recorded", action=action, subject=subject, place=event.place,
                precision_us=1, actor=user if kind in {_USER, _DEAD} else "", detail=said,
            )  # fmt: skip


_MEANINGS: Final[dict[int, tuple[Action | None, str]]] = {
    _BOOT: (Action.POWER, "start"), _NEW_TIME: (Action.TIME_CHANGED, "clock set"),
}  # fmt: skip


@dataclass(frozen=True)
class FailedLogins(LoginRecords):
    """Log-ons that failed, of btmp."""

    name: str = "failed-login-records"
    system: ClassVar[str] = "btmp"
    user_action: ClassVar[Action] = Action.LOGON_FAILED
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/btmp", "/var/log/btmp.*", "/var/log/btmp-*")


@dataclass(frozen=True)
class LastLogins(Artefact):
    """The last log-on of each user; it holds the last state only."""

    name: str = "last-logins"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/lastlog",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per user that ever logged on, then the audit; holes of the sparse file are skipped."""
        content, span = candidate.content, Span(step_s=10**9)
        cut = content.size % _LAST.size
        for start, length in stored_ranges(content):
            first = start // _LAST.size
            for number in range(first, min((start + length) // _LAST.size, first + 1_000_000)):
                raw = content.read(number * _LAST.size, _LAST.size)
                if len(raw) == _LAST.size and any(raw[:4]):
                    yield from _last(raw, number, span)
        if cut:
            yield Trouble("last-logins-damaged", f"{cut} bytes are left behind the last record; the file was cut")
        yield Audit(
            system="lastlog", owner="", first=span.first, last=span.last, records=span.records, gaps=(),
            enabled="unknown", state_only=True, status="damaged" if cut else "read",
        )  # fmt: skip


def _last(raw: bytes, number: int, span: Span) -> Iterator[Event]:
    seconds, line, host = _LAST.unpack(raw)
    time = from_unix_us(seconds * 1_000_000)
    span.add(time)
    detail: dict[str, str | int] = {"uid": number, "line": _text(line), "client": _text(host)}
    yield Event(
        time=time, time_meaning="last log-on", action=Action.LOGON, subject=f"uid {number}",
        place=f"offset {number * _LAST.size}", detail=detail,
    )  # fmt: skip
