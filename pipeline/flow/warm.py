"""What a warm process has loaded before it is forked: all that a worker or a jail needs; imported for that alone."""

from pipeline.flow import child, units
from pipeline.stages import (
    activity,
    blocks,
    carve,
    copies,
    coverage,
    entries,
    evidence,
    examine,
    extents,
    judge,
    people,
    volumes,
)

__all__ = [
    "activity",
    "blocks",
    "carve",
    "child",
    "copies",
    "coverage",
    "entries",
    "evidence",
    "examine",
    "extents",
    "judge",
    "people",
    "units",
    "volumes",
]
