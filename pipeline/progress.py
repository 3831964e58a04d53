"""Telling how far the work is. The default is silent; only ``cli/`` and notebooks draw."""

from __future__ import annotations

__all__ = ["SILENT", "Progress"]


class Progress:
    """A listener to a run; every method does nothing unless it is overridden."""

    def stage_started(self, stage: str, units: int, total_bytes: int) -> None:
        """A stage starts with so many units and bytes ahead of it."""

    def unit_done(self, stage: str, done_bytes: int) -> None:
        """A unit of the stage is finished; ``done_bytes`` is what it read."""

    def stage_finished(self, stage: str, *, kept: bool) -> None:
        """A stage is finished; ``kept`` where its tables of an earlier run still hold."""


SILENT = Progress()
