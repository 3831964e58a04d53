"""Timelines as other tools read them: text, CSV, JSON lines of Timesketch, bodyfile of The Sleuth Kit.

SOURCE: Timesketch, "Import from CSV or JSONL" (``message``, ``datetime``, ``timestamp_desc`` must be there;
``timestamp`` is in microseconds); The Sleuth Kit, "Body file" version 3, in seconds since 1970:
MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.exporters.text import neutral

__all__ = ["FORMATS", "body_of_file", "rendered"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 10_000
_PRECISIONS: Final = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1000, "ms"))
_BODY_KINDS: Final = {"directory": "d/drwxrwxrwx", "link": "l/lrwxrwxrwx"}


def rendered(moments: Iterable[Any], form: str, zone: ZoneInfo) -> Iterator[str]:
    """Yield a timeline's lines, with their ends, in one of :data:`FORMATS`; times of text are in the case's zone."""
    yield from FORMATS[form](moments, zone)


def _time(moment: Any) -> datetime | None:
    return None if moment.time_us is None else _EPOCH + timedelta(microseconds=moment.time_us)


def _precision(microseconds: int) -> str:
    """Return a precision in its largest whole unit: ``2 s``, ``1 d``, ``100 us``."""
    for unit, name in _PRECISIONS:
        if microseconds >= unit and microseconds % unit == 0:
            return f"{microseconds // unit} {name}"
    return f"{microseconds} us"


def _text(moments: Iterable[Any], zone: ZoneInfo) -> Iterator[str]:
    for moment in moments:
        time = _time(moment)
        stamp = "no time".ljust(32) if time is None else time.astimezone(zone).isoformat(timespec="microseconds")
        width = "" if time is None or moment.precision_us < 1_000_000 else f" +{_precision(moment.precision_us)}"
        told = (("by", moment.actor), ("device", moment.device))
        who = "".join(f" {name}={neutral(value)}" for name, value in told if value)
        yield (
            f"{stamp}{width} {moment.exhibit} {moment.artefact} {moment.action}: {neutral(moment.subject)}{who}"
            f" ({neutral(moment.time_meaning)}; {neutral(moment.zone)}) {moment.id}\n"
        )


def _csv(moments: Iterable[Any], zone: ZoneInfo) -> Iterator[str]:
    del zone
    names: list[str] = []
    for moment in moments:
        row = {"datetime": _iso(moment)} | {key: value for key, value in asdict(moment).items() if key != "time_us"}
        if not names:
            names = list(row)
            yield "\ufeff" + _csv_line(names)
        yield _csv_line([_cell(value) for value in row.values()])


def _csv_line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue()


def _cell(value: object) -> object:
    """Keep spreadsheets from running evidence."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _iso(moment: Any) -> str:
    time = _time(moment)
    return "" if time is None else time.isoformat(timespec="microseconds")


def _timesketch(moments: Iterable[Any], zone: ZoneInfo) -> Iterator[str]:
    del zone
    for moment in moments:
        if moment.time_us is None:
            continue
        row: dict[str, Any] = {
            "message": f"[{moment.exhibit}] {moment.action}: {neutral(moment.subject)}", "datetime": _iso(moment),
            "timestamp": moment.time_us, "timestamp_desc": moment.time_meaning,
            "data_type": f"akashi:{moment.artefact}",
        }  # fmt: skip
        row |= {f.name: getattr(moment, f.name) for f in fields(moment) if f.name not in {"time_us", "time_meaning"}}
        yield json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"


def _bodyfile(moments: Iterable[Any], zone: ZoneInfo) -> Iterator[str]:
    del zone
    for moment in moments:
        if moment.time_us is not None:
            name = f"[{moment.exhibit}] {moment.artefact} {moment.action}: {moment.subject} ({moment.time_meaning})"
            yield f"0|{_name(name)}|0||0|0|0|0|{moment.time_us // 1_000_000}|0|0\n"


def body_of_file(row: Mapping[str, Any]) -> str:
    """Return the line of a file, whose times are in seconds since 1970; one that is not kept is 0."""
    gone = "" if row["origin"] == "allocated" else f" ({row['origin']})"
    stream = f":{row['stream']}" if row["stream"] else ""
    times = "|".join(str(row[name]) for name in ("accessed", "modified", "changed", "created"))
    name = _name(f"[{row['exhibit']}] {row['path']}{stream}{gone}")
    kind = _BODY_KINDS.get(row["kind"], "r/rrwxrwxrwx")
    return f"{row['md5'] or 0}|{name}|{row['meta']}|{kind}|0|0|{row['size']}|{times}\n"


def _name(text: str) -> str:
    """Keep a name from being taken for columns or lines."""
    return neutral(text, longest=_LONGEST).replace("|", "⟦U+007C⟧")


FORMATS: Final[Mapping[str, Callable[[Iterable[Any], ZoneInfo], Iterator[str]]]] = {
    "text": _text, "csv": _csv, "jsonl": _timesketch, "bodyfile": _bodyfile,
}  # fmt: skip
