"""``akashi review CASE ROW accept|reject``: record a reviewer's decision and answer the verdict again."""

from __future__ import annotations

import argparse

from pipeline.cli.common import case_of, ledger_of
from pipeline.review.decisions import DECISIONS, NAME, decide, decisions_of

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("row", nargs="?", default=None, metavar="ROW", help="id of a finding, event, person or copy")
    parser.add_argument("decision", nargs="?", default=None, choices=DECISIONS)
    parser.add_argument("--note", default="", metavar="TEXT", help="why; values in it are masked")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Record a decision, or list those that stand."""
    case = case_of(options)
    if options.row is None:
        for item in decisions_of(case):
            print(f"{item.decision} {item.table} {item.row} by {item.by} at {item.at}: {item.note}")
        return 0
    made = decide(case, ledger_of(case), options.row, decision=options.decision or "", note=options.note)
    print(f"{made.decision} {made.table} {made.row}; {case.out / NAME} is written")
    return 0
