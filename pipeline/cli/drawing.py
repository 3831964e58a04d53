"""Progress on a terminal: stage, bytes, rate and time left; nothing where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from pipeline.progress import SILENT, Progress

__all__ = ["drawn_progress"]


class _Drawn(Progress):
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._units: dict[str, bool] = {}

    def stage_started(self, stage: str, units: int, total_bytes: int) -> None:
        """Show a bar in bytes where the stage reads bytes, in units where it does not."""
        self._units[stage] = not total_bytes
        self._tasks[stage] = self._bars.add_task(stage, total=total_bytes or units)

    def unit_done(self, stage: str, done_bytes: int) -> None:
        """Move the bar."""
        self._bars.advance(self._tasks[stage], 1 if self._units[stage] else done_bytes)

    def stage_finished(self, stage: str, *, kept: bool) -> None:
        """Fill the bar; a kept stage gets a full one."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(f"{stage} (kept)" if kept else stage, total=1)
        task = self._tasks[stage]
        total = next(item.total for item in self._bars.tasks if item.id == task) or 1
        self._bars.update(task, completed=total, total=total)


@contextmanager
def drawn_progress() -> Iterator[Progress]:
    """Yield a progress that draws with rich on standard error, or a silent one."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _Drawn(bars)
