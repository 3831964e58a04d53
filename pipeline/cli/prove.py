"""``akashi prove CASE TARGET``: a proof that a finding's, a file's or a range's bytes are in an image; recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.common import case_of, ledger_of
from pipeline.review.proof import prove, target_of

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("target", metavar="TARGET", help="id of a finding or file, or EX-01!bytes:START+LENGTH")
    parser.add_argument("--out", default=None, metavar="FILE", help="default: proof-TARGET.json in this folder")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the proof."""
    case = case_of(options)
    target = target_of(case, options.target)
    name = "".join(letter if letter.isalnum() else "-" for letter in target.id)
    path = Path(options.out or f"proof-{name}.json")
    count = prove(case, ledger_of(case), target, path)
    print(f"{path}: {count} MiB of {target.exhibit} in clear; check it with pipeline/review/verify_proof.py")
    return 0
