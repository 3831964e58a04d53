"""``akashi show CASE ID``: where a finding, file, claim or byte is, and what rests on it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from pipeline.cli.common import Commands, case_of
from pipeline.errors import SettingsError
from pipeline.review.chain import Link, at_offset, walk
from pipeline.store import Store

__all__ = ["add_to"]

_LONGEST: Final = 8


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("show", help="walk a claim, finding or file down to its bytes")
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("id", metavar="ID", help="id of a row, or an exhibit's label")
    parser.add_argument("--at", type=int, default=None, metavar="OFFSET", help="image offset of the exhibit ID")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Print the chain, or what a byte is."""
    case = case_of(options)
    store = Store(case.out)
    if options.at is not None:
        return _show_byte(store, case.exhibit(options.id).label, options.at)
    for link in walk(store, options.id):
        print(_text(link))
    return 0


def _show_byte(store: Store, exhibit: str, offset: int) -> int:
    if offset < 0:
        raise SettingsError(f"{exhibit}: offset {offset} is outside the image")
    extent, examinations = at_offset(store, exhibit, offset)
    print(f"{exhibit} byte {offset}: {extent.class_}, extent {extent.start}+{extent.length}, volume {extent.volume}")
    if extent.owner is not None:
        print(f"  owner: file {extent.owner}")
    for row in examinations:
        reason = f" ({row['reason']})" if row["reason"] else ""
        print(f"  {row['examined_by']}: {row['outcome']}{reason}")
    return 0


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
    return str(value)
