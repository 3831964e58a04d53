"""Logs that name their columns: IIS, the Windows firewall, Exchange's message tracking, Zeek.

SOURCE: W3C Extended Log File Format (``#Fields``), Microsoft's IIS logging (times in UTC), pfirewall.log, "Message
tracking" of Exchange Server (event ids SEND, DELIVER …), Zeek's ASCII log writer (``#separator``, ``#fields``,
``#unset``).
"""

from __future__ import annotations

import csv
import json
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.linelog import Line, LineLog, Reading, naive_stamp
from pipeline.artefacts.times import from_local, from_unix_us, parse_iso
from pipeline.artefacts.upload_sites import without_query

__all__ = ["ExchangeTracking", "FirewallLog", "IisLog", "ZeekLog"]

_MEBIBYTE: Final = 1 << 20
_MOST_COLUMNS: Final = 200
Row = Mapping[str, str]


def _count(text: str | None) -> int:
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

    @abstractmethod
    def row_time(self, row: Row, candidate: Candidate) -> tuple[str, datetime | None] | None:
        """Return a row's stamp and time; None where the line is no row of this log."""

    @abstractmethod
    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return the events of a row."""

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Return the time of a bare line by the default columns; of the first line of a part beside."""
        row = self._row(stamp.decode("utf-8", "replace"), self.default)
        found = self.row_time(row, candidate) if row is not None else None
        return found[1] if found is not None else None

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
        found = self.row_time(row, reading.candidate) if row is not None else None
        if row is None or found is None:
            reading.foreign += 1
            return
        reading.span.add(found[1])
        yield from self.row_events(row, Line(found[1], f"{reading.place} {at}", reading.candidate, reading.memory))

    def _row(self, text: str, fields: tuple[str, ...]) -> Row | None:
        values = text.split(self.separator)
        return dict(zip(fields, values, strict=False)) if fields and len(values) >= len(fields) else None


def _parts(date: str, clock: str) -> datetime | None:
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

    def row_time(self, row: Row, candidate: Candidate) -> tuple[str, datetime | None] | None:
        """Read date and time; the log says whether they are local."""
        naive = _parts(row.get("date", ""), row.get("time", ""))
        return (row["time"], from_local(naive, candidate.timezone)) if naive is not None else None

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

    def row_time(self, row: Row, candidate: Candidate) -> tuple[str, datetime | None] | None:
        """Read date and time in UTC."""
        del candidate
        naive = _parts(row.get("date", ""), row.get("time", ""))
        return (row["time"], parse_iso(f"{naive.isoformat()}+00:00")) if naive is not None else None

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return a request that sent data either way."""
        method, status = row.get("cs-method", ""), row.get("sc-status", "")
        size, received = _count(row.get("sc-bytes")), _count(row.get("cs-bytes"))
        upload = method in {"POST", "PUT", "PATCH"} and status.startswith("2")
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


_SENT: Final = frozenset(("SEND", "SENDEXTERNAL"))
_TAKEN: Final = frozenset(("RECEIVE", "DELIVER"))
_TRACKED: Final = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,"
    "internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count"
)


@dataclass(frozen=True)
class ExchangeTracking(FieldLog):
    """Exchange's message tracking, in UTC: what was sent on by SMTP, and what was delivered."""

    name: str = "exchange-tracking"
    version: int = 1
    system: ClassVar[str] = "mail server"
    default: ClassVar[tuple[str, ...]] = tuple(_TRACKED.split(","))
    patterns: ClassVar[tuple[str, ...]] = (
        "/program files/microsoft/exchange server/*/transportroles/logs/messagetracking/msgtrk*.log",
    )
    companion_suffixes: ClassVar[tuple[str, ...]] = ()

    def _row(self, text: str, fields: tuple[str, ...]) -> Row | None:
        try:
            values = next(csv.reader([text[: 1 << 16]]))
        except (csv.Error, StopIteration):
            return None
        return dict(zip(fields, values, strict=False)) if len(values) >= min(len(fields), 16) else None

    def row_time(self, row: Row, candidate: Candidate) -> tuple[str, datetime | None] | None:
        """Read an ISO time."""
        del candidate
        stamp = row.get("date-time", "")
        time = parse_iso(re.sub(r"(\.\d{6})\d+", r"\1", stamp.replace("Z", "+00:00")))
        return (stamp, time) if time is not None else None

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return a message that was sent or delivered, a recipient each."""
        event = row.get("event-id", "")
        if event not in _SENT | _TAKEN:
            return
        action = Action.MAIL_SENT if event in _SENT else Action.MAIL_RECEIVED
        detail: dict[str, str | int] = {
            "bytes": _count(row.get("total-bytes")), "message_id": row.get("message-id", "").strip("<>"),
            "recipients": _count(row.get("recipient-count")), "client": row.get("client-ip", ""), "event": event,
            "title": row.get("message-subject", ""), "direction": row.get("directionality", ""),
        }  # fmt: skip
        for receiver in row.get("recipient-address", "").split(";")[:1000]:
            said = {**detail, "to": receiver}
            sender = row.get("sender-address", "")
            yield line.event(action, receiver, actor=sender, precision_us=1000, detail=said)


_FTP_SENT: Final = frozenset(("STOR", "APPE", "STOU"))


@dataclass(frozen=True)
class ZeekLog(FieldLog):
    """Zeek's records of the network, TSV or JSON: connections that carried data, uploads, ftp and mail."""

    name: str = "zeek-log"
    version: int = 1
    system: ClassVar[str] = "zeek"
    separator: ClassVar[str] = "\t"
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{folder}/{name}.*log*"
        for folder in (
            "/opt/zeek/logs/*",
            "/usr/local/zeek/logs/*",
            "/var/log/zeek",
            "/var/log/zeek/*",
            "/nsm/zeek/logs/*",
        )
        for name in ("conn", "http", "ftp", "smtp")
    )
    companion_suffixes: ClassVar[tuple[str, ...]] = ()

    def _row(self, text: str, fields: tuple[str, ...]) -> Row | None:
        if not text.startswith("{"):
            row = super()._row(text, fields)
            return {key: value for key, value in row.items() if value not in {"-", "(empty)"}} if row else None
        try:
            tree: Any = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return {str(key): _said(value) for key, value in tree.items()} if isinstance(tree, dict) else None

    def row_time(self, row: Row, candidate: Candidate) -> tuple[str, datetime | None] | None:
        """Read seconds since 1970, or an ISO time."""
        del candidate
        stamp = row.get("ts", "")
        found = re.fullmatch(r"(\d{9,11})(?:\.(\d{1,9}))?", stamp)
        if found is None:
            time = parse_iso(stamp.replace("Z", "+00:00"))
            return (stamp, time) if time is not None else None
        return stamp, from_unix_us(int(found[1]) * 1_000_000 + int((found[2] or "0").ljust(6, "0")[:6]))

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return what a record says was carried, seen from the host that opened the connection."""
        client, server = row.get("id.orig_h", ""), row.get("id.resp_h", "")
        base: dict[str, str | int] = {"client": client, "host": row.get("host", server)}
        name = line.candidate.path.rpartition("/")[2].lower().partition(".")[0]
        precise: Any = {"precision_us": 1}
        if name == "conn" and "orig_bytes" in row:
            base |= {"bytes": _count(row["orig_bytes"]), "received": _count(row.get("resp_bytes"))}
            base |= {"protocol": row.get("proto", ""), "state": row.get("conn_state", "")}
            yield line.event(Action.CONNECTION, f"{server}:{row.get('id.resp_p', '')}", detail=base, **precise)
        elif name == "http" and (
            row.get("method") in {"POST", "PUT", "PATCH"} or _count(row.get("response_body_len")) >= _MEBIBYTE
        ):
            base |= {"bytes": _count(row.get("request_body_len")), "received": _count(row.get("response_body_len"))}
            base |= {"method": row.get("method", ""), "status": row.get("status_code", "")}
            target = f"{row.get('host', server)}{without_query(row.get('uri', ''))}"
            yield line.event(Action.CONNECTION, target, detail=base, actor=row.get("username", ""), **precise)
        elif name == "ftp" and row.get("command") in _FTP_SENT | {"RETR"}:
            base |= {
                "method": row["command"],
                "bytes": _count(row.get("file_size")),
                "status": row.get("reply_code", ""),
            }
            yield line.event(Action.CONNECTION, row.get("arg", ""), detail=base, actor=row.get("user", ""), **precise)
        elif name == "smtp":
            base |= {"title": row.get("subject", ""), "message_id": row.get("msg_id", "").strip("<>")}
            base |= {"to": row.get("rcptto", "")[:2000], "status": row.get("last_reply", "")[:100]}
            receiver = row.get("rcptto", "").partition(",")[0]
            yield line.event(Action.MAIL_SENT, receiver, detail=base, actor=row.get("mailfrom", ""), **precise)


def _said(value: object) -> str:
    return ",".join(str(part) for part in value[:1000]) if isinstance(value, list) else str(value)
