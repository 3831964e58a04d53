"""Small files of Windows: print jobs, thumbnails, tabs of Notepad, noted programs; each after the document it cites."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime

from tests.builders.compound import compound
from tests.builders.evtx import filetime

__all__ = ["noted_programs", "notepad_tab", "print_job", "spool_file", "thumbnail_cache", "thumbs"]


def print_job(user: str, document: str, printer: str, time: datetime, *, wide: bool = True, pages: int = 3) -> bytes:
    """Return a SHD file: of Windows 10 (template by C. Katsavounidis), or of 2003 (undocprint.org)."""
    stamp = struct.pack(
        "<8H", time.year, time.month, 0, time.day, time.hour, time.minute, time.second, time.microsecond // 1000
    )
    start = 200 if wide else 120
    texts, places = b"", []
    for text in (user, user, document, "IP_1", printer, "driver"):
        places.append(start + len(texts))
        texts += (text + "\0").encode("utf-16-le")
    if wide:
        head = (
            struct.pack("<IIHHIII", 0x5123, 200, 0, 0, 7, 1, 0)
            + struct.pack("<6Q", *places)
            + struct.pack("<4Q", 0, 0, 0, 0)
        )
        return (head + stamp + struct.pack("<4I", 0, 0, 0, pages)).ljust(200, b"\0") + texts
    host = start + len(texts)
    head = (
        struct.pack("<IIHHII", 0x4968, 120, 0, 0, 7, 1) + struct.pack("<6I", *places) + struct.pack("<4I", 0, 0, 0, 0)
    )
    head += stamp + struct.pack("<4I", 0, 0, 0, pages) + struct.pack("<5III", 0, 0, 0, 0, 0, host, 0)[:28]
    return head.ljust(120, b"\0") + texts + "\\\\PC-0042\0".encode("utf-16-le")


def spool_file(document: str, printer: str) -> bytes:
    """Return the header of an EMF spool file ([MS-EMFSPOOL] 2.2.2) and a page's beginning."""
    names = [(document + "\0").encode("utf-16-le"), (printer + "\0").encode("utf-16-le")]
    head = struct.pack("<4I", 0x00010000, 16 + sum(map(len, names)), 16, 16 + len(names[0]))
    return head + b"".join(names) + struct.pack("<II", 12, 4) + bytes(4)


def thumbnail_cache(pictures: Sequence[tuple[int, bytes]], *, version: int = 32) -> bytes:
    """Return a thumbcache (Joachim Metz): of Vista (20), 7 (21), or 8 and later."""
    late = version > 21
    head = (b"CMMM", version, *((0, 4, 28, 0, 0) if late else (4, 24, 0, len(pictures))))
    parts = [struct.pack("<4s6I" if late else "<4s5I", *head)]
    for number, picture in pictures:
        name = f"{number:x}".encode("utf-16-le")
        sizes = struct.pack("<3I", len(name), 0, len(picture))
        if version == 20:
            middle = "jpg\0".encode("utf-16-le") + sizes + bytes(4)
        else:
            middle = sizes + (bytes(4) if version == 21 else bytes(12))
        head = struct.pack("<Q", number) + middle + bytes(16)
        parts.append(struct.pack("<4sI", b"CMMM", 8 + len(head) + len(name) + len(picture)) + head + name + picture)
    return b"".join(parts)


def thumbs(files: Sequence[tuple[str, datetime]]) -> bytes:
    """Return a Thumbs.db of Windows XP: a catalog and a stream per picture."""
    catalog = struct.pack("<HHIII", 16, 7, len(files), 96, 96)
    streams = {}
    for number, (name, time) in enumerate(files, 1):
        text = name.encode("utf-16-le") + bytes(4)
        catalog += struct.pack("<IIQ", 16 + len(text), number, filetime(time)) + text
        streams[str(number)[::-1]] = b"\xff\xd8" + bytes(100)
    return compound({"Catalog": catalog, **streams})


def notepad_tab(path: str, written: datetime, digest: bytes, *, text: str = "") -> bytes:
    """Return the state of a tab ("Notepad State Library"): of a file, or of a note that was never saved."""
    if not path:
        return b"NP\0\0\1" + _leb(len(text)) + text.encode("utf-16-le")
    body = _leb(len(path)) + path.encode("utf-16-le") + _leb(1234) + b"\5\1" + _leb(filetime(written)) + digest
    return b"NP\0\1" + body + b"\0\1" + _leb(0) * 2 + bytes(4)


def _leb(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def noted_programs(paths: Sequence[str]) -> bytes:
    """Return a RecentFileCache.bcf."""
    data = bytes.fromhex("feffeeff1122000003000000010000000c000000")
    for path in paths:
        data += struct.pack("<I", len(path)) + (path + "\0").encode("utf-16-le")
    return data
