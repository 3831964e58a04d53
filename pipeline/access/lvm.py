"""LVM2 volume groups over one or several physical volumes: linear, striped and mirrored logical volumes.

Source: lvm2's text metadata as its tools write it (``man lvmsystemid``, ``lib/format_text``): segments name physical
volumes, or other logical volumes, by stretches of extents. What cannot be put together is named with its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pipeline.access.lvm_text import Label, Section, logical_names, logical_size, read_label, read_metadata
from pipeline.access.pool import MAX_VOLUMES, Found, Pool, Stripes, unknown_inside
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, diagnose

__all__ = ["assemble_lvm"]

_SECTOR: Final = 512
_DEPTH: Final = 4
_FAILURES: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError)
_KINDS: Final = {
    "thin-pool": "a thin pool", "thin": "a thin volume", "snapshot": "a snapshot", "cache": "a cached volume",
    "cache-pool": "a cache", "vdo": "a VDO volume", "vdo-pool": "a VDO pool", "writecache": "a cached volume",
}  # fmt: skip


class _MissingError(ParseError):
    """A logical volume needs a physical volume that is not here."""


@dataclass(frozen=True, slots=True)
class _Member:
    carrier: Found
    label: Label


def assemble_lvm(carriers: Sequence[Found]) -> Iterator[Found | Diagnostic | Region]:
    """Yield the logical volumes of the groups that physical volumes belong to, and what is the groups' own."""
    members: dict[str, _Member] = {}
    groups: dict[str, Section] = {}
    reasons: dict[str, str] = {}
    for carrier in carriers:
        uuid = carrier.row.address
        try:
            label = read_label(carrier.bytes)
            if label.uuid in members:
                raise ParseError("another volume has the same identity; it is a copy of it")
            uuid = label.uuid
            members[uuid] = _Member(carrier, label)
            group = read_metadata(carrier.bytes, label)
        except (ParseError, UnreadableError) as error:
            members.setdefault(uuid, _Member(carrier, Label(uuid=uuid, areas=())))
            reasons[uuid] = str(error)
            continue
        key = str(group.get("id"))
        if key not in groups or _age(group) > _age(groups[key]):
            groups[key] = group
    for key in sorted(groups):
        yield from _rows_of(groups[key], members, reasons)
    for uuid in sorted(reasons):  # no group that could be read names it
        yield from unknown_inside(members[uuid].carrier.row, "lv", reasons[uuid], scheme="lvm")


def _rows_of(
    group: Section, members: dict[str, _Member], reasons: dict[str, str]
) -> Iterator[Found | Diagnostic | Region]:
    """Yield what one group holds, and strike its physical volumes from those that still need a reason."""
    here = [uuid for uuid in map(_plain_id, group["physical_volumes"].values()) if uuid in members]
    try:
        yield from _Group(group, members).rows()
    except (ParseError, UnreadableError, *_FAILURES) as error:
        for uuid in here:
            reasons[uuid] = f"its metadata is damaged: {error}"
        return
    for uuid in here:
        reasons.pop(uuid, None)


def _age(group: Section) -> int:
    number = group.get("seqno")
    return number if isinstance(number, int) else -1


class _Group:
    """One volume group, as far as its physical volumes are here."""

    def __init__(self, group: Section, members: dict[str, _Member]) -> None:
        self._group, self._name = group, str(group["name"])
        self._unit = _number(group, "extent_size") * _SECTOR
        named = {name: _plain_id(row) for name, row in group["physical_volumes"].items()}
        here = {name: members[uuid] for name, uuid in named.items() if uuid in members}
        order = sorted(here, key=lambda name: (here[name].carrier.row.start, name))
        self._index = {name: number for number, name in enumerate(order)}
        self._members = [here[name] for name in order]
        self._absent = sorted(set(named) - set(here))
        self._pool = Pool([member.carrier for member in self._members])

    def rows(self) -> Iterator[Found | Diagnostic | Region]:
        """Yield the logical volumes, what is wrong, and the regions of the physical volumes."""
        address = self._pool.row.address
        if self._absent:
            message = (
                f"{address}: the volume group lacks {len(self._absent)} of its physical volumes "
                f"({', '.join(self._absent[:8])}); what lies on them is not read: add their images"
            )
            yield diagnose("volumes", address, "unsupported", message, Severity.LOSS)
        names = logical_names(self._group)
        if not names:
            message = f"{address}: the volume group names no logical volume; it is scanned raw"
            yield diagnose("volumes", address, "no-logical-volume", message, Severity.NOTE)
        for name in names[:MAX_VOLUMES]:
            yield from self._logical(name)
        if len(names) > MAX_VOLUMES:
            message = f"{address}: {len(names)} logical volumes, of which {MAX_VOLUMES} are opened; the rest is raw"
            yield diagnose("volumes", address, "limit", message, Severity.LOSS)
        yield from self._regions()

    def _logical(self, name: str) -> Iterator[Found | Diagnostic]:
        step = f"{self._name}/{name}"
        try:
            self._refuse_snapshot(name)
            layout = self._layout(name, 0)
        except (ParseError, *_FAILURES) as error:
            reason = str(error) if isinstance(error, ParseError) else "its metadata is damaged"
            size = logical_size(self._group, name)
            yield from self._pool.closed("lv", step, size, reason, scheme="lvm", label=name)
            return
        yield self._pool.inner("lv", step, layout, scheme="lvm", label=name)

    def _refuse_snapshot(self, name: str) -> None:
        """Refuse a volume that holds a classic snapshot's changed blocks; its own row is all there is of it."""
        for row in self._group["logical_volumes"].values():
            segment = row.get("segment1", {}) if isinstance(row, dict) else {}
            if isinstance(segment, dict) and segment.get("cow_store") == name:
                raise ParseError(
                    f"it is a snapshot of {segment.get('origin')}, which this version does not put together"
                )

    def _layout(self, name: str, depth: int) -> tuple[Stripes, ...]:
        """Return where a logical volume lies; of mirrors, where the first copy that is here lies."""
        volume = self._group["logical_volumes"][name]
        if depth > _DEPTH:
            raise ParseError("its segments refer to each other without end")
        parts: list[Stripes] = []
        position = 0
        for number in range(1, _number(volume, "segment_count") + 1):
            segment = volume[f"segment{number}"]
            if segment["start_extent"] != position:
                raise ParseError("its segments do not follow each other")
            count = _number(segment, "extent_count")
            parts += self._segment(segment, count, depth)
            position += count
        return tuple(parts)

    def _segment(self, segment: Section, count: int, depth: int) -> tuple[Stripes, ...]:
        kind = segment["type"]
        if kind in {"striped", "linear"}:
            return (self._striped(segment, count),)
        copies = {"mirror": "mirrors", "raid1": "raids"}.get(kind)
        if copies is None:
            raise ParseError(f"it is {_KINDS.get(kind, f'of type {kind}')}, which this version does not put together")
        names = segment[copies][::2] if kind == "mirror" else segment[copies][1::2]  # (copy, 0) or (metadata, copy)
        lost: ParseError = _MissingError("none of its copies is here")
        for name in names:
            try:
                layout = self._layout(name, depth + 1)
            except _MissingError as error:
                lost = error
                continue
            if sum(part.length for part in layout) != count * self._unit:
                raise ParseError("its copies are not as long as it is")
            return layout
        raise lost

    def _striped(self, segment: Section, count: int) -> Stripes:
        columns, stripes = _number(segment, "stripe_count"), segment["stripes"]
        share = count * self._unit // max(columns, 1)
        chunk = _number(segment, "stripe_size") * _SECTOR if columns > 1 else share
        if not columns or not chunk or len(stripes) != 2 * columns or count % columns or share % chunk:
            raise ParseError("its stripes do not share its extents")
        places = [self._place(stripes[at], stripes[at + 1], share) for at in range(0, len(stripes), 2)]
        return Stripes(length=count * self._unit, chunk=chunk, places=tuple(places), stride=chunk)

    def _place(self, name: str, extent: int, length: int) -> int:
        physical = self._group["physical_volumes"][name]
        if name not in self._index:
            raise _MissingError(f"it needs the physical volume {name} ({physical['id']}), which is not here")
        return self._pool.place(
            self._index[name], _number(physical, "pe_start") * _SECTOR + extent * self._unit, length
        )

    # -- what is the group's own -----------------------------------------------------------------------------------

    def _regions(self) -> Iterator[Region]:
        """Yield labels, metadata areas and the metadata of mirrors, then what no logical volume holds."""
        taken = self._taken()
        for name, index in self._index.items():
            physical, member = self._group["physical_volumes"][name], self._members[index]
            start = physical["pe_start"] * _SECTOR if isinstance(physical.get("pe_start"), int) else 0
            own = [(0, start), *(area for area in member.label.areas if area[0] >= start)]
            for at, length in own:
                yield from self._pool.regions(index, at, length, ExtentClass.VOLUME_METADATA, "LVM metadata")
            held = sorted([*own, *((start + at * self._unit, n * self._unit) for at, n in taken[name])])
            for at, length in _gaps(held, member.carrier.bytes.size):
                yield from self._pool.regions(index, at, length, ExtentClass.UNALLOCATED, "LVM free extents")

    def _taken(self) -> dict[str, list[tuple[int, int]]]:
        """Return (first extent, extents) by physical volume of what any segment refers to, whatever its kind."""
        taken: dict[str, list[tuple[int, int]]] = {name: [] for name in self._index}
        for segment in _segments(self._group):
            count = segment.get("extent_count")
            for key, values in segment.items():
                columns = segment.get("stripe_count") if key == "stripes" else 1
                for name, extent in pairwise(values) if isinstance(values, list) else ():
                    if name in taken and isinstance(extent, int) and isinstance(count, int):
                        share = count // columns if isinstance(columns, int) and columns > 0 else count
                        taken[name].append((extent, share))
        return taken


def _segments(group: Section) -> Iterator[Section]:
    for volume in group["logical_volumes"].values():
        for segment in volume.values() if isinstance(volume, dict) else ():
            if isinstance(segment, dict):
                yield segment


def _gaps(held: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of what lies between ascending stretches, and behind the last."""
    position = 0
    for start, length in held:
        if start > position:
            yield position, min(start, size) - position
        position = max(position, start + length)
    if position < size:
        yield position, size - position


def _number(row: Section, key: str) -> int:
    """Return a count that must not be negative."""
    value: Any = row[key]
    if not isinstance(value, int) or value < 0:
        raise ParseError(f"{key} is no number")
    return value


def _plain_id(row: Any) -> str:
    return str(row.get("id", "")).replace("-", "") if isinstance(row, dict) else ""
