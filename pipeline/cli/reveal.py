"""``akashi reveal CASE FINDING``: the value of a finding, read again from the image; recorded."""

from __future__ import annotations

import argparse

from pipeline.cli.common import case_of, ledger_of
from pipeline.review.reading import reveal

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("finding", metavar="FINDING")
    parser.add_argument("--reason", default="", help="why; goes into the ledger")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Record, then show."""
    print(reveal(case_of(options), ledger_of(case_of(options)), options.finding, reason=options.reason))
    return 0
