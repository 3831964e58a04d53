"""``akashi register build CSV --dataset ID --case CASE``: the keyed index of a client's own register."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.common import case_of, ledger_of
from pipeline.errors import SettingsError
from pipeline.keys import create_keys
from pipeline.register import build_register
from pipeline.rules import load_rules
from pipeline.store import file_digest

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    build = actions.add_parser("build", help="read a CSV and write the index that case.toml names")
    build.add_argument("csv", metavar="CSV")
    build.add_argument("--dataset", required=True, metavar="ID")
    build.add_argument("--case", required=True, metavar="CASE")
    build.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Build the index and tell the ledger; the CSV is known there by its digest only."""
    case = case_of(options)
    path = next((item.register for item in case.datasets if item.id == options.dataset), None)
    if path is None:
        raise SettingsError(f"{options.dataset}: case.toml has no [[dataset]] of this id with a `register`")
    keys = create_keys(case.keys_directory)
    summary = build_register(
        Path(options.csv), options.dataset, keys.tag_key, path, headers=load_rules(case.rules_directory).headers
    )
    body = {
        "dataset": options.dataset,
        "input": {"sha256": file_digest(Path(options.csv))},
        "output": {path.name: file_digest(path)},
        "rows": summary.rows,
    }
    ledger_of(case).append("register-built", body)
    print(f"{path}: {summary.rows} rows")
    return 0
