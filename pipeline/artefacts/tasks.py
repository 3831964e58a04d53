"""Scheduled tasks: what was to run, for whom, since when; the old format also says when it ran last.

SOURCE: [MS-TSCH] 2.4.1 and 2.4.2 (``.job``: strings from the offset at 20, triggers of 48 bytes at the one at 22,
last run as a local SYSTEMTIME at 52), 2.5 (XML of the task).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, XMLParser
from xml.etree.ElementTree import ParseError as XmlError

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.commands import mask_secrets
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_local, parse_iso
from pipeline.errors import ParseError

__all__ = ["JobFile", "TaskFile"]

_LARGEST: Final = 4 << 20
_FOLDER: Final = re.compile(r"(?:/windows\.old[^/]*)?/windows/(?:system32|syswow64)/tasks/.")
_MOST: Final = 1000
_TRIGGER, _SIGNATURE = 48, 68
"""Bytes of a trigger, and of the signature that may stand behind the last one."""
_KEPT: Final = {
    "Author": "author",
    "UserId": "account",
    "GroupId": "group",
    "URI": "task",
    "WorkingDirectory": "folder",
}
_SPACE: Final = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@dataclass(frozen=True)
class JobFile(Artefact):
    """Reads ``.job`` of Windows XP to 7."""

    name: str = "job-file"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/windows/tasks/*.job", "/winnt/tasks/*.job")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the last run and each trigger, then the audit; the file is written anew at every run."""
        reading = Reading("Windows task scheduler")
        yield from reading.facts(_job(candidate, reading))


@dataclass(frozen=True)
class TaskFile(Artefact):
    """Reads the XML of a task, Windows Vista and later."""

    name: str = "task-file"
    version: int = 1

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path lies in the folder of tasks, however deep."""
        del system
        return "/tasks/" in path and _FOLDER.match(path if path.startswith("/") else f"/{path}") is not None

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per action of the task, then the audit; a changed task keeps its first date."""
        reading = Reading("Windows task scheduler")
        yield from reading.facts(_task(candidate, reading))


def _job(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    if len(data) < 70 or struct.unpack_from("<H", data, 2)[0] != 1:
        message = "no header of a job file"
        raise ParseError(message)
    names, triggers = struct.unpack_from("<HH", data, 20)
    texts = []
    for _ in range(5):
        (length,) = struct.unpack_from("<H", data, names)
        raw = data[names + 2 : names + 2 + 2 * length]
        if len(raw) < 2 * length:
            reading.lose("the job's strings are cut off")
        texts.append(raw.decode("utf-16-le", "replace").rstrip("\0"))
        names += 2 + 2 * length
    program, arguments, folder, author, comment = texts
    subject = mask_secrets(f"{program} {arguments}".strip())
    detail: dict[str, str | int] = {"author": author, "folder": folder, "comment": comment}
    detail = {key: value for key, value in detail.items() if value}
    run = _system_time(struct.unpack_from("<8H", data, 52), candidate.timezone)
    zone = f"local {candidate.timezone}"
    if run is None and any(data[52:68]):
        reading.lose("the time of the last run is destroyed")
    if run is not None:
        reading.span.add(run)
        code = struct.unpack_from("<I", data, 40)[0]
        yield Event(
            time=run, time_meaning="task ran last", action=Action.PROGRAM_RUN, subject=subject, place="last run",
            precision_us=1000, zone=zone, detail=detail | {"exit_code": code},
        )  # fmt: skip
    (count,) = struct.unpack_from("<H", data, triggers)
    if len(data) - triggers - 2 - _TRIGGER * count not in (0, _SIGNATURE):
        reading.lose("the job's triggers are cut off or destroyed")
    for number in range(min(count, _MOST)):
        year, month, day, _, _, _, hour, minute = struct.unpack_from("<8H", data, triggers + 2 + _TRIGGER * number + 4)
        begin = _system_time((year, month, 0, day, hour, minute, 0, 0), candidate.timezone)
        reading.span.add(None)
        yield Event(
            time=begin, time_meaning="task due from", action=Action.TASK_SCHEDULED, subject=subject,
            place=f"trigger {number}", precision_us=60_000_000, zone=zone, detail=detail,
        )  # fmt: skip


def _system_time(parts: tuple[int, ...], timezone: str) -> datetime | None:
    year, month, _, day, hour, minute, second, thousandth = parts
    try:
        naive = datetime(year, month, day, hour, minute, second, thousandth * 1000)  # noqa: DTZ001 - local by design
    except ValueError:
        return None
    return from_local(naive, timezone)


def _task(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    root = _parsed(candidate.content.read(0, min(candidate.content.size, _LARGEST)))
    texts = {node.tag.removeprefix(_SPACE): (node.text or "").strip() for node in root.iter()}
    detail: dict[str, str | int] = {key: texts[name] for name, key in _KEPT.items() if texts.get(name)}
    starts = [(node.text or "").strip() for node in root.iter(f"{_SPACE}StartBoundary")][:8]
    detail |= {"due_from": ",".join(starts)} if starts else {}
    time, zone = _date(texts.get("Date", ""), candidate)
    actions = [*root.iter(f"{_SPACE}Exec"), *root.iter(f"{_SPACE}ComHandler")][:_MOST]
    if not actions:
        reading.lose("the task states no action")
    for number, action in enumerate(actions):
        reading.span.add(time)
        words = [action.findtext(f"{_SPACE}{name}") or "" for name in ("Command", "Arguments", "ClassId")]
        yield Event(
            time=time, time_meaning="task registered" if texts.get("Date") else "task's file written",
            action=Action.TASK_SCHEDULED, subject=mask_secrets(" ".join(word for word in words if word)),
            place=f"action {number}", zone=zone, detail=detail,
        )  # fmt: skip


def _parsed(data: bytes) -> Element:
    """Return the root of the XML.

    Raises:
        ParseError: it is no task, is damaged, or declares entities.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if wide else "utf-8-sig", "replace")
    body = text[text.find("?>") + 2 :] if text.lstrip().startswith("<?xml") else text
    if "<!DOCTYPE" in body or "<!ENTITY" in body:
        message = "the task's XML declares entities"
        raise ParseError(message)
    parser = XMLParser()  # noqa: S314 - entities are refused above
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (XmlError, ValueError) as error:
        message = "the task's XML is damaged or cut off"
        raise ParseError(message) from error
    if root.tag != f"{_SPACE}Task":
        message = "the XML is no task"
        raise ParseError(message)
    return root


def _date(text: str, candidate: Candidate) -> tuple[datetime | None, str]:
    """Return when the task was registered: with an offset, or in local time; else when its file was written."""
    if not text:
        return candidate.modified, "UTC"
    exact = parse_iso(text)
    if exact is not None:
        return exact, "UTC"
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return None, "UTC"
    return from_local(naive.replace(tzinfo=None), candidate.timezone), f"local {candidate.timezone}"
