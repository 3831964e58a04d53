"""Prefetch: which program ran how often and when, from which volumes, and which files it touched at its start.

Read by libscca (versions 17, 23, 26, 30 and 31, also compressed). SOURCE: Joachim Metz, "Windows Prefetch File (PF)
format": header (version, SCCA, file size at 12), MAM with LZXPRESS Huffman.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pyscca

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["ProgramPrefetch"]

_LARGEST: Final = 16 << 20
"""Bytes of one file; Windows' own stay under a few megabytes."""
_MOST_RUNS: Final = 8
_MOST_VOLUMES: Final = 64
_MOST_FILES: Final = 65_536
_MOST_NAMED: Final = 200
_DOCUMENT: Final = re.compile(
    r"\.(?:csv|tsv|txt|xlsx?|xlsm|docx?|pptx?|pdf|rtf|od[st]|mdb|accdb|zip|7z|rar|lzh|tar|gz|pst|ost|eml|msg|db|sqlite|json|xml)$",
    re.IGNORECASE,
)
_DEVICE: Final = re.compile(r"(\\VOLUME\{[0-9A-F]+-[0-9A-F]+\}|\\DEVICE\\[^\\]+)(\\.*)", re.IGNORECASE)


@dataclass(frozen=True)
class ProgramPrefetch(Artefact):
    """Reads one file per program; each recorded run is an event."""

    name: str = "prefetch"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/windows/prefetch/*.pf", "/winnt/prefetch/*.pf")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the last runs, then the audit; older runs and evicted programs are not on record."""
        reading = Reading("Windows prefetch")
        yield from reading.facts(_runs(candidate, reading))


def _runs(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    if candidate.content.size > _LARGEST:
        message = f"larger than any prefetch file ({_LARGEST} bytes)"
        raise ParseError(message)
    _check(candidate, reading)
    file = pyscca.file()
    file.open_file_object(SeekableBytes(candidate.content))
    detail: dict[str, str | int] = {
        "hash": f"{file.get_prefetch_hash():08X}", "run_count": file.get_run_count(), "version": file.format_version,
    }  # fmt: skip
    volumes = dict(_volumes(file, detail, reading))
    detail |= _files(file, volumes, reading)
    runs = 1 if file.format_version < 26 else _MOST_RUNS
    stamps = [file.get_last_run_time_as_integer(number) for number in range(runs)]
    if not any(stamps):
        reading.lose("no time of a run is on record")
    for number, stamp in enumerate(stamps):
        if stamp:
            time = from_filetime(stamp)
            reading.span.add(time)
            yield Event(
                time=time, time_meaning="ran last" if number == 0 else "ran before", action=Action.PROGRAM_RUN,
                subject=_program(file, detail), place=f"run {number}", precision_us=1,
                detail=detail if number == 0 else {key: detail[key] for key in ("hash", "run_count", "version")},
            )  # fmt: skip


def _check(candidate: Candidate, reading: Reading) -> None:
    """Compare the size that a plain file states with its bytes."""
    head = candidate.content.read(0, min(84, candidate.content.size))
    if head[4:8] == b"SCCA" and struct.unpack_from("<I", head, 12)[0] > candidate.content.size:
        reading.lose("the file is cut off")


def _program(file: Any, detail: dict[str, str | int]) -> str:
    return str(detail.get("program") or file.get_executable_filename() or "")


def _volumes(file: Any, detail: dict[str, str | int], reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield device path and serial number of each volume; the first is the detail's ``volume_serial``."""
    for number in range(min(file.get_number_of_volumes(), _MOST_VOLUMES)):
        try:
            volume = file.get_volume_information(number)
            path, serial = volume.get_device_path() or "", f"{volume.get_serial_number():08X}"
            created = from_filetime(volume.get_creation_time_as_integer())
        except OSError:
            reading.lose(f"volume {number} cannot be read")
            continue
        suffix = f"_{number}" if number else ""
        detail[f"volume_serial{suffix}"] = serial
        if created is not None:
            detail[f"volume_created{suffix}"] = created.isoformat()
        yield path.upper(), serial


def _files(file: Any, volumes: dict[str, str], reading: Reading) -> dict[str, str | int]:
    """Return the program's own path, the number of files, and the documents and files of other volumes among them.

    The system's volume is the one that ntdll.dll, part of every process, came from.
    """
    names = list(_names(file, reading))
    title = (file.get_executable_filename() or "").upper()
    home = next((device for device, path in names if path.upper().endswith("\\SYSTEM32\\NTDLL.DLL")), None)
    shown = [(f"{volumes.get(device, device)}:{path}" if device else path) for device, path in names]
    own = (one for one in shown if title and one.upper().rpartition("\\")[2].startswith(title))
    named = [
        one
        for (device, path), one in zip(names, shown, strict=True)
        if (home is not None and device and device != home) or _DOCUMENT.search(path)
    ]
    detail: dict[str, str | int] = {"files": len(names)}
    program = next(own, "")
    detail |= {"program": program} if program else {}
    if named:
        detail |= {"documents": "\n".join(named[:_MOST_NAMED]), "documents_count": len(named)}
    return detail


def _names(file: Any, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield device (upper case; empty where the name has none) and path of each file."""
    for number in range(min(file.get_number_of_filenames(), _MOST_FILES)):
        try:
            name = file.get_filename(number) or ""
        except OSError:
            reading.lose(f"name {number} of the files cannot be read")
            continue
        found = _DEVICE.fullmatch(name)
        yield (found.group(1).upper(), found.group(2)) if found is not None else ("", name)
