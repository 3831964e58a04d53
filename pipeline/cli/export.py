"""``akashi export CASE TABLE``: a table as CSV, JSON lines or Parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.common import case_of, ledger_of
from pipeline.review.tables import FORMATS, export_table
from pipeline.store import file_digest

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("table", metavar="TABLE")
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--reveal", action="store_true", help="findings with their values in clear; recorded")
    parser.add_argument("--out", required=True, metavar="FILE")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the file and tell the ledger."""
    case = case_of(options)
    path = Path(options.out)
    rows = export_table(case, options.table, path, form=options.format, reveal=options.reveal)
    body = {"table": options.table, "rows": rows, "reveal": options.reveal, "output": {path.name: file_digest(path)}}
    ledger_of(case).append("export", body)
    print(f"{path}: {rows} rows")
    return 0
