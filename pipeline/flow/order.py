"""The stages of a run, in order."""

from typing import Final

from pipeline.stages.activity import ActivityStage
from pipeline.stages.base import Stage
from pipeline.stages.blocks import BlocksStage
from pipeline.stages.carve import CarveStage
from pipeline.stages.copies import CopiesStage
from pipeline.stages.coverage import CoverageStage
from pipeline.stages.entries import EntriesStage
from pipeline.stages.evidence import EvidenceStage
from pipeline.stages.examine import ExamineStage
from pipeline.stages.extents import ExtentsStage
from pipeline.stages.judge import JudgeStage
from pipeline.stages.people import PeopleStage
from pipeline.stages.volumes import VolumesStage

__all__ = ["STAGES", "stage_named"]

STAGES: Final[tuple[Stage, ...]] = (
    EvidenceStage(),
    VolumesStage(),
    EntriesStage(),
    ExtentsStage(),
    CarveStage(),
    ExamineStage(),
    ActivityStage(),
    PeopleStage(),
    CopiesStage(),
    BlocksStage(),
    CoverageStage(),
    JudgeStage(),
)


def stage_named(name: str) -> Stage:
    """Return a stage by name; KeyError where there is none."""
    return {stage.name: stage for stage in STAGES}[name]
