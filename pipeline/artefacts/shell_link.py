"""One shell link, as a file or inside a jump list: where its target lay, on which volume of which host, and when.

SOURCE: [MS-SHLLINK] 2.1 (header), 2.3 (LinkInfo, VolumeID, CommonNetworkRelativeLink), 2.4 (strings), 2.5 (extra data:
TrackerDataBlock 2.5.10, EnvironmentVariableDataBlock 2.5.4); RFC 4122 4.1.2 (the node of a version 1 identifier).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from pipeline.artefacts.shell_items import path_of
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["HEAD", "ShellLink", "parse_link"]

HEAD: Final = bytes.fromhex("4c0000000114020000000000c000000000000046")
"""Size of the header and the class identifier of shell links, 2.1."""
_DRIVES: Final = {2: "removable", 3: "fixed", 4: "network", 5: "optical", 6: "memory"}
"""2.3.1, DriveType; the words are those of events."""
_HAS_IDS, _HAS_INFO, _UNICODE, _NO_INFO = 1, 2, 0x80, 0x100
_STRINGS: Final = ((4, "description"), (8, "relative"), (16, "folder"), (32, "arguments"), (64, "icon"))
"""2.1.1: the flags of the strings, in the order in which they follow."""
_TRACKER, _ENVIRONMENT = 0xA0000003, 0xA0000001
_CODE_PAGE: Final = "cp932"
"""Strings without Unicode are in the system's code page, which a link does not name; Japanese Windows uses this one."""


@dataclass(frozen=True, slots=True)
class ShellLink:
    """A link's target and what surrounds it; ``length`` is where its bytes end."""

    target: str
    length: int
    accessed: datetime | None = None
    detail: dict[str, str | int] = field(default_factory=dict)
    cut: str = ""
    """What is missing at the end of the link's bytes."""


def parse_link(data: bytes) -> ShellLink:
    """Return the link at the start of ``data``.

    Raises:
        ParseError: there is none.
    """
    if data[:20] != HEAD or len(data) < 76:
        message = "no shell link header"
        raise ParseError(message)
    flags, attributes, created, accessed, written, size = struct.unpack_from("<IIQQQI", data, 20)
    detail: dict[str, str | int] = {"bytes": size}
    if attributes & 0x10:
        detail["kind"] = "directory"
    for name, stamp in (("target_created", created), ("target_modified", written), ("target_accessed", accessed)):
        time = from_filetime(stamp) if stamp else None
        if time is not None:
            detail[name] = time.isoformat()
    walk = _Walk(data, 76)
    target = walk.take(flags, detail)
    return ShellLink(target, walk.at, from_filetime(accessed) if accessed else None, detail, walk.cut)


class _Walk:
    """The parts of variable length, one behind the other; what is cut off ends the walk."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.cut = ""

    def take(self, flags: int, detail: dict[str, str | int]) -> str:
        """Fill in the detail and return the target's path."""
        items = info = ""
        if flags & _HAS_IDS:
            items = path_of(self._sized(2))
        if flags & _HAS_INFO and not flags & _NO_INFO and not self.cut:
            info = _target(self._sized(4, inclusive=True), detail)
        strings = dict(self._strings(flags))
        detail |= {f"link_{name}": text for name, text in strings.items() if name != "icon" and text}
        environment = self._extra(detail)
        return info or environment or items or strings.get("relative", "")

    def _sized(self, width: int, *, inclusive: bool = False) -> bytes:
        """Return the bytes behind a size field, or, where the size counts itself, with it."""
        head = self.data[self.at : self.at + width]
        size = int.from_bytes(head, "little")
        start = self.at if inclusive else self.at + width
        part = self.data[start : start + size]
        if len(head) < width or len(part) < size or (inclusive and size < width):
            self.cut = self.cut or "a structure of the link is cut off"
            self.at = len(self.data)
            return b""
        self.at = start + size
        return part

    def _strings(self, flags: int) -> Iterator[tuple[str, str]]:
        width = 2 if flags & _UNICODE else 1
        for bit, name in _STRINGS:
            if not flags & bit or self.cut:
                continue
            head = self.data[self.at : self.at + 2]
            size = int.from_bytes(head, "little") * width
            raw = self.data[self.at + 2 : self.at + 2 + size]
            if len(head) < 2 or len(raw) < size:
                self.cut, self.at = "a string of the link is cut off", len(self.data)
                return
            self.at += 2 + size
            yield name, raw.decode("utf-16-le" if width == 2 else _CODE_PAGE, "replace").rstrip("\0")

    def _extra(self, detail: dict[str, str | int]) -> str:
        """Read the blocks behind the strings; return the target that one of them may state."""
        environment = ""
        while not self.cut and self.at + 4 <= len(self.data):
            (size,) = struct.unpack_from("<I", self.data, self.at)
            if size < 4:
                self.at += 4
                return environment
            block = self._sized(4, inclusive=True)
            signature = int.from_bytes(block[4:8], "little")
            if signature == _TRACKER and len(block) >= 96:
                detail |= _tracker(block)
            elif signature == _ENVIRONMENT and len(block) >= 788:
                environment = _wide(block, 268) or _narrow(block[:268], 8)
        self.cut = self.cut or "the end of the link is missing"
        return environment


def _target(info: bytes, detail: dict[str, str | int]) -> str:
    """Return the path that LinkInfo states; its volume or share goes into the detail."""
    if len(info) < 28:
        return ""
    head, flags, volume, base, network, suffix = struct.unpack_from("<6I", info, 4)
    path, tail = "", _narrow(info, suffix)
    if head >= 36 and len(info) >= 36:
        wide_base, wide_suffix = struct.unpack_from("<II", info, 28)
        path, tail = _wide(info, wide_base), _wide(info, wide_suffix) or tail
    if flags & 1:
        _volume(info[volume:], detail)
        path = path or _narrow(info, base)
    if flags & 2 and network:
        share = _share(info[network:], detail)
        path = path or share
    return f"{path}\\{tail}" if path and tail and not path.endswith("\\") else path + tail


def _volume(raw: bytes, detail: dict[str, str | int]) -> None:
    if len(raw) < 16:
        return
    size, kind, serial, place = struct.unpack_from("<4I", raw)
    raw = raw[:size]
    detail["drive_type"] = _DRIVES.get(kind, "unknown")
    if serial:
        detail["volume_serial"] = f"{serial:08X}"
    wide = int.from_bytes(raw[16:20], "little") if place == 0x14 else 0
    label = _wide(raw, wide) if wide else _narrow(raw, place)
    if label:
        detail["volume_label"] = label


def _share(raw: bytes, detail: dict[str, str | int]) -> str:
    if len(raw) < 20:
        return ""
    _, flags, place, device, _ = struct.unpack_from("<5I", raw)
    wide = int.from_bytes(raw[20:24], "little") if place > 0x14 else 0
    share = _wide(raw, wide) or _narrow(raw, place)
    detail["drive_type"], detail["share"] = "network", share
    if flags & 1 and _narrow(raw, device):
        detail["mapped_as"] = _narrow(raw, device)
    return share


def _tracker(block: bytes) -> dict[str, str | int]:
    """Name the host where the target lay last, its volume and file, and where it was made."""
    volume, file, birth_volume, birth_file = (UUID(bytes_le=block[at : at + 16]) for at in (32, 48, 64, 80))
    found: dict[str, str | int] = {
        "host": block[16:32].split(b"\0")[0].decode("ascii", "replace"),
        "droid_volume": str(volume), "droid_file": str(file),
    }  # fmt: skip
    if (birth_volume, birth_file) != (volume, file):
        found |= {"birth_volume": str(birth_volume), "birth_file": str(birth_file)}
    if file.version == 1:
        found["mac"] = f"{file.node:012X}"
    return found


def _narrow(data: bytes, at: int) -> str:
    if not 0 < at < len(data):
        return ""
    return data[at:].split(b"\0", 1)[0].decode(_CODE_PAGE, "replace")


def _wide(data: bytes, at: int) -> str:
    if not 0 < at < len(data):
        return ""
    return data[at:].decode("utf-16-le", "replace").split("\0", 1)[0]
