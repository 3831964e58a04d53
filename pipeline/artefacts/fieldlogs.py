"""Logs that name their columns: IIS and the Windows firewall.

SOURCE: W3C Extended Log File Format (``#Fields``), Microsoft's IIS logging (times in UTC), pfirewall.log.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.linelog import Line, LineLog, Reading, naive_stamp
from pipeline.artefacts.times import from_local, parse_iso
from pipeline.artefacts.upload_sites import without_query

__all__ = ["FieldLog", "FirewallLog", "IisLog", "Row", "count_of"]

_MEBIBYTE: Final = 1 << 20
_LARGE: Final = 7
"""Digits from which a number may be a mebibyte."""
_SENDING: Final = frozenset(("POST", "PUT", "PATCH"))
_MOST_COLUMNS: Final = 200
Row = Mapping[str, str]


def count_of(text: str | None) -> int:
    """Return a number of bytes as a column holds it; 0 where it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


@dataclass(frozen=True)
class FieldLog(LineLog):
    """A log of which the last header above a line names its columns; the form is of a line with a time."""

    form: ClassVar[re.Pattern[bytes]] = re.compile(rb"^(?!#)([^\n]*)", re.MULTILINE)
    default: ClassVar[tuple[str, ...]] = ()
    separator: ClassVar[str] = " "

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Lines are read by their columns, not by a form."""
        del found, line
        return ()

    def stamp_of(self, row: Row) -> str:
        """Return a row's stamp as it is written; empty where the line is no row of this log."""
        return f"{row.get('date', '')} {row.get('time', '')}"

    @abstractmethod
    def row_time(self, stamp: str, candidate: Candidate) -> datetime | None:
        """Return the time of a stamp; None where it is none."""

    @abstractmethod
    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return the events of a row."""

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Return the time of a bare line by the default columns; of the first line of a part beside."""
        row = self._row(stamp.decode("utf-8", "replace").rstrip("\r"), self.default)
        return self.row_time(self.stamp_of(row), candidate) if row is not None else None

    def block(self, block: bytes, start: int, reading: Reading) -> Iterator[Event]:
        """Read lines by the columns of the header above them."""
        reading.overwritten(block)
        at = start
        for raw in block.split(b"\n"):
            text = raw.rstrip(b"\r").decode("utf-8", "replace").lstrip("\ufeff")
            if text.startswith("#"):
                self._header(text, reading)
            elif text.strip():
                yield from self._line(text, at, reading)
            at += len(raw) + 1

    def _header(self, text: str, reading: Reading) -> None:
        found = re.match(r"#[Ff]ields:?\s*(.*)", text)
        if found is not None:
            names = re.split(r"[,\s]+", found[1].strip())[:_MOST_COLUMNS]
            reading.memory["fields"] = tuple(names)

    def _line(self, text: str, at: int, reading: Reading) -> Iterator[Event]:
        row = self._row(text, reading.memory.get("fields", self.default))
        stamp = self.stamp_of(row) if row is not None else ""
        if stamp and stamp != reading.memory.get("stamp"):
            reading.memory["stamp"] = stamp
            reading.time = self.row_time(stamp, reading.candidate)
            if reading.time is not None:
                reading.span.add(reading.time)
                reading.span.records -= 1
        if row is None or not stamp or reading.time is None:
            reading.foreign += 1
            return
        reading.span.records += 1
        if self.worth(row):
            line = Line(reading.time, f"{reading.place} {at}", reading.candidate, reading.memory)
            yield from self.row_events(row, line)

    def worth(self, row: Row) -> bool:
        """Return whether a row may tell an event; any other only counts for the span."""
        del row
        return True

    def _row(self, text: str, fields: tuple[str, ...]) -> Row | None:
        values = text.split(self.separator)
        return dict(zip(fields, values, strict=False)) if fields and len(values) >= len(fields) else None


def _parts(stamp: str) -> datetime | None:
    date, _, clock = stamp.partition(" ")
    try:
        return naive_stamp([*(int(part) for part in date.split("-")), *(int(part) for part in clock[:8].split(":"))])
    except (ValueError, TypeError, IndexError):
        return None


_FIREWALL_FIELDS: Final = "date time action protocol src-ip dst-ip src-port dst-port size"


@dataclass(frozen=True)
class FirewallLog(FieldLog):
    """The Windows firewall's log, in local time: every connection is an event."""

    name: str = "windows-firewall-log"
    version: int = 2
    system: ClassVar[str] = "Windows firewall"
    default: ClassVar[tuple[str, ...]] = tuple(_FIREWALL_FIELDS.split())
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/logfiles/firewall/*firewall*.log*",
        "/windows/pfirewall.log*",
    )
    companion_suffixes: ClassVar[tuple[str, ...]] = ()

    def row_time(self, stamp: str, candidate: Candidate) -> datetime | None:
        """Read date and time, which are local."""
        naive = _parts(stamp)
        return from_local(naive, candidate.timezone) if naive is not None else None

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return the connection."""
        detail: dict[str, str | int] = {
            "decision": row.get("action", ""), "protocol": row.get("protocol", ""), "source": row.get("src-ip", ""),
        }  # fmt: skip
        detail |= {"direction": row["path"].lower()} if row.get("path", "-") != "-" else {}
        target = f"{row.get('dst-ip', '')}:{row.get('dst-port', '')}"
        yield line.event(Action.CONNECTION, target, zone=line.local, detail=detail)


@dataclass(frozen=True)
class IisLog(FieldLog):
    """IIS in the W3C format, in UTC: large answers and what clients sent. ``cs-bytes`` is only there when chosen."""

    name: str = "iis-log"
    version: int = 1
    system: ClassVar[str] = "web server"
    patterns: ClassVar[tuple[str, ...]] = (
        "/inetpub/logs/logfiles/*/*_ex*.log*", "/windows/system32/logfiles/*/*ex*.log*",
    )  # fmt: skip
    companion_suffixes: ClassVar[tuple[str, ...]] = ()

    def row_time(self, stamp: str, candidate: Candidate) -> datetime | None:
        """Read date and time in UTC."""
        del candidate
        naive = _parts(stamp)
        return parse_iso(f"{naive.isoformat()}+00:00") if naive is not None else None

    def worth(self, row: Row) -> bool:
        """Tell what is large, what was sent, and answers of a log without sizes."""
        sending = row.get("cs-method") in _SENDING
        return (
            sending or "sc-bytes" not in row or len(row["sc-bytes"]) >= _LARGE or len(row.get("cs-bytes", "")) >= _LARGE
        )

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return a request that sent data either way."""
        method, status = row.get("cs-method", ""), row.get("sc-status", "")
        size, received = count_of(row.get("sc-bytes")), count_of(row.get("cs-bytes"))
        upload = method in _SENDING and status.startswith("2")
        unknown = "sc-bytes" not in row and method == "GET" and status.startswith("2")
        if not upload and not unknown and max(size, received) < _MEBIBYTE:
            return
        detail: dict[str, str | int] = {"client": row.get("c-ip", ""), "status": status, "method": method}
        detail |= {"bytes": size} if "sc-bytes" in row else {"shows": "the log was not set to keep sizes"}
        detail |= {"received": received} if "cs-bytes" in row else {}
        user = row.get("cs-username", "-")
        yield line.event(
            Action.REQUEST_SERVED, without_query(row.get("cs-uri-stem", "")), meaning="request received",
            actor="" if user == "-" else user, detail=detail,
        )  # fmt: skip
