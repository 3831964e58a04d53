"""Programs that Windows' compatibility services noted: when each was started last, and how some of them ended.

SOURCE: A. Rathbun and L. Toscano, "New Windows 11 Pro (22H2) Evidence of Execution Artifact" (2022):
PcaAppLaunchDic.txt ``path|time``, PcaGeneralDb ``time|kind|path|product|company|version|program id|message``, times in
UTC; Joachim Metz, "RecentFileCache format": entries behind 20 bytes, each length in characters, path, terminator;
Microsoft, "WER": Report.wer.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["CompatibilityLog", "CrashReport", "RecentFiles"]

_LARGEST: Final = 64 << 20
_CACHE: Final = bytes.fromhex("feffeeff")
_HEAD: Final = 20
_PAIR: Final = re.compile(r"^([^=\r\n]{1,200})=([^\r\n]{0,4000})", re.MULTILINE)


@dataclass(frozen=True)
class CompatibilityLog(Artefact):
    """Reads the texts of the Program Compatibility Assistant (Windows 11)."""

    name: str = "compatibility-assistant"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/appcompat/pca/pcaapplaunchdic.txt", "/windows/appcompat/pca/pcageneraldb*.txt",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per line, then the audit; the dictionary holds each program's last start."""
        reading = Reading("Program Compatibility Assistant")
        yield from reading.facts(_lines(candidate, reading))


@dataclass(frozen=True)
class RecentFiles(Artefact):
    """Reads RecentFileCache.bcf (Windows 7): programs met since the last daily inventory."""

    name: str = "recent-file-cache"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/windows/appcompat/programs/recentfilecache.bcf",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per program, dated when the file was written last, then the audit."""
        reading = Reading("RecentFileCache")
        yield from reading.facts(_recent(candidate, reading))


@dataclass(frozen=True)
class CrashReport(Artefact):
    """Reads Report.wer: a program that failed, and so ran, at a time."""

    name: str = "crash-report"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/programdata/microsoft/windows/wer/report*/*/report.wer",
        "/users/*/appdata/local/microsoft/windows/wer/report*/*/report.wer",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the failure, then the audit."""
        reading = Reading("Windows Error Reporting", owner_of(candidate.path))
        yield from reading.facts(_crash(candidate, reading))


def _whole(candidate: Candidate) -> bytes:
    if not 0 < candidate.content.size <= _LARGEST:
        message = f"the file is empty or larger than {_LARGEST} bytes"
        raise ParseError(message)
    return candidate.content.read(0, candidate.content.size)


def _text(data: bytes) -> str:
    wide = data[:2] == b"\xff\xfe" or data[1:2] == b"\0"
    return data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-16-le" if wide else "utf-8-sig", "replace")


def _lines(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    for number, line in enumerate(_text(_whole(candidate)).rstrip("\0").splitlines(), 1):
        parts = line.split("|")
        path, stamp = (parts[0], parts[1]) if len(parts) == 2 else (parts[2], parts[0]) if len(parts) >= 8 else ("", "")
        time = _utc(stamp)
        if not path or time is None or "\0" in line:
            if line.strip(" "):
                reading.lose(f"line {number} is no entry")
            continue
        detail: dict[str, str | int] = {"program": path}
        if len(parts) >= 8:
            named = zip(("product", "company", "program_version", "message"), (*parts[3:6], parts[7]), strict=True)
            detail |= {name: value for name, value in named if value}
        reading.span.add(time)
        meaning = "started last" if len(parts) == 2 else "ended or installed"
        yield Event(
            time=time, time_meaning=meaning, action=Action.PROGRAM_RUN, subject=path, place=f"line {number}",
            precision_us=1000, detail=detail,
        )  # fmt: skip


def _utc(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        return None
    return value if 1980 <= value.year < 2100 else None


def _recent(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data, at = _whole(candidate), _HEAD
    if data[:4] != _CACHE or len(data) < _HEAD:
        message = "the header is destroyed"
        raise ParseError(message)
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        raw = data[at + 4 : at + 4 + 2 * length]
        if not length or len(raw) < 2 * length:
            break
        reading.span.add(candidate.modified)
        yield Event(
            time=candidate.modified, time_meaning="listed when the file was written last",
            action=Action.PROGRAM_PRESENT, subject=raw.decode("utf-16-le", "replace"), place=f"byte {at}",
        )  # fmt: skip
        at += 6 + 2 * length
    if at != len(data):
        reading.lose(f"behind byte {min(at, len(data))} the list is cut off or destroyed")


def _crash(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    found = dict(_PAIR.findall(_text(_whole(candidate))))
    stamp = found.get("EventTime", "")
    time = from_filetime(int(stamp)) if stamp.isdigit() and len(stamp) < 20 else None
    if time is None or "EventType" not in found:
        message = "the report names no time and kind of event"
        raise ParseError(message)
    reading.span.add(time)
    kept = {"EventType": "kind", "AppName": "product", "FriendlyEventName": "message", "TargetAppId": "app_id"}
    detail: dict[str, str | int] = {name: found[key] for key, name in kept.items() if found.get(key)}
    yield Event(
        time=time, time_meaning="failed", action=Action.PROGRAM_RUN, place="report", precision_us=1,
        subject=found.get("AppPath") or found.get("NsAppName") or found.get("Sig[0].Value", ""),
        actor=owner_of(candidate.path), detail=detail,
    )  # fmt: skip
