"""What The Sleuth Kit's binding does not hand out of an MFT record: initialised sizes, attributes, stored names.

Sources: Linux-NTFS project documentation, "FILE Record", "Attributes", "$STANDARD_INFORMATION", "$FILE_NAME", "Fixup";
[MS-FSCC] 2.6 (file attributes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

__all__ = ["NTFS_ROOT", "MftRecord", "merge_records"]

NTFS_ROOT: Final = 5
_STANDARD: Final = 0x10
_FILE_NAME: Final = 0x30
_DATA: Final = 0x80
_END: Final = 0xFFFFFFFF
_SECTOR: Final = 512
_MAX_ATTRIBUTES: Final = 512
_REFERENCE: Final = (1 << 48) - 1
_DOS_NAME: Final = 2
_WORDS: Final = (
    (0x0002, "hidden"), (0x0004, "system"), (0x0200, "sparse"), (0x0400, "reparse"), (0x0800, "compressed"),
    (0x4000, "encrypted"),
)  # fmt: skip


@dataclass(slots=True)
class MftRecord:
    """One base record; ``initialised`` holds the initialised bytes of each non-resident data stream, by its name."""

    sequence: int = 0
    attributes: int = 0
    name: str = ""
    short_name: str = ""
    parent: int = -1
    parent_sequence: int = 0
    initialised: dict[str, int] = field(default_factory=dict)

    @property
    def flags(self) -> str:
        """The attributes in words, in the order of their bits."""
        return ",".join(word for bit, word in _WORDS if self.attributes & bit)


def merge_records(
    raw: bytes, first: int, record_size: int, records: dict[int, MftRecord], wanted: frozenset[int] | None = None
) -> None:
    """Add the records in ``raw``, of which the first has the number ``first``; extensions join their base record.

    With ``wanted``, only of these base records.
    """
    for index in _chosen(raw, first, record_size, wanted):
        record = _fixed(raw[index * record_size : (index + 1) * record_size])
        if record is None:
            continue
        (base,) = struct.unpack_from("<Q", record, 32)
        row = records.setdefault(base & _REFERENCE or first + index, MftRecord())
        if not base:
            (row.sequence,) = struct.unpack_from("<H", record, 16)
        for kind, attribute in _attributes(record):
            _take(row, kind, attribute)


def _chosen(raw: bytes, first: int, record_size: int, wanted: frozenset[int] | None) -> Iterable[int]:
    """Return the indexes of records to look at."""
    count = len(raw) // record_size
    if wanted is None:
        return range(count)
    table = np.frombuffer(raw, np.uint8, count * record_size).reshape(count, record_size)
    base = table[:, 32:40].copy().view("<u8")[:, 0] & np.uint64(_REFERENCE)
    number = np.where(base == 0, np.arange(first, first + count, dtype=np.uint64), base)
    return np.flatnonzero(np.isin(number, np.array(sorted(wanted), np.uint64))).tolist()


def _fixed(raw: bytes) -> bytearray | None:
    """Return a record with its sector ends put back, or None where it is none."""
    if raw[:4] != b"FILE":
        return None
    record = bytearray(raw)
    offset, count = struct.unpack_from("<HH", record, 4)
    for sector in range(1, min(count, len(record) // _SECTOR + 1)):
        saved = record[offset + 2 * sector : offset + 2 * sector + 2]
        if len(saved) == 2:
            record[sector * _SECTOR - 2 : sector * _SECTOR] = saved
    return record


def _attributes(record: bytearray) -> Iterator[tuple[int, bytes]]:
    (at,) = struct.unpack_from("<H", record, 20)
    for _ in range(_MAX_ATTRIBUTES):
        if at + 24 > len(record):
            return
        kind, length = struct.unpack_from("<II", record, at)
        if kind == _END or length < 24 or at + length > len(record):
            return
        yield kind, bytes(record[at : at + length])
        at += length


def _take(row: MftRecord, kind: int, attribute: bytes) -> None:
    resident, (content_at,) = not attribute[8], struct.unpack_from("<H", attribute, 20)
    content = attribute[content_at:] if resident else b""
    if kind == _STANDARD and len(content) >= 36:
        (row.attributes,) = struct.unpack_from("<I", content, 32)
    elif kind == _FILE_NAME and len(content) >= 66:
        _take_name(row, content)
    elif kind == _DATA and not resident and len(attribute) >= 64:
        start, initialised = struct.unpack_from("<Q", attribute, 16)[0], struct.unpack_from("<Q", attribute, 56)[0]
        (name_at,) = struct.unpack_from("<H", attribute, 10)
        name = attribute[name_at : name_at + 2 * attribute[9]].decode("utf-16-le", "surrogatepass")
        if not start:
            row.initialised[name] = initialised


def _take_name(row: MftRecord, content: bytes) -> None:
    name = content[66 : 66 + 2 * content[64]].decode("utf-16-le", "surrogatepass")
    if content[65] == _DOS_NAME:
        row.short_name = name
        return
    (reference,) = struct.unpack_from("<Q", content)
    if not row.name:
        row.name, row.parent, row.parent_sequence = name, reference & _REFERENCE, reference >> 48
