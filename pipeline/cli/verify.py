"""``akashi verify CASE``: re-check ledger, tables, images, the bytes under every finding, and what follows."""

from __future__ import annotations

import argparse

from pipeline.cli.common import case_of, ledger_of
from pipeline.errors import EXIT_COMPLETE, IntegrityError
from pipeline.review.independent import verify_proofs
from pipeline.review.verify import verify_case

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument(
        "--full", action="store_true", help="derive every table again from the images; takes a run's time"
    )
    parser.add_argument(
        "--independent", nargs="+", metavar="PROOF", help="check proofs by the stand-alone verifier, without images"
    )
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Print what was checked; the first failure of each check is named and ends with exit code 4."""
    case = case_of(options)
    failures = []
    checks = []
    found = verify_proofs(case, options.independent) if options.independent else verify_case(case, full=options.full)
    for check in found:
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
