"""Rows of exhibits, their volumes, and where bytes lie in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Evidence", "Leaf", "Run", "Unreadable", "Volume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One exhibit: what was acquired, and what its bytes hash to."""

    exhibit: str
    role: str
    format: str
    size: int
    segments: int
    stored_md5: str | None
    stored_sha1: str | None
    stored_sha256: str | None
    recorded_md5: str | None
    recorded_sha1: str | None
    recorded_sha256: str | None
    md5: str
    sha1: str
    sha256: str
    merkle_root: str
    files_sha256: str
    verified: bool
    unreadable: int
    cross_checked: int
    serial: str | None
    acquired_by: str | None
    acquired_at: datetime | None
    acquired_tool: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A megabyte of an exhibit as a leaf of its Merkle tree."""

    exhibit: str
    index: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch of a file or volume: its image offset (-1: sparse, reads as zeros) and its length."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A partition, a logical or unlocked volume, or a snapshot.

    ``start`` is an image offset. Where ``direct``, volume byte *n* is image byte ``start + n``. Otherwise ``runs`` say
    in volume order which image bytes hold the volume's (-1: none, they read as zeros): as they are, or enciphered where
    ``encryption`` names a method. Without runs the bytes only exist through the layer (snapshots, APFS). ``opened_by``
    is the kind of key that unlocked an encrypted volume, and the slot or protector that it opened; never the key.
    """

    address: str
    exhibit: str
    start: int
    length: int
    direct: bool
    scheme: str
    part_type: str
    file_system: str
    label: str
    serial: str
    block_size: int
    encryption: str
    state: str
    reader: str
    runs: tuple[Run, ...] = ()
    opened_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A run of an image whose bytes are not known: what stands in their place is zeros that nobody acquired."""

    exhibit: str
    start: int
    length: int
    reason: str
