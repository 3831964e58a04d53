"""Exchange's message tracking: what was sent on, and what was delivered.

SOURCE: Microsoft "Message tracking" of Exchange Server (``#Fields``; event ids SEND, SENDEXTERNAL, RECEIVE, DELIVER).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.fieldlogs import FieldLog, Row, count_of
from pipeline.artefacts.linelog import Line
from pipeline.artefacts.times import parse_iso

__all__ = ["ExchangeTracking"]

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

    def stamp_of(self, row: Row) -> str:
        """Return the ISO stamp."""
        return row.get("date-time", "")

    def row_time(self, stamp: str, candidate: Candidate) -> datetime | None:
        """Read an ISO time."""
        del candidate
        return parse_iso(re.sub(r"(\.\d{6})\d+", r"\1", stamp.replace("Z", "+00:00")))

    def row_events(self, row: Row, line: Line) -> Iterable[Event]:
        """Return a message that was sent or delivered, a recipient each."""
        event = row.get("event-id", "")
        if event not in _SENT | _TAKEN:
            return
        action = Action.MAIL_SENT if event in _SENT else Action.MAIL_RECEIVED
        detail: dict[str, str | int] = {
            "bytes": count_of(row.get("total-bytes")), "message_id": row.get("message-id", "").strip("<>"),
            "recipients": count_of(row.get("recipient-count")), "client": row.get("client-ip", ""), "event": event,
            "title": row.get("message-subject", ""), "direction": row.get("directionality", ""),
        }  # fmt: skip
        for receiver in dict.fromkeys(row.get("recipient-address", "").split(";")[:1000]):
            said = {**detail, "to": receiver}
            sender = row.get("sender-address", "")
            yield line.event(action, receiver, actor=sender, precision_us=1000, detail=said)
