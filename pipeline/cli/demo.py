"""``akashi demo [DIR]``: the two synthetic cases, from images to verdict, verification and report."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipeline.cli.common import actor, project_root, rules_folder
from pipeline.cli.drawing import drawn_progress
from pipeline.cli.runlog import log_to
from pipeline.clock import SYSTEM_CLOCK
from pipeline.config import Case, load_case
from pipeline.custody import Ledger
from pipeline.errors import EXIT_COMPLETE, IntegrityError, SettingsError
from pipeline.flow.executors import processes
from pipeline.flow.run import run_case
from pipeline.keys import create_keys
from pipeline.records import Severity
from pipeline.register import build_register
from pipeline.review.documents import write_reports
from pipeline.review.verify import verify_case
from pipeline.rules import load_rules
from pipeline.store import Store

__all__ = ["add_to"]

CASES: Final = ("demo-clean", "demo-leak")
WORKERS: Final = 2


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("directory", nargs="?", default=None, metavar="DIR", help="where (default: ./akashi-demo)")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Run, verify and report both cases; returns 4 if verification fails, else 0."""
    target = Path(options.directory or "akashi-demo").resolve()
    console = Console(highlight=False, width=max(shutil.get_terminal_size().columns, 110))
    failed = []
    for name in CASES:
        case = _prepared(name, target, rules_folder(options))
        _run(case)
        failed += _tell(console, case)
    if failed:
        raise IntegrityError(f"the demo does not verify: {failed[0]}")
    return EXIT_COMPLETE


def _prepared(name: str, target: Path, rules: Path) -> Case:
    """Copy the committed case, make its keys and index its register; a case that is there is continued."""
    folder = target / name
    if not folder.exists():
        source = project_root() / "cases" / name
        try:
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("out", "secrets"))
        except OSError as error:
            raise SettingsError(
                f"{folder}: the demo case cannot be copied there ({error}); name another DIR"
            ) from error
    case = load_case(folder, rules)
    keys = create_keys(case.keys_directory)
    for dataset in case.datasets:
        if dataset.register is not None and not dataset.register.exists():
            build_register(
                dataset.register.with_suffix(".csv"),
                dataset.id,
                keys.tag_key,
                dataset.register,
                headers=load_rules(rules).headers,
            )
    return case


def _run(case: Case) -> None:
    ledger = Ledger(case.out, create_keys(case.keys_directory), SYSTEM_CLOCK, actor())
    with log_to(case.out / "run.log"), drawn_progress() as progress:
        run_case(case, ledger, executor=processes(WORKERS), progress=progress, clock=SYSTEM_CLOCK)
    for language in ("ja", "en"):
        documents = write_reports(case, edition="committee", language=language)
        ledger.append("report", {"edition": "committee", "documents": documents})


def _tell(console: Console, case: Case) -> list[str]:
    """Print one case on one screen; returns what failed to verify."""
    verdict = json.loads((case.out / "verdict.json").read_text(encoding="utf-8"))
    console.rule(f"{case.id}  {case.title}")
    console.print(f"{verdict['overall']['level']}: {verdict['overall']['sentence']}\n", style="bold")
    console.print(_questions(verdict["questions"]))
    _tell_unexamined(console, case)
    checks = list(verify_case(case))
    failed = [check.error for check in checks if check.error is not None]
    console.print(f"verify: {len(checks) - len(failed)} of {len(checks)} checks hold")
    console.print(f"report: {case.out / 'report' / 'committee.ja.html'}\n", soft_wrap=True)
    return failed


def _questions(questions: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for heading in ("exhibit", "question", "level", "strength", "grounds"):
        table.add_column(heading, no_wrap=True, min_width=len(heading))
    table.add_column("rests on", no_wrap=True, overflow="ellipsis", ratio=1)
    for question in questions:
        grounds = sorted({str(ground["note"]) for ground in question["grounds"]})
        why = "; ".join(grounds or map(str, question["coverage"])) or "records complete, nothing found"
        table.add_row(
            question["exhibit"], question["id"], question["level"], question["strength"] or "",
            str(len(question["grounds"])), why,
        )  # fmt: skip
    return table


def _tell_unexamined(console: Console, case: Case) -> None:
    rows = [row for row in Store(case.out).rows("diagnostics") if row.severity != Severity.NOTE]
    console.print(f"\nnot examined, or not in full: {len(rows)}")
    for row in rows[:4]:
        console.print(f"  {row.code}: {row.message[:140]}", soft_wrap=True)
