"""LVM2's label and text metadata: a physical volume's identity, and the volume group as nested sections.

Sources: libvslvm, "Logical Volume Manager (LVM) format"; lvm2, ``lib/format_text/layout.h`` (label, physical volume and
metadata headers, the metadata area as a ring).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["Label", "Section", "logical_names", "logical_size", "read_label", "read_metadata"]

_SECTOR: Final = 512
_LABEL_SECTORS: Final = 4
_AREA_MAGIC: Final = b"\x20LVM2\x20x[5A%r0N*>"
_AREA_HEADER: Final = 512
_IGNORED: Final = 1
_CRC_START: Final = 0xF597A6CF ^ 0xFFFFFFFF  # INITIAL_CRC of lvm2, lib/misc/crc.h
_MAX_TEXT: Final = 16 << 20
_MAX_DEPTH: Final = 16
_ITEM: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,"]+')
_STATEMENT: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<close>\})|(?P<open>[\w.+-]+)\s*\{"""
    r"""|(?P<key>[\w.+/-]+)\s*=\s*(?P<value>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[^\s\#\["]+)"""
    r"""|\[[^\]]*+|"(?:[^"\\]|\\.)*+"?|[\w.+/-]++"""  # what is no statement is passed whole, never tried again
)

Section = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A physical volume's identity (32 characters) and its metadata areas as (start, length)."""

    uuid: str
    areas: tuple[tuple[int, int], ...]


def logical_names(group: Section) -> list[str]:
    """Return the logical volumes that are meant to be seen, by name; internal ones (legs, pools) are left out."""
    volumes = group.get("logical_volumes")
    if not isinstance(volumes, dict):
        return []
    return sorted(name for name, row in volumes.items() if isinstance(row, dict) and _visible(row.get("status")))


def _visible(status: object) -> bool:
    return isinstance(status, list) and "VISIBLE" in status


def logical_size(group: Section, logical: str) -> int:
    """Return the bytes of a logical volume of any kind; 0 where its segments do not say."""
    try:
        volume, unit = group["logical_volumes"][logical], group["extent_size"] * _SECTOR
        count = min(volume["segment_count"], len(volume))
        return max(0, int(sum(volume[f"segment{number}"]["extent_count"] for number in range(1, count + 1)) * unit))
    except (KeyError, TypeError):
        return 0


def read_label(data: Readable) -> Label:
    """Return what a physical volume says of itself.

    Raises:
        ParseError: it has no label.
    """
    for sector in range(_LABEL_SECTORS):
        raw = data.read(sector * _SECTOR, _SECTOR)
        if len(raw) == _SECTOR and raw[:8] == b"LABELONE" and raw[24:32] == b"LVM2 001":
            (header,) = struct.unpack_from("<I", raw, 20)
            _, position = _places(raw, header + 40)  # data areas come first, then metadata areas
            areas, _ = _places(raw, position)
            return Label(uuid=raw[header : header + 32].decode("ascii", "replace"), areas=tuple(areas))
    raise ParseError("LVM: no label")


def read_metadata(data: Readable, label: Label) -> Section:
    """Return the volume group that a physical volume describes, as nested sections, its name under ``name``.

    Of several metadata areas the first that is sound is taken.

    Raises:
        ParseError: no metadata area, or none whose text can be read.
    """
    trouble = ParseError("LVM: the label names no metadata area")
    for area in label.areas:
        try:
            return _group_in(data, area)
        except ParseError as error:
            trouble = error
    raise trouble


def _group_in(data: Readable, area: tuple[int, int]) -> Section:
    at, size = area
    header = data.read(at, _AREA_HEADER)
    if header[4:20] != _AREA_MAGIC:
        raise ParseError("LVM: no metadata area")
    offset, length, checksum, flags = struct.unpack_from("<QQII", header, 40)
    if flags & _IGNORED:
        raise ParseError("LVM: the metadata area is not in use")
    if not _AREA_HEADER <= offset < size <= data.size or not 0 < length <= min(size, _MAX_TEXT):
        raise ParseError("LVM: impossible place of the metadata text")
    first = data.read(at + offset, min(length, size - offset))
    text = first + data.read(at + _AREA_HEADER, length - len(first))
    if zlib.crc32(text, _CRC_START) ^ 0xFFFFFFFF != checksum:
        raise ParseError("LVM: the metadata text fails its checksum")
    parsed = _parse(text.decode("utf-8", "replace"))
    named = [{**value, "name": key} for key, value in parsed.items() if isinstance(value, dict)]
    if len(named) != 1 or not isinstance(named[0].get("physical_volumes"), dict):
        raise ParseError("LVM: the metadata describes no volume group")
    named[0].setdefault("logical_volumes", {})  # a group without any has no such section
    return named[0]


def _places(raw: bytes, position: int) -> tuple[list[tuple[int, int]], int]:
    """Return the (start, length) pairs of a list that a zero pair ends, and the position behind it."""
    found: list[tuple[int, int]] = []
    while position + 16 <= len(raw):
        start, length = struct.unpack_from("<QQ", raw, position)
        position += 16
        if not start:
            break
        found.append((start, length))
    return found, position


def _parse(text: str) -> Section:
    root: Section = {}
    stack = [root]
    for match in _STATEMENT.finditer(text):
        if match["open"] is not None:
            if len(stack) > _MAX_DEPTH:
                raise ParseError("LVM: sections lie too deep")
            stack[-1][match["open"]] = section = Section()
            stack.append(section)
        elif match["close"] is not None and len(stack) > 1:
            stack.pop()
        elif match["key"] is not None:
            stack[-1][match["key"]] = _value(match["value"])
    return root


def _value(token: str) -> Any:
    if token.startswith("["):
        return [_value(item) for item in _ITEM.findall(token[1:-1])]
    if token.startswith('"'):
        return token[1:-1]
    return int(token) if token.isdigit() and len(token) < 20 else token
