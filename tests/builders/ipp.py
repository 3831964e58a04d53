"""Control files of CUPS jobs: IPP messages. SOURCE: RFC 8010 §3.1 to §3.9."""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["job"]


def job(values: Mapping[str, str | int]) -> bytes:
    """Return a message with a group of job attributes."""
    body = bytearray(struct.pack(">HHI", 0x0200, 0, 1) + b"\x02")
    for name, value in values.items():
        tag = 0x42 if isinstance(value, str) else 0x23 if name == "job-state" else 0x21
        data = value.encode() if isinstance(value, str) else struct.pack(">i", value)
        body += struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(data)) + data
    return bytes(body) + b"\x03"
