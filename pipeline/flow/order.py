"""The stages of a run, in order; each is imported when it is asked for, since a jail needs one and its engines only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.stages.base import Stage

__all__ = ["ORDER", "all_stages", "stage_named"]

_CLASSES: Final = {
    "evidence": "evidence.EvidenceStage",
    "volumes": "volumes.VolumesStage",
    "entries": "entries.EntriesStage",
    "extents": "extents.ExtentsStage",
    "carve": "carve.CarveStage",
    "examine": "examine.ExamineStage",
    "activity": "activity.ActivityStage",
    "people": "people.PeopleStage",
    "copies": "copies.CopiesStage",
    "blocks": "blocks.BlocksStage",
    "coverage": "coverage.CoverageStage",
    "verdict": "judge.JudgeStage",
}
"""Modules of ``pipeline.stages`` and their classes, by the stage's name, in order."""
ORDER: Final = tuple(_CLASSES)


def stage_named(name: str) -> Stage:
    """Return a stage by name; KeyError where there is none."""
    module, _, kind = _CLASSES[name].partition(".")
    stage: Stage = getattr(import_module(f"pipeline.stages.{module}"), kind)()
    return stage


def all_stages() -> tuple[Stage, ...]:
    """Return all stages, in order."""
    return tuple(map(stage_named, ORDER))
