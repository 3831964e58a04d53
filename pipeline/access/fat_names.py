"""Directory slots of FAT and their names (Microsoft FAT specification 1.03, §6 and §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Slot", "checksum", "safe_name", "short_name", "slots_of"]

_LONG_PARTS: Final = ((1, 11), (14, 26), (28, 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One short entry: its place in the directory's bytes, raw bytes and names; ``slack`` lies behind the end mark."""

    at: int
    raw: bytes
    name: str
    short: str
    deleted: bool
    slack: bool
    decoded: bool


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


def _deleted_first(parts: list[bytes], raw: bytes) -> bool:
    sums = {part[13] for part in parts}
    return len(sums) == 1 and any(checksum(bytes([first]) + raw[1:11]) in sums for first in range(256))


def _named(at: int, raw: bytes, parts: list[bytes], slack: bool, code_page: str) -> Slot:
    short, decoded = short_name(raw, code_page)
    deleted = raw[0] == 0xE5
    own = _deleted_first(parts, raw) if deleted else _live_parts(parts, raw)
    name = _long(parts) if own else short
    if deleted and own and raw[1:2] and short.startswith("_"):
        firsts = [c for c in range(0x21, 256) if checksum(bytes([c]) + raw[1:11]) == parts[0][13]]
        wanted = name[:1].upper().encode(code_page, "replace")[:1]
        if wanted and wanted[0] in firsts:
            short, decoded = short_name(wanted + raw[1:], code_page)
    return Slot(at=at, raw=raw, name=name or short, short=short, deleted=deleted, slack=slack, decoded=decoded)


def slots_of(data: bytes, code_page: str) -> Iterator[Slot]:
    """Yield the short entries of a directory's bytes, also those behind the end mark, with their stitched names."""
    parts: list[bytes] = []
    slack = False
    for at in range(0, len(data) - 31, 32):
        raw = data[at : at + 32]
        if raw[0] == 0:
            slack, parts = True, []
        elif raw[11] & 0x3F == 0x0F:
            parts = [] if raw[0] != 0xE5 and raw[0] & 0x40 else parts
            parts = [*parts, raw][-20:]
        else:
            stitched = _long_order(parts)
            yield _named(at, raw, stitched, slack, code_page)
            parts = []


def _long_order(parts: list[bytes]) -> list[bytes]:
    """Return the slots next to the entry that share its last slot's checksum, in disk order."""
    kept: list[bytes] = []
    for part in reversed(parts):
        if kept and part[13] != kept[0][13]:
            break
        kept.append(part)
    return list(reversed(kept))
