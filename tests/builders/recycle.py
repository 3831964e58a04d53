"""Records of the recycle bin after Joachim Metz, "Windows Recycle Bin file formats"."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime

from tests.builders.evtx import filetime

__all__ = ["deletion", "info2"]


def deletion(path: str, size: int, time: datetime, *, version: int = 2) -> bytes:
    """Return a $I file."""
    head = struct.pack("<QQQ", version, size, filetime(time))
    text = (path + "\0").encode("utf-16-le")
    return head + text.ljust(520, b"\0") if version == 1 else head + struct.pack("<I", len(path) + 1) + text


def info2(deletions: Sequence[tuple[str, int, datetime]], *, both: bool = True) -> bytes:
    """Return an INFO2 file with records of 800 bytes, or of 280 where ``both`` is not."""
    data = struct.pack("<5I", 5, len(deletions), len(deletions), 800 if both else 280, 0)
    for number, (path, size, time) in enumerate(deletions, 1):
        data += path.encode("cp932").ljust(260, b"\0") + struct.pack("<IIQI", number, 4, filetime(time), size)
        data += path.encode("utf-16-le").ljust(520, b"\0") if both else b""
    return data
