"""Shell items one by one, with what each says of its file or folder: the registry holds paths as such lists.

SOURCE: Joachim Metz, "Windows Shell Item format": §2 (list), root folder (GUID at 4), volume (name at 3), file entry
(size at 4, FAT time in UTC at 8, short name at 14), network location (text at 5), URI (0x61), delegates ("CFSF" at 6,
an inner entry from 10), property views (data signature at 6, known folder GUID at 14), extension block 0xbeef0004
(version at 2, made at 8, accessed at 12, file reference at 20 from version 7; long name behind 20 bytes in version 3,
38 in 7, 42 in 8, 46 in 9).
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pipeline.artefacts.known_folders import folder_name

__all__ = ["ShellEntry", "joined", "shell_entries"]

_MOST_ITEMS: Final = 256
_EXTENSION: Final = b"\x04\x00\xef\xbe"
_LONG_NAME: Final = {3: 20, 7: 38, 8: 42, 9: 46}
_CODE_PAGE: Final = "cp932"
_KNOWN_FOLDER: Final = 0x23FEBBEE
_DELEGATE: Final = 0x23A3DFD5
_WORDS: Final = re.compile(r"[^\x00-\x1f\ud800-\udfff\ue000-\uf8ff]{3,260}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellEntry:
    """One item: its name, and where it is a file or folder, its times and its place in an NTFS volume.

    ``guessed`` names come from text inside an item of unknown layout.
    """

    name: str
    kind: str
    modified: datetime | None = None
    created: datetime | None = None
    size: int = 0
    record: int = 0
    sequence: int = 0
    guessed: bool = False


def shell_entries(data: bytes) -> Iterator[ShellEntry]:
    """Yield the items of a list up to its end or its damage."""
    at = 0
    for _ in range(_MOST_ITEMS):
        size = int.from_bytes(data[at : at + 2], "little")
        if size < 3 or at + size > len(data):
            return
        yield _entry(data[at : at + size])
        at += size


def joined(entries: list[ShellEntry]) -> str:
    """Return the path that entries spell; what goes before a drive or a share is left out."""
    path = ""
    for entry in entries:
        if entry.kind in {"volume", "share", "address"} or not path:
            path = entry.name
        elif entry.name:
            path = path + entry.name if path.endswith("\\") else f"{path}\\{entry.name}"
    return path


def _entry(item: bytes) -> ShellEntry:
    kind = item[2]
    place = _identifier(item)
    if place:
        return ShellEntry(name=folder_name(str(uuid.UUID(bytes_le=item[place : place + 16]))), kind="root")
    if kind & 0x70 == 0x20 and kind & 1:
        return ShellEntry(name=_text(item, 3), kind="volume")
    if kind & 0x70 == 0x30 or (kind == 0x74 and item[6:10] == b"CFSF"):
        return _file(item)
    if kind & 0x70 == 0x40:
        name = _text(item, 5)
        return ShellEntry(name=name, kind="share" if name.startswith("\\\\") else "network")
    return _unknown(item)


def _identifier(item: bytes) -> int:
    """Return where an item holds the identifier of a folder of the shell; 0 where it holds none."""
    signature = int.from_bytes(item[6:10], "little")
    if item[2] == 0x00 and signature == _KNOWN_FOLDER and len(item) >= 30:
        return 14
    known = (item[2] == 0x1F and signature != _DELEGATE) or item[2] == 0x2E
    return 4 if known and len(item) >= 20 else 0


def _file(item: bytes) -> ShellEntry:
    start = 10 if item[2] == 0x74 else 0
    kind = item[start + 2] if len(item) > start + 14 else 0
    size, date, time = struct.unpack_from("<IHH", item, start + 4) if kind else (0, 0, 0)
    name = _wide(item, start + 14) if kind & 4 else _text(item, start + 14)
    block = item.rfind(_EXTENSION) - 4
    version = int.from_bytes(item[block + 2 : block + 4], "little") if block >= 14 else 0
    made, reference = None, 0
    if version in _LONG_NAME and block + 18 <= len(item):
        name = _wide(item, block + _LONG_NAME[version]) or name
        made = _fat(*struct.unpack_from("<HH", item, block + 8))
        reference = int.from_bytes(item[block + 20 : block + 28], "little") if version >= 7 else 0
    return ShellEntry(
        name=name, kind="folder" if kind & 1 else "file", modified=_fat(date, time), created=made, size=size,
        record=reference & 0xFFFFFFFFFFFF, sequence=reference >> 48,
    )  # fmt: skip


def _unknown(item: bytes) -> ShellEntry:
    """Return the longest text in an item: phones, archives, search results and addresses keep their names so."""
    found = [
        text for shift in (0, 1) for text in _WORDS.findall(item[3 + shift :].decode("utf-16-le", "replace"))
        if sum(character < "\u2000" or "\u3000" <= character < "\ua000" for character in text) == len(text)
        and sum(character.isascii() or "\u3000" <= character < "\ua000" for character in text) * 2 > len(text)
    ]  # fmt: skip
    best = max(found, key=len, default="")
    kind = "address" if item[2] == 0x61 else "unknown"
    return ShellEntry(name=best, kind=kind, guessed=True)


def _fat(date: int, time: int) -> datetime | None:
    try:
        return datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=UTC
        )
    except ValueError:
        return None


def _text(item: bytes, at: int) -> str:
    return item[at:].split(b"\0", 1)[0].decode(_CODE_PAGE, "replace")


def _wide(item: bytes, at: int) -> str:
    return item[at:].decode("utf-16-le", "replace").split("\0", 1)[0]
