"""One MFT record, field by field: for what is not worth a batch (the MFT's own record, attribute lists, reading).

Sources: Linux-NTFS project documentation, "FILE Record", "Attributes", "Fixup", "$ATTRIBUTE_LIST"; [MS-FSCC] 2.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = [
    "ATTRIBUTE_LIST", "DATA", "DIRECTORY", "END", "FILE_NAME", "INDEX_ALLOCATION", "INDEX_ROOT", "IN_USE", "REFERENCE",
    "REPARSE_POINT", "SECTOR", "STANDARD_INFORMATION", "VOLUME_NAME", "Attribute", "ListItem", "Record", "fixed",
    "holds_name", "list_items", "parse_record",
]  # fmt: skip

STANDARD_INFORMATION: Final = 0x10
ATTRIBUTE_LIST: Final = 0x20
FILE_NAME: Final = 0x30
VOLUME_NAME: Final = 0x60
DATA: Final = 0x80
INDEX_ROOT: Final = 0x90
INDEX_ALLOCATION: Final = 0xA0
REPARSE_POINT: Final = 0xC0
END: Final = 0xFFFFFFFF
REFERENCE: Final = (1 << 48) - 1
IN_USE: Final = 1
DIRECTORY: Final = 2
SECTOR: Final = 512  # fixups guard every 512 bytes, whatever the medium's sectors are
_LEAST: Final = 24
_LARGEST: Final = (1 << 63) - 1  # sizes are signed in NTFS, and in our tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute header with its content (resident) or the packed run list (non-resident)."""

    kind: int
    number: int
    flags: int
    name: str
    resident: bool
    content: bytes
    first: int = 0
    size: int = 0
    initialised: int = 0
    unit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; ``sound`` is false where a sector's end did not carry the record's update number."""

    number: int
    sequence: int
    flags: int
    base: int
    sound: bool
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class ListItem:
    """One line of an attribute list: which record holds the attribute of this kind and number."""

    kind: int
    number: int
    record: int
    sequence: int


def fixed(raw: bytes) -> tuple[bytearray, bool]:
    """Return a record or index buffer with its sector ends put back where they carry the update number."""
    record, good = bytearray(raw), True
    offset, count = struct.unpack_from("<HH", record, 4)
    if count != len(record) // SECTOR + 1 or offset + 2 * count > SECTOR - 2:
        return record, False
    number = record[offset : offset + 2]
    for sector in range(1, count):
        end = sector * SECTOR
        if record[end - 2 : end] == number:
            record[end - 2 : end] = record[offset + 2 * sector : offset + 2 * sector + 2]
        else:
            good = False
    return record, good


def parse_record(raw: bytes, number: int, kinds: frozenset[int] = frozenset()) -> Record | None:
    """Return a record of 512 to 4096 bytes, or None where it is none; with ``kinds``, only its attributes of these."""
    if len(raw) < SECTOR or raw[:4] not in (b"FILE", b"BAAD"):
        return None
    record, sound = fixed(raw)
    sequence, _, _, flags = struct.unpack_from("<HHHH", record, 16)
    (base,) = struct.unpack_from("<Q", record, 32)
    attributes = tuple(_attributes(record, kinds))
    return Record(number=number, sequence=sequence, flags=flags, base=base, sound=sound, attributes=attributes)


def _attributes(record: bytearray, kinds: frozenset[int]) -> Iterator[Attribute]:
    (at,) = struct.unpack_from("<H", record, 20)
    while at + _LEAST <= len(record):
        kind, length = struct.unpack_from("<II", record, at)
        if kind == END or length < _LEAST or at + length > len(record):
            return
        attribute = _attribute(bytes(record[at : at + length]), kind) if not kinds or kind in kinds else None
        if attribute is not None:
            yield attribute
        at += length


def _attribute(raw: bytes, kind: int) -> Attribute | None:
    """Return an attribute, or None where its own lengths contradict each other."""
    (name_at, flags, number) = struct.unpack_from("<HHH", raw, 10)
    name = raw[name_at : name_at + 2 * raw[9]].decode("utf-16-le", "surrogatepass") if _even(raw, name_at) else ""
    if not raw[8]:
        length, at = struct.unpack_from("<IH", raw, 16)
        content = raw[at : at + length]
        return Attribute(
            kind=kind, number=number, flags=flags, name=name, resident=True, content=content, size=len(content),
            initialised=len(content),
        )  # fmt: skip
    if len(raw) < 64:
        return None
    first, _, runs_at, unit = struct.unpack_from("<QQHH", raw, 16)
    size, initialised = (min(value, _LARGEST) for value in struct.unpack_from("<QQ", raw, 48))
    return Attribute(
        kind=kind, number=number, flags=flags, name=name, resident=False, content=raw[runs_at:], first=first,
        size=size, initialised=initialised, unit=unit,
    )  # fmt: skip


def _even(raw: bytes, at: int) -> bool:
    return at + 2 * raw[9] <= len(raw)


def holds_name(raw: bytes | bytearray, name: bytes, parent: int, start: int, end: int) -> bool:
    """Tell whether a record, its sector ends in place, holds a UTF-16 name in a folder, without parsing it.

    The record lies from ``start`` to ``end`` in ``raw``.
    """
    at = raw.find(name, start, end)
    while at >= 0:
        fits = at - start >= 66 and raw[at - 2] * 2 == len(name)
        if fits and int.from_bytes(raw[at - 66 : at - 60], "little") == parent:
            return True
        at = raw.find(name, at + 2, end)
    return False


def list_items(content: bytes) -> Iterator[ListItem]:
    """Yield the lines of an attribute list; a line that cannot be one ends it."""
    at = 0
    while at + 26 <= len(content):
        kind, length = struct.unpack_from("<IH", content, at)
        if length < 26 or kind == END:
            return
        reference, number = struct.unpack_from("<QH", content, at + 16)
        yield ListItem(kind, number, reference & REFERENCE, reference >> 48)
        at += length
