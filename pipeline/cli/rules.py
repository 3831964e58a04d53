"""``akashi rules check``: every error of the rules at once, and what they cost."""

from __future__ import annotations

import argparse
import sys

from pipeline.artefacts import NAMES
from pipeline.artefacts.custom_parse import check_custom
from pipeline.cli.common import rules_folder
from pipeline.detectors.check import check_rules, measure
from pipeline.errors import EXIT_COMPLETE, EXIT_USAGE
from pipeline.rules import load_rules
from pipeline.verdict_rules import check_verdict_rules

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="compile them, run their examples, measure them")
    check.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Check rules of detection, of the verdict and of artefacts."""
    folder = rules_folder(options)
    errors = [
        *check_rules(folder),
        *check_verdict_rules(folder / "verdict"),
        *check_custom(folder / "artefacts", NAMES),
    ]
    for error in errors:
        print(error, file=sys.stderr)
    if errors:
        print(f"{len(errors)} errors", file=sys.stderr)
        return EXIT_USAGE
    measured = measure(load_rules(folder))
    print(f"rules hold; {measured.megabytes_per_second:.0f} MB/s on {measured.size >> 20} MiB without personal data")
    for kind, count in measured.hits:
        print(f"  {kind}: {count} hits there, {count * 1e9 / measured.size:.0f} per GB")
    return EXIT_COMPLETE
