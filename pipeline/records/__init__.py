"""The rows of a case: frozen values, one class per table.

Times are UTC ``datetime`` with microseconds; sizes, starts and lengths are bytes. ``image offset`` means an offset in
the decoded medium of the exhibit (sector 0 is 0), never in the container file. Ids are digests of keys
(:func:`identify`): no counters, no random numbers.
"""

from __future__ import annotations

from pipeline.records.activity import ActivityEvent, Gap, Source
from pipeline.records.copies import BlockMatch, Copy, Holding
from pipeline.records.coverage import Coverage, Examination
from pipeline.records.diagnostics import Diagnostic, diagnose
from pipeline.records.findings import Content, Finding, Person
from pipeline.records.kinds import (
    ENCIPHERED,
    NOT_CALLED_FOR,
    Certainty,
    ExtentClass,
    Origin,
    Severity,
    VolumeState,
    identify,
)
from pipeline.records.listing import Extent, FileEntry, Region, Remains
from pipeline.records.media import Evidence, Leaf, Run, Unreadable, Volume
from pipeline.records.verdict import Claim, Ground, VerdictText

__all__ = [
    "ENCIPHERED",
    "NOT_CALLED_FOR",
    "ActivityEvent",
    "BlockMatch",
    "Certainty",
    "Claim",
    "Content",
    "Copy",
    "Coverage",
    "Diagnostic",
    "Evidence",
    "Examination",
    "Extent",
    "ExtentClass",
    "FileEntry",
    "Finding",
    "Gap",
    "Ground",
    "Holding",
    "Leaf",
    "Origin",
    "Person",
    "Region",
    "Remains",
    "Run",
    "Severity",
    "Source",
    "Unreadable",
    "VerdictText",
    "Volume",
    "VolumeState",
    "diagnose",
    "identify",
]
