"""SRUDB.dat: programs and users by number, bytes sent, resources and connections hour by hour."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.builders.ese import BINARY, CURRENCY, DATE, LONG, Table, database
from tests.builders.evtx import filetime

__all__ = ["Hour", "srum"]

_KEY = {"AutoIncId": LONG, "TimeStamp": DATE, "AppId": LONG, "UserId": LONG}
_SENT = {"InterfaceLuid": CURRENCY, "L2ProfileId": LONG, "BytesSent": CURRENCY, "BytesRecvd": CURRENCY}
_RAN = {"ForegroundBytesRead": CURRENCY, "ForegroundBytesWritten": CURRENCY, "BackgroundBytesWritten": CURRENCY}
_JOINED = {"InterfaceLuid": CURRENCY, "L2ProfileId": LONG, "ConnectedTime": LONG, "ConnectStartTime": CURRENCY}
USER = bytes([1, 5]) + (5).to_bytes(6, "big") + struct.pack("<5I", 21, 1, 2, 3, 1001)


@dataclass(frozen=True)
class Hour:
    """What one program sent and received in the hour that ends here."""

    end: datetime
    program: str
    sent: int
    received: int = 0


def srum(hours: Sequence[Hour], *, clean: bool = True, without: Sequence[int] = ()) -> bytes:
    """Return the database; ``without`` are the numbers (from 1) of rows left out of the table of bytes sent."""
    programs = list(dict.fromkeys(hour.program for hour in hours))
    names = [{"IdType": 3, "IdIndex": 1, "IdBlob": USER}]
    names += [
        {"IdType": 0, "IdIndex": place, "IdBlob": f"{program}\0".encode("utf-16-le")}
        for place, program in enumerate(programs, 2)
    ]
    rows = [
        {
            "AutoIncId": number, "TimeStamp": _days(hour.end), "AppId": programs.index(hour.program) + 2, "UserId": 1,
            "InterfaceLuid": 71 << 48, "L2ProfileId": 7, "BytesSent": hour.sent, "BytesRecvd": hour.received,
            "ForegroundBytesRead": 1, "ForegroundBytesWritten": 2, "BackgroundBytesWritten": 40,
            "ConnectedTime": 60, "ConnectStartTime": filetime(hour.end),
        }
        for number, hour in enumerate(hours, 1)
    ]  # fmt: skip
    sent = [row for row in rows if row["AutoIncId"] not in without]
    return database(
        [
            Table("SruDbIdMapTable", {"IdType": LONG, "IdIndex": LONG, "IdBlob": BINARY}, names),
            Table("{973F5D5C-1D90-4944-BE8E-94B24110A174}", _KEY | _SENT, sent),
            Table("{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}", _KEY | _RAN, rows[:1]),
            Table("{DD6636C4-8929-4683-974E-22C046A43763}", _KEY | _JOINED, rows[:1]),
        ],
        clean=clean,
    )


def _days(time: datetime) -> float:
    return (time - datetime(1899, 12, 30, tzinfo=UTC)).total_seconds() / 86400
