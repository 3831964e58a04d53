"""Logs of clients that send files: Google Drive's sync log, azcopy, the gcloud tools, FileZilla.

SOURCE: Backup and Sync ``sync_log.log`` (``Worker successfully completed [ImmutableChange(Direction…, Action…``; a
volume stands there by its serial as a decimal number), azcopy ste ``UPLOADSUCCESSFUL``, gcloud's ``logs/*/*.log``,
FileZilla's ``filezilla.log`` (written only when it is switched on).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.linelog import Line, LineLog, naive_stamp
from pipeline.artefacts.times import from_local, parse_iso
from pipeline.artefacts.upload_sites import without_query

__all__ = ["AzcopyLog", "FileZillaLog", "GcloudLog", "GoogleSyncLog"]

_PARTS: Final = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
_CHANGE: Final = re.compile(
    rb"Worker successfully completed \[ImmutableChange\(Direction\.(\w{1,16}), Action\.(\w{1,16}), ([^\n]*)"
)
_NAMED: Final = re.compile(rb"\b(path|name|volume|size|is_folder|doc_id)=(?:u?'((?:[^'\\\n]|\\.)*)'|(\w{1,20}))")
_UPLOADED: Final = frozenset(("CREATE", "MODIFY"))


def _naive(stamp: bytes) -> datetime | None:
    try:
        return naive_stamp([int(stamp[a:b]) for a, b in _PARTS])
    except ValueError:
        return None


def _local(stamp: bytes, candidate: Candidate) -> datetime | None:
    naive = _naive(stamp)
    return from_local(naive, candidate.timezone) if naive is not None else None


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace").rstrip("\r")


def _plain(raw: bytes) -> str:
    r"""Return a Python string literal's text, as far as ``\\`` and ``\'`` and ``\u`` go."""
    text = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), _text(raw))
    return re.sub(r"\\([\\'])", r"\1", text).removeprefix("\\\\?\\")


@dataclass(frozen=True)
class GoogleSyncLog(LineLog):
    """Changes that Google's Backup and Sync completed; one that went up was uploaded."""

    name: str = "google-sync-log"
    version: int = 1
    system: ClassVar[str] = "Google Drive"
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/google/drive/sync_log.log*",
        "/users/*/appdata/local/google/drive/user_*/sync_log.log*",
        "/users/*/library/application support/google/drive/sync_log.log*",
        "/users/*/library/application support/google/drive/user_*/sync_log.log*",
    )
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{3} [+-]\d{4}) ([A-Z]{1,10}) +pid=(\d{1,10}) ([^\n]*)", re.MULTILINE
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(
        rb"^(?!\d{4}-\d\d-\d\d )(?!#)[^\n]*[^\s\0\xff][^\n]*", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a stamp with milliseconds and offset."""
        del candidate
        text = stamp.decode("ascii").replace(",", ".")
        return parse_iso(f"{text[:10]}T{text[11:23]}{text[24:27]}:{text[27:]}")

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell changes that were completed."""
        return b"Worker successfully completed" in found[4]

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a change."""
        change = _CHANGE.search(found[4])
        if change is None:
            return
        direction, kind = _text(change[1]), _text(change[2])
        fields = {_text(key): (quoted or bare) for key, quoted, bare in _NAMED.findall(change[3])}
        folder, name = _plain(fields.get("path", b"")), _plain(fields.get("name", b""))
        detail: dict[str, str | int] = {
            "direction": direction.lower(),
            "change": kind.lower(),
            "program": "Google Drive",
        }
        size, volume = fields.get("size", b""), _text(fields.get("volume", b"")).removeprefix("serial:")
        detail |= {"bytes": int(size.rstrip(b"L"))} if size.rstrip(b"L").isdigit() else {}
        if volume.isdigit() and int(volume) < 1 << 32:
            detail["volume_serial"] = f"{int(volume):08X}"
        up = direction == "UPLOAD" and kind in _UPLOADED and fields.get("is_folder") != b"True"
        slash = "\\" if "\\" in folder else "/"
        subject = f"{folder}{slash}{name}" if folder and name else name or folder
        yield line.event(
            Action.UPLOADED if up else Action.SYNCED, subject, meaning="completed by the client", precision_us=1000,
            actor=owner_of(line.candidate.path), zone=_text(found[1][-5:]), detail=detail,
        )  # fmt: skip


_SENT: Final = re.compile(
    rb"(UPLOADSUCCESSFUL|COPYSUCCESSFUL|S2SSUCCESSFUL|DOWNLOADSUCCESSFUL|UPLOADFAILED): ?([^\n]{1,8192})"
)
_AZURE: Final = re.compile(rb"https?://[^\s\"'?]{1,4096}")


@dataclass(frozen=True)
class AzcopyLog(LineLog):
    """azcopy's log, in UTC: each file that Azure received. Tokens in addresses are dropped."""

    name: str = "azcopy-log"
    version: int = 1
    system: ClassVar[str] = "azcopy"
    companion_suffixes: ClassVar[tuple[str, ...]] = ()
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{home}/.azcopy/*.log" for home in ("/users/*", "/home/*", "/root"))
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([^\n]*)", re.MULTILINE
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(rb"^(?!\d{4}/)[^\n]*[^\s\0\xff][^\n]*", re.MULTILINE)

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a time in UTC."""
        del candidate
        naive = _naive(stamp)
        return parse_iso(f"{naive.isoformat()}+00:00") if naive is not None else None

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell transfers that ended."""
        return b"SUCCESSFUL" in found[2] or b"UPLOADFAILED" in found[2]

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read the end of a transfer; what stands behind its mark is source, destination or both."""
        if (told := _SENT.search(found[2])) is None:
            return
        mark, rest = told[1], told[2]
        address = _AZURE.search(rest)
        target = without_query(_text(address[0])) if address is not None else ""
        local = _text(re.split(rb" => | -> |\?| : ", rest, maxsplit=1)[0]).strip(" \"'")
        subject = target if local.startswith("http") else local or target
        up = mark in {b"UPLOADSUCCESSFUL", b"COPYSUCCESSFUL"}
        action = Action.UPLOADED if up else Action.SYNCED if mark.endswith(b"SUCCESSFUL") else Action.UPLOAD_HINT
        detail: dict[str, str | int] = {"program": "azcopy", "outcome": _text(mark).lower()}
        detail |= {"url": target} if target else {}
        yield line.event(action, subject, meaning="transfer ended", actor=owner_of(line.candidate.path), detail=detail)


_RUNNING: Final = re.compile(rb"Running \[([^\]\n]{1,200})\] with arguments: \[([^\n]{0,4096})\]")


@dataclass(frozen=True)
class GcloudLog(LineLog):
    """Commands of Google's cloud tools, in local time."""

    name: str = "gcloud-log"
    version: int = 1
    system: ClassVar[str] = "gcloud"
    state_only: ClassVar[bool] = True
    companion_suffixes: ClassVar[tuple[str, ...]] = ()
    patterns: ClassVar[tuple[str, ...]] = (
        "/home/*/.config/gcloud/logs/*/*.log", "/root/.config/gcloud/logs/*/*.log",
        "/users/*/appdata/roaming/gcloud/logs/*/*.log", "/users/*/.config/gcloud/logs/*/*.log",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} [A-Z]{1,10} +\S{1,100} +([^\n]*)", re.MULTILINE
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(rb"^(?!\d{4}-)[^\n]*[^\s\0\xff][^\n]*", re.MULTILINE)

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _local(stamp, candidate)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell the line that names the command."""
        return found[2].startswith(b"Running [")

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read the command and its arguments."""
        if (told := _RUNNING.match(found[2])) is not None:
            command = f"{_text(told[1]).replace('.', ' ')} {_text(told[2])}"
            action = (
                Action.TRANSFER_COMMAND if "storage cp" in command or "storage rsync" in command else action_of(command)
            )
            said = {"program": "gcloud"}
            yield line.event(
                action, mask_secrets(command), actor=owner_of(line.candidate.path), zone=line.local, detail=said
            )


_STARTED: Final = re.compile(rb"Starting (upload|download) of ([^\n]{1,4096})")
_ENDED: Final = re.compile(rb"File transfer successful, transferred ([\d.,\s\xa0]{1,30})\s?(\w{0,8})")


@dataclass(frozen=True)
class FileZillaLog(LineLog):
    """FileZilla's log, in local time: an upload it calls successful was received by the server."""

    name: str = "filezilla-log"
    version: int = 1
    system: ClassVar[str] = "FileZilla"
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/roaming/filezilla/*.log", "/users/*/filezilla.log*", "/users/*/documents/filezilla.log*",
        "/home/*/.config/filezilla/*.log", "/home/*/.filezilla/*.log", "/home/*/filezilla.log*",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\d{1,10}) (\d{1,6}) ([A-Za-z]{1,20}): ?([^\n]*)", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _local(stamp, candidate)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell starts and ends of transfers."""
        return found[5].startswith((b"Starting ", b"File transfer successful"))

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Join the end of a transfer with its start, by the connection."""
        key = f"{_text(found[2])}/{_text(found[3])}"
        if (start := _STARTED.match(found[5])) is not None:
            if len(line.memory) < 1000:
                line.memory[key] = _text(start[1]), _text(start[2])
        elif (end := _ENDED.match(found[5])) is not None and key in line.memory:
            direction, path = line.memory.pop(key)
            digits = re.sub(rb"\D", b"", end[1])
            detail: dict[str, str | int] = {"program": "FileZilla", "direction": direction}
            detail |= {"bytes": int(digits)} if end[2].startswith(b"byte") and 0 < len(digits) < 16 else {}
            action = Action.UPLOADED if direction == "upload" else Action.DOWNLOADED
            yield line.event(
                action, path, meaning="transfer ended", actor=owner_of(line.candidate.path), zone=line.local, detail=detail  # noqa: E501
            )  # fmt: skip
