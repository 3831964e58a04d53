"""Windows event logs: records by the Rust reader, what it misses by libevtx, the audit by our own chunk walk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import ParseError as XmlError

import evtx
import pyevtx

from pipeline.artefacts.base import Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.artefacts.evtx_chunks import LogAudit, audit_log
from pipeline.artefacts.evtx_events import NUMBERS, tell
from pipeline.artefacts.evtx_xml import parse_fields
from pipeline.artefacts.times import parse_iso

__all__ = ["WindowsEventLog"]

_MOST_DATA: Final = 64
_NUMBER: Final = re.compile(r'"EventID":(?:\{[^{}]*(?:\{[^{}]*\})?[^{}]*"#text":)?"?(\d+)')
_CHANNEL: Final = re.compile(r'"Channel":"([^"\\]{1,200})"')


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    provider: str
    event_id: int
    channel: str
    time: datetime | None
    fields: Mapping[str, str]


@dataclass(frozen=True)
class WindowsEventLog(Artefact):
    """Reads the records that matter to a leak; all records count for the span."""

    name: str = "windows-event-log"
    version: int = 2
    patterns: ClassVar[tuple[str, ...]] = ("/windows/system32/winevt/logs/*.evtx", "/winnt/system32/winevt/logs/*.evtx")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit; a reader that stops early is told by the chunk audit."""
        audit = audit_log(candidate.content)
        channel, seen = _channel_of(candidate.path), set[int]()
        total, named = 0, ""
        for record in _fast(candidate, seen):
            total += 1
            if isinstance(record, _Record):
                yield from _event(record)
            else:
                named = named or record
        if total < audit.records:
            for late in _thorough(candidate, seen):
                yield from _event(late)
        if audit.damaged or not audit.readable:
            yield Trouble("event-log-damaged", f"{len(audit.gaps)} places of the log are lost; see its gaps")
        yield _audit(audit, named or channel)


def _channel_of(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0].replace("%4", "/")


def _audit(audit: LogAudit, channel: str) -> Audit:
    status = "unreadable" if not audit.readable else "damaged" if audit.damaged else "read"
    return Audit(
        system=channel, owner="", first=audit.span.first, last=audit.span.last, records=audit.records,
        gaps=tuple(audit.gaps), enabled="yes" if audit.records else "unknown", state_only=False, status=status,
    )  # fmt: skip


def _event(record: _Record) -> Iterator[Event]:
    told = tell(record.provider, record.event_id, record.channel, record.fields)
    if told is not None:
        yield Event(
            time=record.time, time_meaning="recorded", action=told.action, subject=told.subject, actor=told.actor,
            device=told.device, place=f"record {record.number}", precision_us=1, detail=told.detail,
        )  # fmt: skip


def _fast(candidate: Candidate, seen: set[int]) -> Iterator[_Record | str]:
    """Yield the records of interest, and of the others their channel."""
    try:
        parser: Any = evtx.PyEvtxParser(SeekableBytes(candidate.content))
        rows: Iterator[Mapping[str, Any]] = iter(parser.records_json())
    except (RuntimeError, OSError, ValueError):
        return
    failures = 0
    while failures < 10_000:
        try:
            row = next(rows)
        except StopIteration:
            return
        except (RuntimeError, OSError, ValueError):
            failures += 1
            continue
        seen.add(row["event_record_id"])
        yield _interesting(row)


def _interesting(row: Mapping[str, Any]) -> _Record | str:
    text = row["data"]
    number, channel = _NUMBER.search(text), _CHANNEL.search(text)
    name = channel.group(1) if channel is not None else ""
    if number is None or int(number.group(1)) not in NUMBERS:
        return name
    try:
        system = json.loads(text)["Event"]
        fields = dict(_flat(system))
        provider = system["System"]["Provider"]["#attributes"]["Name"]
        stamp = system["System"]["TimeCreated"]["#attributes"]["SystemTime"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return name
    fields.setdefault("Task", str(system["System"].get("Task", "")))
    time = parse_iso(str(stamp)) or parse_iso(str(row["timestamp"]).replace(" UTC", ""))
    return _Record(row["event_record_id"], str(provider), int(number.group(1)), name, time, fields)


def _flat(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the named values of EventData and UserData, however deep; values without a name, together, as ``Data``."""
    waiting: list[Any] = [event.get("EventData"), event.get("UserData")]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        for key, value in node.items():
            if isinstance(value, dict):
                waiting.append(value)
            elif key == "#text":
                yield "Data", "\n".join(map(str, value[:_MOST_DATA])) if isinstance(value, list) else str(value)
            elif key[:1] != "#" and value is not None and not isinstance(value, list):
                yield key, str(value)


def _thorough(candidate: Candidate, seen: set[int]) -> Iterator[_Record]:
    """Yield the records of interest that the fast reader did not give, also those libevtx recovers."""
    log = pyevtx.file()
    try:
        log.open_file_object(SeekableBytes(candidate.content))
    except OSError:
        return
    sources = (
        (log.get_number_of_records(), log.get_record),
        (log.get_number_of_recovered_records(), log.get_recovered_record),
    )
    for count, get in sources:
        for index in range(count):
            try:
                found = get(index)
                number, event_id = found.get_identifier(), found.get_event_identifier()
                if number in seen or event_id not in NUMBERS:
                    continue
                seen.add(number)
                yield _from_xml(number, event_id, parse_fields(found.get_xml_string()))
            except (OSError, ValueError, XmlError, OverflowError, MemoryError):
                continue


def _from_xml(number: int, event_id: int, root: tuple[Element, Mapping[str, str]]) -> _Record:
    head, fields = root
    texts = {child.tag: (child.text or "") for child in head}
    fields = {"Task": texts.get("Task", ""), **fields}
    provider = next((child.get("Name", "") for child in head if child.tag == "Provider"), "")
    stamp = next((child.get("SystemTime", "") for child in head if child.tag == "TimeCreated"), "")
    return _Record(number, provider, event_id, texts.get("Channel", ""), parse_iso(stamp), fields)
