"""``akashi show CASE ID``: where a finding, file, claim or byte is, and what rests on it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

from pipeline.cli.common import case_of
from pipeline.config import Case
from pipeline.exporters.text import neutral
from pipeline.review.chain import Link, walk
from pipeline.review.place import Place, place_at
from pipeline.stages.context import Context
from pipeline.store import Store

__all__ = ["add_to"]

_LONGEST: Final = 8


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("id", metavar="ID", help="id of a row, or an exhibit's label")
    parser.add_argument("--at", type=_offset, default=None, metavar="OFFSET", help="image offset of the exhibit ID")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Print the chain, or what a byte is."""
    case = case_of(options)
    store = Store(case.out)
    if options.at is not None:
        return _show_byte(case, case.exhibit(options.id).label, options.at)
    for link in walk(store, options.id):
        print(_text(link))
    return 0


def _offset(text: str) -> int:
    """Read an offset: decimal, or hexadecimal with ``0x``."""
    try:
        return int(text, 0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no offset; write 4096 or 0x1000") from error


def _show_byte(case: Case, exhibit: str, offset: int) -> int:
    image = Context(case).image(exhibit)
    place = place_at(Store(case.out), exhibit, offset, image)
    for line in _lines(place):
        print(line)
    return 0


def _lines(place: Place) -> Iterator[str]:
    extent = place.extent
    yield f"{place.exhibit} byte {place.offset} (0x{place.offset:x}), sector {place.sector}: {extent.class_}"
    if place.structure:
        yield f"  structure: {place.structure}"
    yield f"  extent: {extent.start}+{extent.length}"
    if place.volume is not None:
        inside = "" if place.volume_offset is None else f", byte {place.volume_offset}"
        if place.volume_offset is not None:
            inside += f", sector {place.volume_offset // 512}"
        block = "" if place.block is None else f", cluster {place.block}"
        yield f"  volume: {place.volume.address} ({place.volume.file_system or 'unknown'}){inside}{block}"
    for number, one in enumerate(place.claimants):
        role = "owner" if number == 0 and extent.owner == one.entry.id else "also claimed by"
        where = "" if one.offset is None else f", {'slack at' if one.behind else 'offset'} {one.offset}"
        yield f"  {role}: file {one.entry.id}, {one.entry.origin} {one.entry.address}{where}"
    if extent.claimant_count > len(place.claimants):
        yield f"  claimed by {extent.claimant_count} in all"
    for examined_by, outcome, reason in place.looked:
        yield f"  {examined_by}: {outcome}{f' ({reason})' if reason else ''}"


def _text(link: Link) -> str:
    indent = "  " * link.depth
    facts = [f"{indent}{link.relation} {link.table.upper()}"]
    for name, value in link.row.items():
        if value not in (None, "", [], ()):
            facts.append(f"{indent}    {name}: {_value(value)}")
    return "\n".join(facts)


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]} … {len(value) - _LONGEST} more"
    return neutral(str(value))
