"""``akashi run CASE``: bring the tables, the verdict and the report up to date."""

from __future__ import annotations

import argparse
import os

from pipeline.cli.common import case_of, ledger_of
from pipeline.cli.drawing import drawn_progress
from pipeline.cli.runlog import log_to
from pipeline.clock import SYSTEM_CLOCK
from pipeline.flow.executors import cluster, processes
from pipeline.flow.run import run_case
from pipeline.keys import create_keys
from pipeline.lean import keep_pandas_out
from pipeline.review.decisions import answer_again
from pipeline.review.stamps import stamp

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--stage", default=None, metavar="NAME", help="stop after this stage")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_count, default=os.cpu_count() or 1, metavar="N", help="processes")
    where.add_argument("--cluster", default=None, metavar="tcp://…", help="a Dask scheduler")
    parser.set_defaults(handle=handle)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 256:
        raise argparse.ArgumentTypeError("between 1 and 256")
    return count


def handle(options: argparse.Namespace) -> int:
    """Run the stages and say what came of them."""
    keep_pandas_out()
    case = case_of(options)
    create_keys(case.keys_directory)
    executor = cluster(options.cluster) if options.cluster else processes(options.workers)
    with log_to(case.out / "run.log"), drawn_progress() as progress:
        outcome = run_case(
            case, ledger_of(case), executor=executor, only=options.stage, progress=progress, clock=SYSTEM_CLOCK
        )
    if options.stage is None:
        answer_again(case, ledger_of(case))
    if case.timestamp.service and outcome.ran:
        print(stamp(case, ledger_of(case)))
    print(f"{case.id}: {', '.join(outcome.ran) or 'nothing'} brought up to date")
    if outcome.losses:
        print(f"{outcome.losses} things could not be examined in full: akashi status {options.case}")
    return outcome.exit_code
