"""Conclusion, questions and answers, and the annex of evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.exporters.material import Material
from pipeline.exporters.sections.grounds import GroundList
from pipeline.exporters.verdict_text import sentence_of, text_of, texts_of

__all__ = ["Answer", "Conclusion", "answers_of", "conclusion_of"]

_RESTS_ON: Final = 5
_REASONS: Final = 12
_NONE: Final = GroundList(total=0, shown=())
_CHANNELS: Final = (
    "unauthorised-copy", "network", "web-upload", "mail", "removable-media", "print", "recovery", "access",
    "encryption", "staging", "anti-forensics",
)  # fmt: skip
"""Ways out come first in the conclusion, then what made them possible; others follow."""
_WEIGHT: Final = {"confirmed": 0, "indicated": 1, "not-confirmed": 2, "undetermined": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question asked of one exhibit; ``number`` is its place in the report (``2.3``)."""

    number: str
    claim: str
    exhibit: str
    channel: str
    question: str
    level: str
    level_label: str
    strength: str
    kind: str
    sentence: str
    grounds: GroundList
    contradicting: GroundList
    hypotheses: tuple[str, ...]
    limits: tuple[str, ...]
    uncovered: tuple[str, ...]
    uncovered_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A line of the conclusion: the answers that say the same of several exhibits."""

    exhibits: tuple[str, ...]
    text: str
    level: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The overall answer, what it rests on, and what cannot be excluded."""

    level: str
    level_label: str
    sentence: str
    rests_on: tuple[Point, ...]
    rests_on_left: int
    open: tuple[Point, ...]
    excluded: tuple[Point, ...]


def answers_of(material: Material, grounds: Mapping[tuple[str, str], GroundList]) -> tuple[Answer, ...]:
    """Return every question of the verdict, in its order.

    Raises:
        SettingsError: a level or a strength is not one of this version's.
    """
    sql = "SELECT id, kind FROM claims ORDER BY id"
    kinds = {row["id"]: row["kind"] for row in material.queries.rows(sql)}
    entries: Sequence[Mapping[str, Any]] = material.inputs.verdict["questions"]
    return tuple(
        _answer(material, entry, f"2.{number}", grounds, kinds.get(entry["claim"], ""))
        for number, entry in enumerate(entries, start=1)
    )


def _answer(
    material: Material, entry: Mapping[str, Any], number: str, grounds: Mapping[tuple[str, str], GroundList], kind: str
) -> Answer:
    words, language = material.words, material.inputs.language
    uncovered = texts_of(entry, "coverage", language)
    printed = () if material.public else tuple(material.printer.text(text) for text in uncovered[:_REASONS])
    return Answer(
        number=number, claim=entry["claim"], exhibit=entry["exhibit"], channel=entry["channel"], level=entry["level"],
        question=text_of(entry, "question", language), level_label=words.label("level", entry["level"]),
        strength=words.label("strength", entry["strength"]), kind=words.label("claim", kind) if kind else "",
        sentence=sentence_of(entry, language), grounds=grounds.get((entry["claim"], "supports"), _NONE),
        contradicting=grounds.get((entry["claim"], "contradicts"), _NONE),
        hypotheses=tuple(texts_of(entry, "hypotheses", language)), limits=tuple(texts_of(entry, "limits", language)),
        uncovered=printed, uncovered_left=len(uncovered) - len(printed),
    )  # fmt: skip


def conclusion_of(material: Material, answers: Sequence[Answer]) -> Conclusion:
    """Gather the conclusion from the answers: what is shown first, the most certain before the rest."""
    overall = material.inputs.verdict["overall"]
    shown = _points([one for one in answers if _WEIGHT[one.level] < 2], by_question=False)
    return Conclusion(
        level=overall["level"], level_label=material.words.label("level", overall["level"]),
        sentence=sentence_of(overall, material.inputs.language),
        rests_on=shown[:_RESTS_ON], rests_on_left=max(0, len(shown) - _RESTS_ON),
        open=_points([one for one in answers if one.level == "undetermined"], by_question=True),
        excluded=_points([one for one in answers if one.level == "not-confirmed"], by_question=True),
    )  # fmt: skip


def _importance(answer: Answer) -> tuple[int, int]:
    known = answer.channel in _CHANNELS
    return _WEIGHT[answer.level], _CHANNELS.index(answer.channel) if known else len(_CHANNELS)


def _points(answers: Sequence[Answer], *, by_question: bool) -> tuple[Point, ...]:
    groups: dict[tuple[str, str, str], list[Answer]] = {}
    for one in sorted(answers, key=_importance):
        groups.setdefault((one.question, "" if by_question else one.sentence, one.level), []).append(one)
    return tuple(
        Point(
            exhibits=tuple(one.exhibit for one in group), text=question if by_question else sentence, level=level,
            answers=tuple(group),
        )
        for (question, sentence, level), group in groups.items()
    )  # fmt: skip
