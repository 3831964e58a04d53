"""Zeek's records of the network: connections with their bytes, uploads, ftp and mail.

SOURCE: Zeek's ASCII log writer (``#separator``, ``#fields``, ``#unset_field``) and its JSON form; fields of conn.log,
http.log, ftp.log and smtp.log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.fieldlogs import FieldLog, Row, count_of
from pipeline.artefacts.linelog import Line
from pipeline.artefacts.times import from_unix_us, parse_iso
from pipeline.artefacts.upload_sites import without_query

__all__ = ["ZeekLog"]

_MEBIBYTE: Final = 1 << 20
_SENDING: Final = frozenset(("POST", "PUT", "PATCH"))
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

    def stamp_of(self, row: Row) -> str:
        """Return the stamp."""
        return row.get("ts", "")

    def row_time(self, stamp: str, candidate: Candidate) -> datetime | None:
        """Read seconds since 1970, or an ISO time."""
        del candidate
        found = re.fullmatch(r"(\d{9,11})(?:\.(\d{1,9}))?", stamp)
        if found is None:
            return parse_iso(stamp.replace("Z", "+00:00"))
        return from_unix_us(int(found[1]) * 1_000_000 + int((found[2] or "0").ljust(6, "0")[:6]))

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return what a record says was carried, seen from the host that opened the connection."""
        client, server = row.get("id.orig_h", ""), row.get("id.resp_h", "")
        base: dict[str, str | int] = {"client": client, "host": row.get("host", server)}
        name = line.candidate.path.rpartition("/")[2].lower().partition(".")[0]
        precise: Any = {"precision_us": 1}
        if name == "conn" and "orig_bytes" in row:
            base |= {"bytes": count_of(row["orig_bytes"]), "received": count_of(row.get("resp_bytes"))}
            base |= {"protocol": row.get("proto", ""), "state": row.get("conn_state", "")}
            yield line.event(Action.CONNECTION, f"{server}:{row.get('id.resp_p', '')}", detail=base, **precise)
        elif name == "http" and (row.get("method") in _SENDING or count_of(row.get("response_body_len")) >= _MEBIBYTE):
            base |= {"bytes": count_of(row.get("request_body_len")), "received": count_of(row.get("response_body_len"))}
            base |= {"method": row.get("method", ""), "status": row.get("status_code", "")}
            target = f"{row.get('host', server)}{without_query(row.get('uri', ''))}"
            yield line.event(Action.CONNECTION, target, detail=base, actor=row.get("username", ""), **precise)
        elif name == "ftp" and row.get("command") in _FTP_SENT | {"RETR"}:
            base |= {
                "method": row["command"],
                "bytes": count_of(row.get("file_size")),
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
