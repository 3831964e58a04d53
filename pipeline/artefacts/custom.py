"""Artefacts told by a rule file, without Python: where a file lies, how its rows are read, what each row says.

The format of the files is described in ``rules/artefacts/README.md``; :mod:`pipeline.artefacts.custom_parse` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.base import matches as matches_path
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.custom_rows import Reading, Row, Told, read_rows
from pipeline.artefacts.hive import LOGS
from pipeline.artefacts.sqlite import COMPANIONS
from pipeline.artefacts.times import Span, from_filetime, from_local, from_unix_us, from_webkit_us, parse_iso
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["FORMS", "CustomArtefact", "Says", "Stamp", "event_of"]

_MAC_EPOCH_S: Final = 978_307_200
"""Seconds from 1970 to 2001, where Core Foundation's absolute time begins."""
_UNITS: Final[Mapping[str, int]] = {"unix-s": 1_000_000, "unix-ms": 1000, "unix-us": 1, "mac-s": 1_000_000}
FORMS: Final = ("iso", *_UNITS, "webkit-us", "filetime")
"""How a time may be written, besides a pattern of ``strptime``."""
_LONGEST: Final = 4096
_ANY: Final = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The field that holds a row's time, its form, and whether a form without an offset is local or UTC."""

    field: str
    form: str
    local: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a row says where ``when`` holds of its fields; the rest name fields, ``detail`` by the name they get."""

    action: Action
    meaning: str
    subject: str
    actor: str = ""
    device: str = ""
    when: Mapping[str, re.Pattern[str]]
    detail: Mapping[str, str]


@dataclass(frozen=True)
class CustomArtefact(Artefact):
    """An artefact of a rule file; the first event whose condition holds is what a row says."""

    paths: tuple[str, ...] = ()
    system: str = ""
    state_only: bool = True
    reading: Reading = _ANY
    stamp: Stamp | None = None
    says: tuple[Says, ...] = ()
    companion_suffixes: ClassVar[tuple[str, ...]] = (*COMPANIONS, *LOGS)

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a lower-case path is one of those that the file names."""
        del system
        return matches_path(self.paths, path)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event for each row that says something, then the audit; every row counts for the span."""
        span, gaps, status, owner = Span(), list[Gap](), "read", owner_of(candidate.path)
        try:
            for row in read_rows(self.reading, candidate):
                if isinstance(row, Told):
                    gaps.append(Gap(start=span.last, end=None, reason=row.reason))
                    continue
                time = self.time_of(row, candidate)
                span.add(time)
                event = event_of(self.says, row, time, owner, self.zone_of(candidate))
                if event is not None and not row.silent:
                    yield event
        except ParseError as error:
            gaps.append(Gap(start=span.last, end=None, reason=str(error)))
        if gaps:
            status = "damaged" if span.records else "unreadable"
            yield Trouble("custom-damaged", f"{self.name}: {gaps[0].reason}")
        held = span.gaps if not self.state_only else []
        yield Audit(
            system=self.system, owner=owner, first=span.first, last=span.last, records=span.records,
            gaps=(*gaps, *held), enabled="yes" if span.records else "unknown", state_only=self.state_only,
            status=status,
        )  # fmt: skip

    def zone_of(self, candidate: Candidate) -> str:
        """Return how the rows' times are meant, for a form without an offset."""
        local = self.stamp is not None and self.stamp.local and self.stamp.form not in FORMS
        return f"local {candidate.timezone}" if local else "UTC"

    def time_of(self, row: Row, candidate: Candidate) -> datetime | None:
        """Return a row's time in UTC, or None."""
        if self.stamp is None:
            return row.time
        return _parsed(row.fields.get(self.stamp.field, ""), self.stamp, candidate.timezone)


def event_of(says: Sequence[Says], row: Row, time: datetime | None, owner: str, zone: str) -> Event | None:
    """Return what a row says, or None."""
    fields = row.fields
    for told in says:
        if all(pattern.search(str(fields.get(name, ""))[:_LONGEST]) for name, pattern in told.when.items()):
            detail = {name: fields[field] for name, field in told.detail.items() if fields.get(field, "") != ""}
            return Event(
                time=time, time_meaning=told.meaning, action=told.action, place=row.place, zone=zone,
                subject=str(fields.get(told.subject, "")), actor=str(fields.get(told.actor, "")) or owner,
                device=str(fields.get(told.device, "")), detail=detail,
            )  # fmt: skip
    return None


def _parsed(value: str | int, stamp: Stamp, timezone: str) -> datetime | None:
    """Return a time in UTC; None where the value is no time of this form."""
    if stamp.form == "iso":
        text = str(value).replace("Z", "+00:00")
        return parse_iso(text) or _naive(text, "", stamp, timezone)
    if stamp.form not in FORMS:
        return _naive(str(value), stamp.form, stamp, timezone)
    try:
        number = float(value) if "." in str(value) else int(value)
    except ValueError:
        return None
    if stamp.form == "filetime":
        return from_filetime(int(number))
    if stamp.form == "webkit-us":
        return from_webkit_us(int(number))
    shifted = number + (_MAC_EPOCH_S if stamp.form == "mac-s" else 0)
    return from_unix_us(round(shifted * _UNITS[stamp.form])) if abs(shifted) < 1e17 else None


def _naive(text: str, form: str, stamp: Stamp, timezone: str) -> datetime | None:
    with suppress(ValueError):
        value = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        if value.tzinfo is not None:
            return value.astimezone(UTC) if 1980 <= value.year < 2100 else None
        return from_local(value, timezone if stamp.local else "UTC")
    return None
