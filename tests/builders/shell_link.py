"""Shell links, byte for byte from [MS-SHLLINK]: header, item list, LinkInfo, strings, tracker block."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tests.builders.evtx import filetime

__all__ = ["Link", "file_item", "volume_item"]

CLASS = UUID("00021401-0000-0000-c000-000000000046")
DROID = UUID("9b1ce58a-4a4c-11e5-b5c9-080027ac3d7f")
"""A file's identifier of version 1: its node is a network card's address."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A target and what the link says of it; ``share`` makes it a network target."""

    path: str
    created: datetime
    modified: datetime
    size: int = 4096
    directory: bool = False
    drive: int = 2
    serial: int = 0x1234ABCD
    label: str = "KYUFU"
    share: str = ""
    arguments: str = ""
    host: str = "pc-0042"
    droid: UUID = DROID
    items: tuple[bytes, ...] = ()
    wide: bool = True
    info: bool = True

    def data(self) -> bytes:
        """Return the link's bytes."""
        flags = 0x80 | (2 if self.info else 0) | (0x20 if self.arguments else 0) | (1 if self.items else 0)
        times = (filetime(self.created), 0, filetime(self.modified))
        head = struct.pack("<I16sII3QIiIHHII", 76, CLASS.bytes_le, flags, 16 if self.directory else 32, *times,
                           self.size, 0, 1, 0, 0, 0, 0)  # fmt: skip
        listed = b"".join(self.items) + b"\0\0"
        ids = struct.pack("<H", len(listed)) + listed if self.items else b""
        strings = struct.pack("<H", len(self.arguments)) + self.arguments.encode("utf-16-le") if self.arguments else b""
        return head + ids + (self._info() if self.info else b"") + strings + self._tracker() + bytes(4)

    def _info(self) -> bytes:
        """LinkInfo (2.3): with Unicode paths where ``wide``, else in the code page."""
        head = 36 if self.wide else 28
        flags = 2 if self.share else 1
        volume = b"" if self.share else self._volume()
        narrow = b"\0" if self.share else self.path.encode("cp932", "replace") + b"\0"
        network = self._network() if self.share else b""
        tail_text = self.path if self.share else ""
        tail = tail_text.encode("cp932", "replace") + b"\0"
        places = [head, head + len(volume)]
        network_at = places[1] + (0 if self.share else len(narrow))
        tail_at = network_at + len(network)
        body = volume + (b"" if self.share else narrow) + network + tail
        end = head + len(body)
        offsets = struct.pack(
            "<4I", 0 if self.share else places[0], 0 if self.share else places[1],
            network_at if self.share else 0, tail_at,
        )  # fmt: skip
        if self.wide:
            text = ("" if self.share else self.path).encode("utf-16-le") + b"\0\0"
            offsets += struct.pack("<II", 0 if self.share else end, end + (0 if self.share else len(text)))
            body += (b"" if self.share else text) + tail_text.encode("utf-16-le") + b"\0\0"
        return struct.pack("<III", head + len(body), head, flags) + offsets + body

    def _volume(self) -> bytes:
        label = self.label.encode("cp932") + b"\0"
        return struct.pack("<4I", 16 + len(label), self.drive, self.serial, 16) + label

    def _network(self) -> bytes:
        name = self.share.encode("cp932") + b"\0"
        return struct.pack("<5I", 20 + len(name), 2, 20, 0, 0x00020000) + name

    def _tracker(self) -> bytes:
        droid = UUID(int=7).bytes_le + self.droid.bytes_le
        return struct.pack("<4I16s", 96, 0xA0000003, 88, 0, self.host.encode()) + droid * 2


def volume_item(letter: str) -> bytes:
    """Return the shell item of a drive."""
    text = f"{letter}:\\".encode().ljust(22, b"\0")
    return struct.pack("<HB", 3 + len(text), 0x2F) + text


def file_item(name: str, *, short: str = "ABCDEF~1.TXT") -> bytes:
    """Return the shell item of a file, with a long name as Windows 8 and later write it (extension version 9)."""
    before = short.encode() + b"\0"
    before += bytes(len(before) % 2)
    fixed = struct.pack("<HIIIHHQQHII", 9, 0xBEEF0004, 0, 0, 0x2E, 0, 70, 0, 0, 0, 0)
    extension = fixed + name.encode("utf-16-le") + b"\0\0" + struct.pack("<H", 14 + len(before))
    body = struct.pack("<BBIIH", 0x32, 0, 4096, 0, 32) + before + struct.pack("<H", len(extension) + 2) + extension
    return struct.pack("<H", len(body) + 2) + body
