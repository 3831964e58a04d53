"""Where the bytes of a Linux software RAID lie on its members: linear, 0, 1, 4, 5, 6 and 10.

Source: md(4) ("Layouts"), and the arithmetic of the kernel's ``raid0.c`` (zones), ``raid5.c``
(``raid5_compute_sector``) and ``raid10.c`` (near, far and offset copies). A column is a member's data, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final

from pipeline.access.pool import Stripes, linear
from pipeline.errors import ParseError

__all__ = ["Array", "Place", "parity_layout", "plain_layout", "ten_layout"]

_MAX_DEVICES: Final = 384
_MAX_PERIOD: Final = 1 << 16
_ORIGINAL: Final = 1  # RAID0_ORIG_LAYOUT
_ALTERNATE: Final = 2  # RAID0_ALT_MULTIZONE_LAYOUT
_FAR_OFFSET: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """An array as its members tell it; ``size`` is what each gives to it, in bytes."""

    level: int
    layout: int
    chunk: int
    devices: int
    size: int

    def check(self, *, chunked: bool = True) -> None:
        """Refuse impossible numbers."""
        if not 0 < self.devices <= _MAX_DEVICES:
            raise ParseError("an array of an impossible number of devices")
        if chunked and (not 512 <= self.chunk <= 1 << 30 or self.chunk % 512):
            raise ParseError("an impossible chunk size")


Place = Callable[[int, int, int], int]
"""(column, start, length) to the pool's offset; ParseError where that is outside the member."""


def plain_layout(array: Array, lengths: Sequence[int], place: Place) -> list[Stripes]:
    """Return a linear array or a RAID 0 of members with these lengths."""
    array.check(chunked=array.level == 0 or array.chunk > 0)
    rounded = [length // array.chunk * array.chunk if array.chunk else length for length in lengths]
    if array.level != 0:
        return [linear(place(column, 0, length), length) for column, length in enumerate(rounded)]
    zones = sorted({length for length in rounded if length})
    if len(zones) > 1 and array.layout not in {_ORIGINAL, _ALTERNATE}:
        raise ParseError("its members differ in size, and its superblock does not say how it uses the larger ones")
    parts: list[Stripes] = []
    begin, total = 0, 0
    for end in zones:
        columns = [column for column, length in enumerate(rounded) if length >= end]
        shift = total // array.chunk if array.layout == _ORIGINAL else 0
        turned = [columns[(number + shift) % len(columns)] for number in range(len(columns))]
        places = tuple(place(column, begin, end - begin) for column in turned)
        parts.append(Stripes(length=(end - begin) * len(columns), chunk=array.chunk, places=places, stride=array.chunk))
        total += parts[-1].length
        begin = end
    return parts


def parity_layout(array: Array, place: Place) -> list[Stripes]:
    """Return a RAID 4, 5 or 6."""
    array.check()
    parities = 2 if array.level == 6 else 1
    data, layout = array.devices - parities, 5 if array.level == 4 else array.layout
    if data < 1 or layout not in range(6):
        raise ParseError(f"layout {array.layout} of RAID {array.level}, which this version does not put together")
    rows = array.size // array.chunk
    places = []
    for stripe in range(array.devices):
        for number in range(data):
            column = _column(layout, stripe, number, array.devices, parities)
            places.append(place(column, 0, array.size) + stripe * array.chunk)
    stride = array.devices * array.chunk
    return [Stripes(length=rows * data * array.chunk, chunk=array.chunk, places=tuple(places), stride=stride)]


def _column(layout: int, stripe: int, number: int, devices: int, parities: int) -> int:
    """Return the member that holds a stripe's data chunk: left or right, asymmetric or symmetric, or fixed parity."""
    turn = stripe % devices
    if layout in {4, 5}:
        return number + parities if layout == 4 else number
    parity = devices - 1 - turn if layout in {0, 2} else turn
    if layout in {2, 3}:
        return (parity + parities + number) % devices
    if parities == 2 and parity == devices - 1:
        return number + 1  # the second parity has wrapped to the first member
    return number + parities if number >= parity else number


def ten_layout(array: Array, present: Sequence[bool], place: Place) -> list[Stripes]:
    """Return a RAID 10 by the first copy of each chunk that is here."""
    array.check()
    near, far, offset = array.layout & 0xFF, array.layout >> 8 & 0xFF, bool(array.layout & _FAR_OFFSET)
    if not near or not far or near * far > array.devices or array.layout >> 18:
        raise ParseError(f"layout {array.layout:#x} of RAID 10, which this version does not put together")
    period = array.devices // gcd(array.devices, near)
    if period > _MAX_PERIOD:
        raise ParseError("an array of too many devices")
    rows_here = array.size // array.chunk // far
    scale = far if offset else 1
    places = [_copy(array, number, near, scale, present, place) for number in range(period)]
    length = rows_here * array.devices // near * array.chunk
    stride = period * near // array.devices * scale * array.chunk
    return [Stripes(length=length, chunk=array.chunk, places=tuple(places), stride=stride)]


def _copy(array: Array, number: int, near: int, scale: int, present: Sequence[bool], place: Place) -> int:
    for copy in range(near):
        row, column = divmod(number * near + copy, array.devices)
        if present[column]:
            return place(column, 0, array.size) + row * scale * array.chunk
    raise ParseError("no member with any near copy of a part of it is here")
