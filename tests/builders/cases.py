"""Cases of one exhibit, run as the command line runs them, with one worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pipeline.clock import SYSTEM_CLOCK
from pipeline.config import Case, load_case
from pipeline.custody import Ledger
from pipeline.flow.executors import processes
from pipeline.flow.run import Outcome, run_case
from pipeline.keys import create_keys
from pipeline.store import Store

__all__ = ["make_case", "rows_of", "run_to"]

RULES: Final = Path(__file__).parents[2] / "rules"


def make_case(folder: Path, image: str, more: str = "") -> Case:
    """Write the settings of a case whose image lies in its folder, and make its keys; ``more`` is said of the image."""
    text = (
        '[case]\nid = "t"\ntitle = "t"\ntimezone = "Asia/Tokyo"\nlanguage = "ja"\n[incident]\n'
        "lost_from = 2022-06-21T22:30:00+09:00\nrecovered_at = 2022-06-24T11:40:00+09:00\n"
        'discovered_at = 2022-06-22T15:45:00+09:00\nregime = "administrative-body"\n[[exhibit]]\nlabel = "EX-01"\n'
        f'role = "recovered-media"\nimage = "{image}"\n{more}\n[keys]\ndirectory = "secrets"\n'
    )
    (folder / "case.toml").write_text(text, encoding="utf-8")
    create_keys(folder / "secrets")
    return load_case(folder, RULES)


def run_to(case: Case, stage: str | None, after: Callable[[str], None] = lambda stage: None) -> Outcome:
    """Run a case up to a stage; ``after`` is called when a stage has ended."""

    class Told:
        def __getattr__(self, name: str) -> Any:
            return (lambda stage, **_: after(stage)) if name == "stage_finished" else (lambda *_, **__: None)

    ledger, told = Ledger(case.out, create_keys(case.keys_directory), SYSTEM_CLOCK, "test"), Told()
    return run_case(case, ledger, executor=processes(1), only=stage, progress=told, clock=SYSTEM_CLOCK)  # type: ignore[arg-type]


def rows_of(case: Case, table: str) -> list[Any]:
    """Return the rows of a table."""
    return list(Store(case.out).rows(table))
