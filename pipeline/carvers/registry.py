"""Registry hives, loose hive bins and loose cells (Maxim Suhanov, "Windows registry file format specification")."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["Hive", "HiveBins", "HiveCells"]

_BASE: Final = 4096
_BIN: Final = 32
"""Bytes of a bin's header: signature, offset from the first bin, size."""
_LARGEST_BIN: Final = 16 << 20
_SIGNED: Final = frozenset({b"nk", b"vk", b"sk", b"lf", b"lh", b"li", b"ri", b"db"})
_NK: Final = 76
"""Bytes of a key node before its name; its length stands at 72."""
_VK: Final = 20
_NEEDED: Final = 3
"""Signed cells, one of them a sound key or value, that prove a run of cells without a bin header."""


@dataclass(frozen=True)
class Hive(Carver):
    """Checks the base block's checksum and walks the bins and their cells to the stated size."""

    name: str = "regf"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"regf", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the hive; where bins break off it is partial."""
        head = view.read(start, min(512, limit))
        if len(head) < 512 or not _base_sound(head):
            return None
        (size,) = struct.unpack_from("<I", head, 40)
        end = _bins(view, start + _BASE, min(limit - _BASE, size), 0)
        if not end:
            return None
        whole = end == size
        note = "" if whole else f"bins break off at {_BASE + end} of {_BASE + size} bytes"
        return Carved(start, _BASE + end, "regf", complete=whole, note=note)


@dataclass(frozen=True)
class HiveBins(Carver):
    """Takes bins that lie one behind the other, each walked cell by cell to its exact end."""

    name: str = "hbin"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"hbin", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the bins; a bin whose cells break off behind enough proof is partial."""
        head = view.read(start, min(_BIN, limit))
        if len(head) < _BIN or not _bin_size(head):
            return None
        (offset,) = struct.unpack_from("<I", head, 4)
        end = _bins(view, start, limit, offset)
        if end:
            return Carved(start, end, "hbin")
        data = view.read(start, min(_bin_size(head), limit))
        end, proof = _cells(data, _BIN)
        if proof < _NEEDED:
            return None
        return Carved(start, end, "hbin", complete=False, note="cells break off inside the bin")


@dataclass(frozen=True)
class HiveCells(Carver):
    """Takes a run of cells whose bin header is lost: keys and values whose fields fit and that lie side by side."""

    name: str = "registry-cells"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = (
        *((b"\xff\xffnk" + bytes([flags]) + b"\0", 2) for flags in (0x20, 0x24, 0x2C, 0x00, 0x30)),
        *((b"\xff\xffvk", 2),),
    )

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the run; it ends with its last sound cell."""
        data = view.read(start, min(limit, 2 * _BASE))
        if len(data) < 8 or not _sound_cell(data, 0, -struct.unpack_from("<i", data)[0]):
            return None
        data = view.read(start, min(limit, 1 << 20))
        end, proof = _cells(data, 0)
        if proof < _NEEDED:
            return None
        return Carved(start, end, "registry-cells")


def _base_sound(head: bytes) -> bool:
    """Tell whether a base block is one: version 1.3 to 1.6, a primary file, XOR checksum of its first 508 bytes."""
    major, minor, kind, form, root, size = struct.unpack_from("<6I", head, 20)
    words = np.frombuffer(head, "<u4", 127)
    checksum = int(np.bitwise_xor.reduce(words))
    checksum = {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum)
    sound = (major, kind, form) == (1, 0, 1) and 2 <= minor <= 6
    return sound and checksum == struct.unpack_from("<I", head, 508)[0] and 0 < root < size and not size % _BASE


def _bin_size(head: bytes) -> int:
    """Return a bin's size, 0 where its header is none."""
    offset, size = struct.unpack_from("<II", head, 4)
    fits = not offset % _BASE and offset < 1 << 31 and not size % _BASE and 0 < size <= _LARGEST_BIN
    return size if head.startswith(b"hbin") and fits else 0


def _bins(view: Readable, start: int, limit: int, offset: int) -> int:
    """Return the end of the sound bins from ``start``, whose first has ``offset`` in its hive."""
    at = 0
    while at + _BIN <= limit:
        head = view.read(start + at, _BIN)
        size = _bin_size(head) if len(head) == _BIN else 0
        if not size or struct.unpack_from("<I", head, 4)[0] != offset + at or at + size > limit:
            break
        end, _ = _cells(view.read(start + at, size), _BIN)
        if end != size:
            break
        at += size
    return at


def _cells(data: bytes, at: int) -> tuple[int, int]:
    """Walk cells; return where they end and the proof: signed cells, none where no key or value is sound."""
    signed, sound = 0, False
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<i", data, at)
        length = abs(size)
        if length < 8 or length % 8 or at + length > len(data):
            break
        if size < 0 and data[at + 4 : at + 6] in _SIGNED:
            signed += 1
            sound = sound or _sound_cell(data, at, length)
        at += length
    return at, signed if sound else 0


def _sound_cell(data: bytes, at: int, length: int) -> bool:
    """Tell whether a key's or a value's name fits its cell with less than 8 bytes to spare, and its time is one."""
    kind = data[at + 4 : at + 6]
    if kind == b"nk" and length >= _NK + 4 and at + _NK + 4 <= len(data):
        stamp = int.from_bytes(data[at + 8 : at + 16], "little")
        name = int.from_bytes(data[at + 76 : at + 78], "little")
        return 0 <= length - 4 - _NK - name < 16 and 0x01A8E79FE1D58000 <= stamp < 1 << 58
    if kind == b"vk" and length >= _VK + 4 and at + _VK + 4 <= len(data):
        name = int.from_bytes(data[at + 6 : at + 8], "little")
        type_ = int.from_bytes(data[at + 16 : at + 20], "little")
        return 0 <= length - 4 - _VK - name < 16 and (type_ < 20 or type_ >> 16 == 0xFFFF)
    return False
