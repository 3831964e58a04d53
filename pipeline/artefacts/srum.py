"""SRUM: bytes that each program sent and received, hour by hour; what it read and wrote; networks joined.

A row sums up the time before its stamp, an hour at most: it is written every hour and at shutdown. SOURCE: Yogesh
Khatri, "Forensic implications of System Resource Usage Monitor (SRUM) data in Windows 8" (2015): tables of the
providers, SruDbIdMapTable (types 0 to 2 text, 3 a SID); Joachim Metz, "System Resource Usage Monitor (SRUM) database".
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.ese import Database, Row, opened, stamp_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime

__all__ = ["ResourceUsage", "sid_of"]

_NETWORK: Final = "{973F5D5C-1D90-4944-BE8E-94B24110A174}"
_CONNECTED: Final = "{DD6636C4-8929-4683-974E-22C046A43763}"
_RESOURCES: Final = "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}"
_HOUR: Final = timedelta(hours=1)
_QUIET: Final = timedelta(minutes=90)
"""The longest time between two writings that is no hole."""
_MOST_NAMES: Final = 1_000_000
_MOST_ROWS: Final = 2_000_000
_STEP_S: Final = 300
_MOST_HOLES: Final = 1000


@dataclass(frozen=True)
class ResourceUsage(Artefact):
    """Reads the three tables that say what left the host, what ran and where it was connected."""

    name: str = "srum"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/windows/system32/sru/srudb.dat",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per row, then the audit: hours without any row are holes, whether the host was off or not."""
        reading = Reading("Windows SRUM", state_only=False)
        yield from reading.facts(_events(candidate, reading))


def _events(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    database, clean = opened(candidate, reading)
    names = _names(database)
    stamps = set[datetime]()
    kinds: tuple[tuple[str, Callable[[Row, datetime, Mapping[int, str]], Event]], ...] = (
        (_NETWORK, _sent), (_CONNECTED, _joined), (_RESOURCES, _ran),
    )  # fmt: skip
    if _NETWORK not in set(database.names()):
        reading.miss("the table of bytes sent is absent: this system does not record them")
    for table, told in kinds:
        numbers, seconds = array("q"), array("q")
        for row in database.rows(table):
            time, number = stamp_of(row.get("TimeStamp")), row.get("AutoIncId")
            reading.span.add(time)
            if time is None or not isinstance(number, int):
                reading.lose("a row's time or number is destroyed")
            elif len(numbers) < _MOST_ROWS:
                numbers.append(number)
                seconds.append(round(time.timestamp()))
                stamps.add(time)
                yield told(row, time, names)
            else:
                reading.lose(f"more than {_MOST_ROWS} rows in a table", time)
                break
        _sequence(numbers, seconds, reading)
    _holes(sorted(stamps), reading)
    if not clean:
        reading.lose("the database was not closed; the last hour may stand in its logs only", reading.span.last)


def _sequence(numbers: array[int], seconds: array[int], reading: Reading) -> None:
    """Compare rows in the order they were written in: a number missing is a row removed, a time too early a step."""
    order = np.argsort(np.frombuffer(numbers, dtype=np.int64), kind="stable")
    number, second = np.frombuffer(numbers, np.int64)[order], np.frombuffer(seconds, np.int64)[order]
    odd = np.flatnonzero((np.diff(number) > 1) | (np.diff(second) < -_STEP_S))
    for place in odd[:_MOST_HOLES]:
        before, after = int(number[place]), int(number[place + 1])
        earlier, later = (datetime.fromtimestamp(int(second[at]), UTC) for at in (place, place + 1))
        start, end = min(earlier, later), max(earlier, later)
        if after > before + 1:
            reading.miss(f"{after - before - 1} rows behind row {before} are removed", start, end)
        if (earlier - later).total_seconds() > _STEP_S:
            reading.miss("the clock went backwards between two rows", start, end)


def _holes(stamps: list[datetime], reading: Reading) -> None:
    for before, after in pairwise(stamps):
        if after - before > _QUIET:
            reading.miss("no hour is recorded: the host was off, or nothing was recorded", before, after - _HOUR)


def _names(database: Database) -> dict[int, str]:
    """Return programs and users by their number."""
    names: dict[int, str] = {}
    for row in database.rows("SruDbIdMapTable", "IdType", "IdIndex", "IdBlob"):
        number, blob = row.get("IdIndex"), row.get("IdBlob")
        if isinstance(number, int) and isinstance(blob, bytes) and len(names) < _MOST_NAMES:
            names[number] = sid_of(blob) if row.get("IdType") == 3 else _text(blob)
    return names


def _text(blob: bytes) -> str:
    return blob.decode("utf-16-le", "replace").split("\0", 1)[0].strip()


def sid_of(blob: bytes) -> str:
    """Return a security identifier as text, [MS-DTYP] 2.4.2; empty where the bytes are none."""
    if len(blob) < 8 or blob[1] > 15 or len(blob) < 8 + 4 * blob[1]:
        return ""
    parts = struct.unpack_from(f"<{blob[1]}I", blob, 8)
    return "-".join(["S", str(blob[0]), str(int.from_bytes(blob[2:8], "big")), *map(str, parts)])


def _number(row: Row, *names: str) -> int:
    return sum(value for value in (row.get(name) for name in names) if isinstance(value, int) and value > 0)


def _event(row: Row, time: datetime, names: Mapping[int, str], table: str, told: Event) -> Event:
    """Complete an event with program, user and place."""
    program = names.get(_number(row, "AppId"), "")
    return Event(
        time=time - _HOUR if told.time is None else told.time, time_meaning=told.time_meaning, action=told.action,
        subject=told.subject or program, place=f"{table} row {row.get('AutoIncId')}", precision_us=told.precision_us,
        actor=names.get(_number(row, "UserId"), ""),
        detail={**({"program": program} if program else {}), "recorded": time.isoformat(), **told.detail},
    )  # fmt: skip


def _summed(action: Action, detail: dict[str, str | int], subject: str = "") -> Event:
    return Event(
        time=None, time_meaning="in the hour before the record", action=action, subject=subject, place="",
        precision_us=3_600_000_000, detail=detail,
    )  # fmt: skip


def _sent(row: Row, time: datetime, names: Mapping[int, str]) -> Event:
    detail: dict[str, str | int] = {"bytes": _number(row, "BytesSent"), "received": _number(row, "BytesRecvd")}
    detail |= {"interface": f"{_number(row, 'InterfaceLuid'):X}", "network": _number(row, "L2ProfileId")}
    return _event(row, time, names, "network", _summed(Action.DATA_SENT, detail))


def _ran(row: Row, time: datetime, names: Mapping[int, str]) -> Event:
    detail: dict[str, str | int] = {
        "read": _number(row, "ForegroundBytesRead", "BackgroundBytesRead"),
        "written": _number(row, "ForegroundBytesWritten", "BackgroundBytesWritten"),
    }
    return _event(row, time, names, "resources", _summed(Action.PROGRAM_RUN, detail))


def _joined(row: Row, time: datetime, names: Mapping[int, str]) -> Event:
    start = from_filetime(_number(row, "ConnectStartTime"))
    detail: dict[str, str | int] = {
        "seconds": _number(row, "ConnectedTime"), "interface": f"{_number(row, 'InterfaceLuid'):X}",
    }  # fmt: skip
    subject = f"network {_number(row, 'L2ProfileId')}"
    told = Event(
        time=start, time_meaning="connected" if start is not None else "in the hour before the record",
        action=Action.NETWORK_JOINED, subject=subject, place="", detail=detail,
    )  # fmt: skip
    return _event(row, time, names, "connectivity", told)
