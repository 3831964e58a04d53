"""ISO 9660 directory records with Rock Ridge and Joliet: names, extents, times, links.

Source: ECMA-119, 4th edition (9.1 directory record, 8.4.26 and 9.1.5 times); IEEE P1281 (SUSP) and P1282 (Rock Ridge:
NM, PX, TF, SL, CL, RE), as published; Microsoft, *Joliet Specification* (UCS-2 names).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from pipeline.access.found import Moment

__all__ = ["Record", "both", "long_time", "records", "short_time"]

_MAX_CONTINUED: Final = 32
_TF_NAMES: Final = ("created", "modified", "accessed", "changed")
Load = Callable[[int, int], bytes]
"""Bytes of a block: from (block, length)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A directory record; ``child`` is where a moved directory really lies.

    ``unit`` and ``gap`` are blocks of a file unit and between two of an interleaved file, ``extended`` those of an
    extended attribute record before the content.
    """

    name: str
    block: int
    size: int
    flags: int
    place: int
    times: dict[str, Moment | None]
    link: str | None = None
    child: int = 0
    moved: bool = False
    unequal: bool = False
    unit: int = 0
    gap: int = 0
    extended: int = 0
    packed: bool = False
    special: bool = False

    @property
    def folder(self) -> bool:
        """Whether it names a directory."""
        return bool(self.flags & 2) or self.child > 0

    @property
    def goes_on(self) -> bool:
        """Whether the next record of the name is a further extent of it."""
        return bool(self.flags & 0x80)


def both(raw: bytes, at: int, width: int = 4) -> tuple[int, bool]:
    """Return a field that stands in both byte orders, and whether the two differ; the little-endian one is used."""
    little = int.from_bytes(raw[at : at + width], "little")
    return little, little != int.from_bytes(raw[at + width : at + 2 * width], "big")


def _zoned(naive: datetime, quarters: int, precision_us: int) -> Moment | None:
    """Return a time with its offset in quarters of an hour (-48 to 52)."""
    quarters -= 256 if quarters > 127 else 0
    if not -48 <= quarters <= 52:
        return None
    minutes = 15 * quarters
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    at = naive.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    return Moment(at, f"recorded {sign}{size // 60:02d}:{size % 60:02d}", precision_us)


def short_time(raw: bytes) -> Moment | None:
    """Return a time of seven bytes, precise to the second."""
    try:
        naive = datetime(1900 + raw[0], *raw[1:6])  # noqa: DTZ001 - the zone follows
        return _zoned(naive, raw[6], 1_000_000)
    except (ValueError, OverflowError, IndexError):
        return None


def long_time(raw: bytes) -> Moment | None:
    """Return a time of sixteen digits and an offset, precise to a hundredth of a second."""
    try:
        text = raw[:16].decode("ascii")
        naive = datetime.strptime(text[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone follows
        return _zoned(naive + timedelta(milliseconds=10 * int(text[14:16])), raw[16], 10_000)
    except (ValueError, OverflowError, IndexError):
        return None


def records(raw: bytes, place: int, decode: Callable[[bytes], str], load: Load, skip: int | None) -> Iterator[Record]:
    """Yield a directory's records but those of itself and its parent.

    ``place`` is the directory's volume byte; ``skip`` are the bytes before Rock Ridge's fields, None where there are
    none of them.
    """
    at = 0
    while at + 33 < len(raw):
        length = raw[at]
        if not length:
            at = (at // 2048 + 1) * 2048
            continue
        record = raw[at : at + length]
        if length < 34 or len(record) < length or 33 + record[32] > length:
            at = (at // 2048 + 1) * 2048
            continue
        if record[32] != 1 or record[33] > 1:
            yield _record(record, place + at, decode, load, skip)
        at += length


def _record(raw: bytes, place: int, decode: Callable[[bytes], str], load: Load, skip: int | None) -> Record:
    (block, unequal), (size, differs) = both(raw, 2), both(raw, 10)
    width = raw[32]
    found = Record(
        name=decode(raw[33 : 33 + width]), block=block + raw[1], size=size, flags=raw[25], place=place,
        times={"modified": short_time(raw[18:25])}, unequal=unequal or differs,
        unit=raw[26], gap=raw[27], extended=raw[1],
    )  # fmt: skip
    if skip is None:
        return found
    return _rock_ridge(found, _fields(raw[33 + width + (1 - width % 2) + skip :], load))


def _fields(raw: bytes, load: Load) -> Iterator[tuple[bytes, bytes]]:
    """Yield system use fields (signature, data), with those in continuation areas."""
    for _ in range(_MAX_CONTINUED):
        further = None
        at = 0
        while at + 4 <= len(raw) and 4 <= raw[at + 2] <= len(raw) - at:
            name, data = raw[at : at + 2], raw[at + 4 : at + raw[at + 2]]
            at += raw[at + 2]
            if name == b"CE" and len(data) >= 24:
                further = both(data, 0)[0], both(data, 8)[0], both(data, 16)[0]
            elif name == b"ST":
                break
            else:
                yield name, data
        if further is None or further[2] > 1 << 16:
            return
        raw = load(further[0], further[1] + further[2])[further[1] :]


def _rock_ridge(found: Record, fields: Iterator[tuple[bytes, bytes]]) -> Record:
    name, link, times = b"", _Link(), dict(found.times)
    changes: dict[str, int | bool] = {}
    for kind, data in fields:
        if kind == b"NM" and len(data) > 1:
            name += data[1:]
        elif kind == b"SL" and data:
            link.add(data)
        elif kind == b"TF" and data:
            times |= _times(data)
        elif kind == b"PX" and len(data) >= 8:
            changes["special"] = both(data, 0)[0] & 0xF000 not in {0x4000, 0x8000, 0xA000}
        elif kind == b"CL" and len(data) >= 8:
            changes["child"] = both(data, 0)[0]
        elif kind in {b"RE", b"ZF"}:
            changes["moved" if kind == b"RE" else "packed"] = True
    text = name.decode("utf-8", "backslashreplace").replace("/", "\u2215") if name else found.name
    return replace(found, name=text, times=times, link=link.text(), **changes)  # type: ignore[arg-type]


def _times(data: bytes) -> dict[str, Moment | None]:
    """Return the times of a TF field: a bit a time, in this order; bit 7: the long form."""
    wide = bool(data[0] & 0x80)
    size, read = (17, long_time) if wide else (7, short_time)
    found, at = {}, 1
    for bit, name in enumerate(_TF_NAMES):
        if data[0] >> bit & 1:
            found[name] = read(data[at : at + size])
            at += size
    return found


class _Link:
    """A symbolic link's target from SL fields: components with flags (P1282, 4.1.3.1)."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open = False
        self._any = False

    def add(self, data: bytes) -> None:
        """Take the components of a field."""
        self._any, at = True, 1
        while at + 2 <= len(data):
            flags, length = data[at], data[at + 1]
            text = data[at + 2 : at + 2 + length].decode("utf-8", "backslashreplace")
            text = "." if flags & 2 else ".." if flags & 4 else "" if flags & 8 else text
            if self._open:
                self._parts[-1] += text
            else:
                self._parts.append(text)
            self._open = bool(flags & 1)
            at += 2 + length

    def text(self) -> str | None:
        """Return the target, None where there is none."""
        return "/".join(self._parts) if self._any else None
