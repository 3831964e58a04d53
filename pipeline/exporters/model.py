"""The model of a report: every section's rows, masked and in the language asked for, whatever format prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.exporters.material import Material, ReportInputs
from pipeline.exporters.queries import open_queries
from pipeline.exporters.sections.copies import Copies, copies_of
from pipeline.exporters.sections.coverage import Coverage, Missed, coverage_of, missed_of
from pipeline.exporters.sections.exhibits import ExhibitPage, Method, exhibits_of, method_of
from pipeline.exporters.sections.grounds import grounds_of
from pipeline.exporters.sections.people import People, people_of
from pipeline.exporters.sections.questions import Answer, Conclusion, answers_of, conclusion_of
from pipeline.exporters.sections.timeline import Timeline, timeline_of
from pipeline.exporters.text import Printer, neutral
from pipeline.exporters.words import Words

__all__ = ["Cover", "ReportModel", "build_model"]

_IN_TEXT: Final = 6
_IN_ANNEX: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the first page says."""

    id: str
    title: str
    timezone: str
    lost: str
    recovered: str
    discovered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportModel:
    """A report, ready to print. ``answers`` hold few grounds, ``annex`` the same answers with more."""

    language: str
    public: bool
    cover: Cover
    conclusion: Conclusion
    answers: tuple[Answer, ...]
    missed: Missed
    coverage: Coverage
    people: People
    copies: Copies
    timeline: Timeline
    exhibits: tuple[ExhibitPage, ...]
    method: Method
    limits: tuple[str, ...]
    annex: tuple[Answer, ...]
    labels: tuple[str, ...]


def build_model(inputs: ReportInputs) -> ReportModel:
    """Gather a report.

    Raises:
        SettingsError: the language, a level or another closed word is not known.
    """
    zone = ZoneInfo(inputs.case.timezone)
    with open_queries(inputs.tables) as queries:
        material = Material(
            inputs=inputs, queries=queries, printer=Printer(inputs.mask, zone), words=Words(inputs.language)
        )
        annex = answers_of(material, grounds_of(material, most=_IN_ANNEX))
        answers = tuple(_shortened(answer) for answer in annex)
        return ReportModel(
            language=inputs.language, public=material.public, cover=_cover(material), answers=answers,
            conclusion=conclusion_of(material, answers), missed=missed_of(material), coverage=coverage_of(material),
            people=people_of(material), copies=copies_of(material), timeline=timeline_of(material, annex),
            exhibits=exhibits_of(material),
            method=method_of(material), limits=_limits(answers), annex=annex, labels=material.labels,
        )  # fmt: skip


def _shortened(answer: Answer) -> Answer:
    return replace(answer, grounds=answer.grounds.first(_IN_TEXT), contradicting=answer.contradicting.first(_IN_TEXT))


def _cover(material: Material) -> Cover:
    case, printer = material.case, material.printer
    incident = case.incident
    return Cover(
        id=neutral(case.id),
        title=neutral(case.title),
        timezone=case.timezone,
        lost=printer.time(incident.lost_from),
        recovered=printer.time(incident.recovered_at),
        discovered=printer.time(incident.discovered_at),
    )


def _limits(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return every limit that an answer states, once, in the order of the answers."""
    return tuple(dict.fromkeys(limit for answer in answers for limit in answer.limits))
