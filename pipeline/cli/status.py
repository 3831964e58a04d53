"""``akashi status CASE``: which stages stand, what the verdict is, and what could not be examined."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Final

from pipeline.cli.common import case_of
from pipeline.config import Case
from pipeline.errors import EXIT_COMPLETE, EXIT_LOST
from pipeline.records import Severity
from pipeline.schemas import STAGE_ORDER
from pipeline.store import Store

__all__ = ["add_to"]

_SHOWN: Final = 40


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--all", action="store_true", help="every diagnostic, not only the first of each kind")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Print stages, table sizes, the overall level and the diagnostics."""
    case = case_of(options)
    store = Store(case.out)
    for stage in STAGE_ORDER:
        mark = store.done(stage)
        print(f"{stage:<10} {'done' if mark is not None else 'not done'}")
    _print_verdict(case)
    if not store.exists("diagnostics"):
        return EXIT_COMPLETE
    rows = list(store.rows("diagnostics"))
    for (stage, code, severity), count in sorted(Counter((r.stage, r.code, r.severity) for r in rows).items()):
        print(f"{severity:<8} {stage:<10} {code:<24} {count}")
    shown = rows if options.all else [row for row in rows if row.severity != Severity.NOTE][:_SHOWN]
    for row in shown:
        print(f"  [{row.code}] {row.message}")
    if len(shown) < len(rows):
        print(f"  … {len(rows) - len(shown)} more: akashi status {options.case} --all")
    return EXIT_LOST if any(row.severity != Severity.NOTE for row in rows) else EXIT_COMPLETE


def _print_verdict(case: Case) -> None:
    path = case.out / "verdict.json"
    if path.exists():
        overall = json.loads(path.read_text(encoding="utf-8"))["overall"]
        print(f"verdict    {overall['level']}: {overall['sentence']}")
