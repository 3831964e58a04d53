"""Print jobs that wait, or were kept, in Windows' spooler: document, user, host, printer, pages, time.

SOURCE: C. Lindemann, "Windows 2000 SHD Spoolfile Format" (2003) and undocprint.org, "SHD": header of 2000, XP (0x4967)
and 2003 (0x4968): offsets of texts from 20 on, SYSTEMTIME (UTC) at 60, pages at 88, host at 112; C. Katsavounidis,
"SHD spool shadow file" (WinHex template): 64-bit header of Vista to 11 (0x5123): offsets of texts from 24 on,
SYSTEMTIME at 104, pages at 132. [MS-EMFSPOOL] 2.2.2: header of a spool file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.reading import Reading
from pipeline.errors import ParseError

__all__ = ["SpoolFile", "SpoolJob"]

_FOLDER: Final = "/windows/system32/spool/printers"
_LARGEST: Final = 1 << 20
_OLD: Final = frozenset({0x4967, 0x4968})
_NEW: Final = 0x5123
_EMF: Final = 0x00010000


@dataclass(frozen=True, slots=True)
class _Layout:
    """Places of the job's number, of the offsets of its texts (user, document, port, printer, driver), time, pages."""

    job: int
    texts: tuple[int, int, int, int, int]
    time: int
    pages: int
    host: int


_NARROW: Final = _Layout(job=12, texts=(20, 28, 32, 36, 40), time=60, pages=88, host=112)
_WIDE: Final = _Layout(job=12, texts=(24, 40, 48, 56, 64), time=104, pages=132, host=0)


@dataclass(frozen=True)
class SpoolJob(Artefact):
    """Reads ``.SHD``, what the spooler knows of a job; ``.SPL`` beside it is what was, or is to be, printed."""

    name: str = "spool-job"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (f"{_FOLDER}/*.shd",)

    def beside(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the path of the spool file."""
        yield "spl", f"{path[:-4]}.SPL"

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the job, then the audit; a job that was printed leaves no file unless the printer keeps documents."""
        reading = Reading("Windows print spooler")
        yield from reading.facts(_job(candidate, reading))


@dataclass(frozen=True)
class SpoolFile(Artefact):
    """Reads the document's name in a ``.SPL`` whose ``.SHD`` is gone."""

    name: str = "spool-file"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (f"{_FOLDER}/*.spl",)

    def beside(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the path of the shadow file."""
        yield "shd", f"{path[:-4]}.SHD"

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the job where nothing else tells of it, then the audit."""
        reading = Reading("Windows print spooler")
        yield from reading.facts(_spooled(candidate, reading))


def _job(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    signature = int.from_bytes(data[:4], "little")
    layout = _WIDE if signature == _NEW else _NARROW
    if signature not in _OLD | {_NEW} or len(data) < layout.pages + 4:
        message = "no header of a shadow file of a known Windows"
        raise ParseError(message)
    user, document, port, printer, driver = (_text(data, place, reading) for place in layout.texts)
    time = _time(data, layout.time)
    if time is None:
        reading.lose("the time of the job is destroyed")
    reading.span.add(time)
    (job,), (pages,) = struct.unpack_from("<I", data, layout.job), struct.unpack_from("<I", data, layout.pages)
    detail: dict[str, str | int] = {"job": job, "pages": pages, "printer": printer, "port": port, "driver": driver}
    if layout.host and len(data) >= layout.host + 4:
        detail["host"] = _text(data, layout.host, reading).lstrip("\\")
    spool = candidate.companions.get("spl")
    detail |= {"bytes": spool.size} if spool is not None else {"content": "no spool file beside it"}
    yield Event(
        time=time, time_meaning="job submitted", action=Action.PRINTED, subject=document, place=f"job {job}",
        precision_us=1000, actor=user, detail={key: value for key, value in detail.items() if value != ""},
    )  # fmt: skip


def _text(data: bytes, place: int, reading: Reading) -> str:
    (at,) = struct.unpack_from("<I", data, place)
    if not at:
        return ""
    if not place < at < len(data):
        reading.lose("a text of the job is cut off")
        return ""
    return data[at:].decode("utf-16-le", "replace").split("\0", 1)[0]


def _time(data: bytes, place: int) -> datetime | None:
    year, month, _, day, hour, minute, second, thousandth = struct.unpack_from("<8H", data, place)
    if not 1980 <= year < 2100:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, thousandth * 1000, tzinfo=UTC)
    except ValueError:
        return None


def _spooled(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    if "shd" in candidate.companions:
        reading.span.add(candidate.modified)
        return
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    if not data:
        message = "the spool file is empty"
        raise ParseError(message)
    version, _, document, printer = struct.unpack_from("<4I", data) if len(data) >= 16 else (0, 0, 0, 0)
    emf = version == _EMF
    detail: dict[str, str | int] = {"bytes": candidate.content.size, "content": "EMF" if emf else "raw"}
    if emf and 16 <= printer < len(data):
        detail["printer"] = data[printer:].decode("utf-16-le", "replace").split("\0", 1)[0]
    name = data[document:].decode("utf-16-le", "replace").split("\0", 1)[0] if emf and document >= 16 else ""
    reading.span.add(candidate.modified)
    yield Event(
        time=candidate.modified, time_meaning="spool file written last", action=Action.PRINTED, subject=name,
        place="spool file", detail=detail,
    )  # fmt: skip
