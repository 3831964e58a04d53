"""Linux software RAID over members in one image: put together from their superblocks, or named with what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.access.interfaces import Readable
from pipeline.access.md_layout import Array, Place, parity_layout, plain_layout, ten_layout
from pipeline.access.md_super import SPARE, Member, read_member
from pipeline.access.overlay import Slice
from pipeline.access.pool import Found, Pool, Stripes, linear, unknown_inside
from pipeline.access.stated import copy_stands, stated_size
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, Volume, diagnose

__all__ = ["assemble_md", "carries_raid"]

_SUPERBLOCK: Final = 4096
_PROBE: Final = 4096
_PROBES: Final = 64


@dataclass(frozen=True, slots=True)
class _Device:
    carrier: Found
    member: Member

    @property
    def data(self) -> Readable:
        """Return what it gives to the array."""
        return Slice(self.carrier.bytes, self.member.data_start, self.member.data_length)


def assemble_md(carriers: Sequence[Found]) -> Iterator[Found | Diagnostic | Region]:
    """Yield the arrays that members belong to, and the regions of the members that hold no data."""
    arrays: dict[str, list[_Device]] = defaultdict(list)
    for carrier in carriers:
        try:
            member = read_member(carrier.bytes)
            if member is None:
                raise ParseError("no superblock of a RAID member")
            arrays[member.array].append(_Device(carrier, member))
        except (ParseError, UnreadableError) as error:
            yield from unknown_inside(carrier.row, "raid", str(error), scheme="md")
    for key in sorted(arrays):
        devices = sorted(arrays[key], key=lambda device: (device.carrier.row.start, device.carrier.row.address))
        yield from _Assembly(devices).rows()
        for device in devices:
            yield from _regions(device)


class _Assembly:
    """One array: of the devices that say they belong to it, those whose superblocks are of the last state."""

    def __init__(self, devices: list[_Device]) -> None:
        last = max(device.member.events for device in devices)
        self._all = devices
        self._array = next(device.member for device in devices if device.member.events == last)
        self._fresh: dict[int, _Device] = {}
        for device in devices:
            # mdadm(8), --assemble: a device one event behind is still taken, it was being stopped
            if device.member.events >= last - 1 and device.member.role < self._array.devices:
                self._fresh.setdefault(device.member.role, device)
        self._stale = [d for d in devices if d.member.role != SPARE and d not in self._fresh.values()]
        self._name = self._array.name or self._array.array[:8]

    def rows(self) -> Iterator[Found | Diagnostic]:
        """Yield the array, or what stands in the way, and what of its devices it leaves out."""
        missing = self._array.devices - len(self._fresh)
        try:
            if self._array.trouble:
                raise ParseError(self._array.trouble)
            if self._array.level == 1:
                yield from self._copies()
                return
            yield self._put_together()
        except (ParseError, UnreadableError) as error:
            lack = f"; {missing} of its {self._array.devices} members are missing: add their images" * bool(missing)
            pool = Pool([device.carrier for device in self._all])
            reason = f"RAID {self._array.level} cannot be put together ({error}{lack})"
            yield from pool.closed("raid", self._name, self._length(), reason, scheme="md")
            return
        if missing:
            yield self._degraded(missing)
        for device in self._stale:
            address = device.carrier.row.address
            message = f"{address}: is of an older state of its array than the others; its own bytes are scanned raw"
            yield diagnose("volumes", address, "raid-stale", message, Severity.LOSS)

    def _degraded(self, missing: int) -> Diagnostic:
        address = self._all[0].carrier.row.address
        message = f"{address}: {missing} of {self._array.devices} members of its RAID are missing; it is read without"
        return diagnose("volumes", address, "raid-degraded", message, Severity.WARNING)

    def _length(self) -> int:
        """Return the array's length as far as it is known: what its members give, less their parity and copies."""
        array, count = self._array, self._array.devices
        if array.level in {-1, 0}:
            return sum(device.member.data_length for device in self._fresh.values())
        near = max(array.layout & 0xFF, 1) * max(array.layout >> 8 & 0xFF, 1)
        shares = {1: 1, 4: count - 1, 5: count - 1, 6: count - 2, 10: count // near}.get(array.level, count)
        return min(array.size * max(shares, 0), 1 << 62)

    # -- mirrors ---------------------------------------------------------------------------------------------------

    def _copies(self) -> Iterator[Found | Diagnostic]:
        """Yield the array by its first copy, and each copy that differs from it as a volume of its own."""
        if not self._fresh:
            raise ParseError("no member of its last state is here")
        first = self._fresh[min(self._fresh)]
        yield self._copy(first, self._name)
        if self._array.devices > len(self._fresh):
            yield self._degraded(self._array.devices - len(self._fresh))
        others = [device for device in self._all if device is not first and device.member.role != SPARE]
        for device in others:
            if device in self._fresh.values() and _agree(first.data, device.data):
                continue
            copy = self._copy(device, f"{self._name}/{device.member.role}")
            yield copy
            message = f"{copy.row.address}: this copy differs from the array's first; it is examined by itself"
            yield diagnose("volumes", copy.row.address, "raid-copies-differ", message, Severity.WARNING)

    def _copy(self, device: _Device, name: str) -> Found:
        pool = Pool([device.carrier])
        length = min(self._array.size or device.member.data_length, device.member.data_length)
        place = pool.place(0, device.member.data_start, length)
        return pool.inner("raid", name, [linear(place, length)], scheme="md")

    # -- the others --------------------------------------------------------------------------------------------------

    def _put_together(self) -> Found:
        member = self._array
        array = Array(
            level=member.level, layout=member.layout, chunk=member.chunk, devices=member.devices, size=member.size
        )
        array.check(chunked=False)
        devices = dict(self._fresh)
        spare = self._parity(array)
        carriers = [device.carrier for device in self._all] + ([spare] if spare is not None else [])
        pool = Pool(carriers)

        def place(column: int, start: int, length: int) -> int:
            if column in devices:
                member = devices[column].member
                if start + length > member.data_length:
                    raise ParseError("a member is shorter than its array")
                return pool.place(carriers.index(devices[column].carrier), member.data_start + start, length)
            if spare is None:
                raise ParseError(f"member {column} is not here")
            return pool.place(len(carriers) - 1, start, length)

        return pool.inner("raid", self._name, self._layout(array, place), scheme="md")

    def _layout(self, array: Array, place: Place) -> list[Stripes]:
        if array.level in {-1, 0}:
            if len(self._fresh) < array.devices:
                raise ParseError("every member is needed")
            lengths = [self._fresh[column].member.data_length for column in range(array.devices)]
            return plain_layout(array, lengths, place)
        if array.level in {4, 5, 6}:
            return parity_layout(array, place)
        if array.level == 10:
            return ten_layout(array, [column in self._fresh for column in range(array.devices)], place)
        raise ParseError("a level that this version does not know")

    def _parity(self, array: Array) -> Found | None:
        """Return what stands for the one missing member of a RAID 4 or 5: the exclusive or of the others."""
        if array.level not in {4, 5} or len(self._fresh) != array.devices - 1 or array.devices < 2:
            return None
        parts = tuple(device.data for _, device in sorted(self._fresh.items()))
        row: Volume = replace(self._all[0].carrier.row, direct=False, runs=())
        return Found(row, _ExclusiveOr(parts, min([array.size, *(part.size for part in parts)])))


@dataclass(frozen=True, slots=True)
class _ExclusiveOr:
    """The exclusive or of several readables, as long as asked for."""

    parts: tuple[Readable, ...]
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where any of the parts cannot be read."""
        length = max(min(length, self.size - start), 0)
        total = np.zeros(length, np.uint8)
        for part in self.parts:
            piece = part.read(start, length)
            if len(piece) < length:
                raise UnreadableError(f"byte {start} of a RAID member cannot be read")
            total ^= np.frombuffer(piece, np.uint8)
        return total.tobytes()


def _agree(left: Readable, right: Readable) -> bool:
    """Tell whether two copies agree wherever they are compared: at the start and at places spread over them."""
    size = min(left.size, right.size)
    places = [0, *(size // _PROBES * number // _PROBE * _PROBE for number in range(1, _PROBES))]
    try:
        return all(left.read(at, _PROBE) == right.read(at, _PROBE) for at in places)
    except UnreadableError:
        return False


def carries_raid(data: Readable) -> bool:
    """Tell whether a volume is a member of a RAID, sound or damaged, rather than what begins at its start.

    A superblock behind the data may be left from before the volume was used again. A file system that fits the volume,
    and whose own copies do not stand elsewhere, is therefore taken for what it is; except on a mirror, where it is the
    array's own and the copies are compared.
    """
    try:
        member = read_member(data)
    except ParseError:
        return stated_size(data) == 0
    if member is None:
        return False
    if not member.ends or member.level == 1:
        return True
    return not 0 < stated_size(data) <= member.data_length or copy_stands(data) is False


def _regions(device: _Device) -> Iterator[Region]:
    """Yield a member's superblock, what lies around it up to the data, and what lies behind both."""
    member, pool = device.member, Pool([device.carrier])
    end, size = member.data_start + member.data_length, device.carrier.bytes.size
    if not member.ends:
        yield from pool.regions(0, 0, member.data_start, ExtentClass.VOLUME_METADATA, "md superblock")
        yield from pool.regions(0, end, size - end, ExtentClass.UNALLOCATED, "behind the RAID member's data")
        return
    at = max(member.superblock, end)
    yield from pool.regions(0, end, at - end, ExtentClass.UNALLOCATED, "behind the RAID member's data")
    yield from pool.regions(0, at, _SUPERBLOCK, ExtentClass.VOLUME_METADATA, "md superblock")
    yield from pool.regions(0, at + _SUPERBLOCK, size, ExtentClass.UNALLOCATED, "behind the RAID member's superblock")
