"""``akashi verify CASE``: re-check ledger, tables, images and the bytes under every finding."""

from __future__ import annotations

import argparse

from pipeline.cli.common import case_of, ledger_of
from pipeline.errors import EXIT_COMPLETE, IntegrityError
from pipeline.review.verify import verify_case

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Print what was checked; the first failure of each check is named and ends with exit code 4."""
    case = case_of(options)
    failures = []
    checks = []
    for check in verify_case(case):
        mark = "ok" if check.error is None else "FAILED"
        print(f"{mark:<6} {check.name}: {check.detail}")
        checks.append(check.name)
        if check.error is not None:
            failures.append(check.error)
            print(f"       {check.error}")
    if failures:
        raise IntegrityError(f"{len(failures)} checks failed; the first: {failures[0]}")
    ledger_of(case).append("verified", {"checks": checks})
    return EXIT_COMPLETE
