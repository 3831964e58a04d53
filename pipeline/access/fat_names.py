"""Directory slots of FAT and their names (Microsoft FAT specification 1.03, §6 and §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.fat_losses import Losses
from pipeline.records import Severity

__all__ = ["Slot", "checksum", "first_byte", "safe_name", "short_name", "slots_of"]

_LONG_PARTS: Final = ((1, 11), (14, 26), (28, 32))
_MOST_PARTS: Final = 20
_FORBIDDEN: Final = b'"*+,./:;<=>?[\\]|abcdefghijklmnopqrstuvwxyz\x7f'
"""Bytes that no short name begins with (§6.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One short entry: its place in the directory's bytes, raw bytes and names.

    ``slack`` lies behind the end mark; ``pieces`` counts the long-name slots that are its own.
    """

    at: int
    raw: bytes
    name: str
    short: str
    deleted: bool
    slack: bool
    decoded: bool
    pieces: int


def checksum(short: bytes) -> int:
    """Return the sum that ties long-name slots to an 11-byte short name (§7.2)."""
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total


def safe_name(name: str) -> str:
    """Return a name with ``/``, the separator of paths, written as U+2215; all else stays data."""
    return name.replace("/", "\u2215")


def _text(raw: bytes, code_page: str) -> tuple[str, bool]:
    try:
        return raw.decode(code_page), True
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else chr(0xDC00 + byte) for byte in raw), False


def short_name(raw: bytes, code_page: str) -> tuple[str, bool]:
    """Return the 8.3 name of an entry and whether all of it decoded; other bytes become U+DC80 + n, as in PEP 383."""
    first = b"\xe5" if raw[0] == 5 else b"_" if raw[0] == 0xE5 else raw[:1]
    base, good = _text((first + raw[1:8]).rstrip(b" "), code_page)
    tail, fine = _text(raw[8:11].rstrip(b" "), code_page)
    base = base.lower() if raw[12] & 8 else base
    tail = tail.lower() if raw[12] & 16 else tail
    return (f"{base}.{tail}" if tail else base), good and fine


def _long(parts: list[bytes]) -> str:
    joined = b"".join(part[a:b] for part in reversed(parts) for a, b in _LONG_PARTS)
    text = joined.decode("utf-16-le", "surrogatepass").rstrip("\uffff")
    return text.removesuffix("\0")


def _live_parts(parts: list[bytes], raw: bytes) -> bool:
    if not parts or not parts[0][0] & 0x40:
        return False
    order = [part[0] & 0x3F for part in parts]
    total = checksum(raw[:11])
    return order == list(range(len(parts), 0, -1)) and all(part[13] == total for part in parts)


def first_byte(total: int, raw: bytes) -> int:
    """Return the byte that a deleted short entry began with, from the checksum of its long-name slots.

    Each step of the sum (§7.2) can be undone, so that exactly one first byte leads to ``total``.
    """
    for byte in reversed(raw[1:11]):
        total = total - byte & 0xFF
        total = (total << 1 | total >> 7) & 0xFF
    return total


def _deleted_parts(parts: list[bytes], raw: bytes) -> bool:
    if not parts:
        return False
    first = first_byte(parts[0][13], raw)
    return first == 5 or (first > 0x20 and first not in _FORBIDDEN)


def _named(at: int, raw: bytes, parts: list[bytes], slack: bool, code_page: str) -> Slot:
    deleted = raw[0] == 0xE5
    own = _deleted_parts(parts, raw) if deleted else _live_parts(parts, raw)
    whole = bytes([first_byte(parts[0][13], raw)]) + raw[1:] if deleted and own else raw
    short, decoded = short_name(whole, code_page)
    name = (_long(parts) if own else "") or short or "_"
    return Slot(
        at=at, raw=raw, name=name, short=short, deleted=deleted, slack=slack, decoded=decoded, pieces=len(parts) * own
    )


def slots_of(data: bytes, code_page: str, losses: Losses) -> Iterator[Slot]:
    """Yield the short entries of a directory's bytes, also those behind the end mark, with their stitched names.

    Pieces of long names that belong to no entry are counted as losses.
    """
    parts: list[bytes] = []
    slack = False
    for at in range(0, len(data) - 31, 32):
        raw = data[at : at + 32]
        if raw[0] == 0:
            _tell(parts, 0, slack, losses)
            slack, parts = True, []
        elif raw[11] & 0x3F == 0x0F:
            parts.append(raw)
        else:
            slot = _named(at, raw, _own_parts(parts, raw[0] == 0xE5), slack, code_page)
            _tell(parts, slot.pieces, slack, losses)
            yield slot
            parts = []
    _tell(parts, 0, slack, losses)


def _tell(parts: list[bytes], kept: int, slack: bool, losses: Losses) -> None:
    """Count the pieces in front of those that were used."""
    if len(parts) == kept:
        return
    lost = parts[: len(parts) - kept]
    alive = 0 if slack else sum(part[0] != 0xE5 for part in lost)
    losses.add("piece of a long name belongs to no entry", count=alive)
    losses.add("piece of a deleted long name belongs to no entry", count=len(lost) - alive, severity=Severity.NOTE)


def _own_parts(parts: list[bytes], deleted: bool) -> list[bytes]:
    """Return the slots next to an entry that may be its own, in disk order: one checksum, up to the name's last slot.

    The last slot of a name lies first; a live one is marked, a deleted one shows by the padding behind the name.
    """
    kept: list[bytes] = []
    for part in reversed(parts[-_MOST_PARTS:]):
        if (part[0] == 0xE5) != deleted or (kept and part[13] != kept[0][13]):
            break
        kept.append(part)
        if part[30:32] in (b"\xff\xff", b"\0\0") if deleted else part[0] & 0x40:
            break
    return list(reversed(kept))
