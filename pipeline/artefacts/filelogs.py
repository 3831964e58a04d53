"""Logs of file transfers: vsftpd's own, and the xferlog format that wu-ftpd made and vsftpd, ProFTPD and others write.

SOURCE: vsftpd.conf(5) and vsftpd's logging.c; xferlog(5); Samba's debug.c (header of ``log.smbd``); rclone's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.linelog import MONTHS, Line, LineLog, naive_stamp
from pipeline.artefacts.messages import smb
from pipeline.artefacts.times import from_local

__all__ = ["FtpLog", "RcloneLog", "SmbdLog", "TransferLog"]


def _ctime(stamp: bytes, candidate: Candidate) -> datetime | None:
    """Return the local time of ``Mon Jun  6 18:43:28 2016`` as UTC."""
    parts = [int(stamp[20:24]), MONTHS.get(stamp[4:7], 0), int(stamp[8:10])]
    naive = naive_stamp([*parts, int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])])
    return from_local(naive, candidate.timezone) if naive is not None else None


def _slashed(stamp: bytes, candidate: Candidate) -> datetime | None:
    """Return the local time of ``2022/06/21 10:11:12`` as UTC."""
    naive = naive_stamp([int(stamp[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))])
    return from_local(naive, candidate.timezone) if naive is not None else None


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


_TRANSFER: Final = re.compile(rb'OK (DOWNLOAD|UPLOAD): Client "([^"\n]*)", "([^\n]*)", (\d{1,15}) bytes')


@dataclass(frozen=True)
class FtpLog(LineLog):
    """Transfers of vsftpd, in local time."""

    name: str = "vsftpd-log"
    version: int = 2
    system: ClassVar[str] = "vsftpd"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/vsftpd.log*",)
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) \[pid \d+\] (?:\[([^\]\n]*)\] )?([^\n]*)", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _ctime(stamp, candidate)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a line of vsftpd's own format."""
        told = _TRANSFER.match(found[3])
        if told is None:
            return
        kind, client, path, size = told.groups()
        action = Action.REQUEST_SERVED if kind == b"DOWNLOAD" else Action.UPLOADED
        detail: dict[str, str | int] = {"client": _text(client), "bytes": int(size)}
        yield line.event(
            action, _text(path), meaning="transfer ended", actor=_text(found[2]), zone=line.local, detail=detail
        )  # fmt: skip


@dataclass(frozen=True)
class TransferLog(LineLog):
    """Transfers in the xferlog format, in local time: direction ``o`` left the server, ``i`` reached it."""

    name: str = "transfer-log"
    version: int = 1
    system: ClassVar[str] = "ftp server"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/xferlog*", "/var/log/proftpd/xferlog*", "/var/log/pure-ftpd/transfer.log*", "/var/log/proftpd/xfer.log*",  # noqa: E501
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) (\d{1,10}) (\S{1,255}) (\d{1,18}) ([^\n]{1,4096}?) ([ab]) (\S{1,4}) ([oid]) ([agr]) "  # noqa: E501
        rb"(\S{1,255}) (\S{1,32}) ([012]) (\S{1,255})(?: ([ci]))?[ \r]*$",
        re.MULTILINE,
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _ctime(stamp, candidate)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a transfer or a deletion."""
        action = {b"o": Action.REQUEST_SERVED, b"i": Action.RECEIVED}.get(found[8], Action.ENTRY_DELETED)
        detail: dict[str, str | int] = {
            "client": _text(found[3]), "bytes": int(found[4]), "duration_s": int(found[2]),
        }  # fmt: skip
        if found[14] != b"c":
            detail["status"] = "incomplete" if found[14] else "completion unknown"
        yield line.event(
            action, _text(found[5]), meaning="transfer ended", actor=_text(found[10]), zone=line.local, detail=detail
        )  # fmt: skip


_SMBD: Final = re.compile(
    rb"(\S{1,256}) (?:\(ipv[46]:([0-9A-Fa-f.:]{3,45}):\d{1,5}\) )?"
    rb"(connect to|closed connection to) service (\S{1,256})(?: initially as user (\S{1,256}))?"
)
_SMBD_FILE: Final = re.compile(
    rb"(\S{1,256}) (opened|closed) file (.{1,4096}?) (?:read=(\w+) write=(\w+)|\(numopen)", re.DOTALL
)


@dataclass(frozen=True)
class SmbdLog(LineLog):
    """Samba's own log: who used which share; files from debug level 2 on only, so it never carries a negative."""

    name: str = "samba-log"
    version: int = 1
    system: ClassVar[str] = "samba"
    state_only: ClassVar[bool] = True
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/samba/log.*", "/usr/local/samba/var/log.*")
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^\[(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.\d+)?, +\d+[^\]\n]*\] ?[^\n]*\n((?:[ \t][^\n]*\n?){0,20})",
        re.MULTILINE,
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(rb"^[ \t][^\n]*\S[^\n]*", re.MULTILINE)

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _slashed(stamp, candidate)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read connections to shares, and files that were opened."""
        body = found[2].strip()
        if (share := _SMBD.match(body)) is not None:
            detail = {"client": _text(share[2] or share[1]), "host": _text(share[1]), "method": _text(share[3])}
            name, user = _text(share[4]), _text(share[5])
            yield line.event(Action.SHARE_ACCESSED, name, actor=user, zone=line.local, detail=detail)
        elif b"|" in body:
            for told in smb("", _text(body), line.memory):
                yield line.event(
                    told.action, told.subject, actor=told.actor, zone=line.local, detail=dict(told.detail)
                )  # fmt: skip
        elif (file := _SMBD_FILE.match(body)) is not None:
            said = {"method": _text(file[2])} | ({"read": _text(file[4]), "write": _text(file[5])} if file[4] else {})
            yield line.event(Action.SHARE_ACCESSED, _text(file[3]), actor=_text(file[1]), zone=line.local, detail=said)


_COPIED: Final = re.compile(rb"(INFO|NOTICE|ERROR) +: ([^\n]{1,4096}?): (Copied|Moved|Deleted|Failed to copy)")


@dataclass(frozen=True)
class RcloneLog(LineLog):
    """rclone's log, in local time. ``Copied`` is completion, but the log does not say into which direction."""

    name: str = "rclone-log"
    version: int = 1
    system: ClassVar[str] = "rclone"
    state_only: ClassVar[bool] = True
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/{name}" for home in ("/home/*", "/root", "/users/*", "/users/*/documents", "/var/log", "/var/log/rclone")  # noqa: E501
          for name in ("rclone.log*", "rclone*.log")),
        "/users/*/appdata/*/rclone/*.log", "/home/*/.config/rclone/*.log", "/home/*/.cache/rclone/*.log",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([^\n]*)", re.MULTILINE
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(
        rb"^(?:Transferred:|Errors:|Checks:|Deleted:|Renamed:|Elapsed time:|Transferring:| \*)[^\n]*", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        return _slashed(stamp, candidate)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read what was copied, moved or deleted."""
        if (told := _COPIED.match(found[2])) is not None:
            detail = {"outcome": _text(told[3]).lower(), "shows": "copied; the command names the direction"}
            yield line.event(Action.SYNCED, _text(told[2]), zone=line.local, detail=detail)
