"""The verdict: every question asked of every exhibit it applies to, from the tables alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.config import Case, Exhibit
from pipeline.records import Claim, Ground, identify
from pipeline.stages.verdict_people import count_people
from pipeline.stages.verdict_sources import closed_parts, failing
from pipeline.stages.verdict_tables import open_tables, rows_of
from pipeline.verdict_rules import Question, Test, load_verdict_rules

__all__ = ["VerdictOutcome", "evaluate", "run_verdict"]

_SENTENCES = {
    "not-confirmed": ("確認されなかった。必要な記録は期間全体にわたって存在し、該当する痕跡はない。",
                      "Not confirmed: the records that would show it cover the whole window and show nothing."),
    "undetermined": ("判断できない。", "Undetermined."),
}  # fmt: skip
_OVERALL = {
    "confirmed": ("個人情報の漏えいが確認された。", "A leak of personal data is confirmed."),
    "indicated": ("個人情報の漏えいの疑いがある。", "A leak of personal data is indicated."),
    "not-confirmed": ("個人情報の漏えいは確認されなかった。", "A leak of personal data was not confirmed."),
    "undetermined": ("個人情報の漏えいの有無は判断できない。", "Whether personal data leaked is undetermined."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictOutcome:
    """The verdict as JSON-ready values, and the rows of its two tables."""

    verdict: dict[str, Any]
    claims: tuple[Claim, ...]
    grounds: tuple[Ground, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    entry: dict[str, Any]
    leak: str
    claim: Claim
    grounds: tuple[Ground, ...]


def run_verdict(tables: Mapping[str, Any], case: Case, rules_dir: Path) -> VerdictOutcome:
    """Answer the questions of a folder from a case's tables (pandas or Arrow).

    Raises:
        RuleError: the rules are wrong.
    """
    return evaluate(tables, load_verdict_rules(rules_dir), case)


def evaluate(tables: Mapping[str, Any], rules: tuple[Question, ...], case: Case) -> VerdictOutcome:
    """Answer each question for each exhibit it applies to."""
    with open_tables(tables, case) as database:
        answers = [
            _answer(database, question, exhibit, case)
            for question in sorted(rules, key=lambda item: item.id)
            for exhibit in sorted(case.exhibits, key=lambda item: item.label)
            if exhibit.role in question.applies
        ]
        people = count_people(database, case)
    level = _overall(answers)
    verdict = {
        "case": case.id, "schema": 1, "people": people, "questions": [answer.entry for answer in answers],
        "overall": {"level": level, "sentence": {"ja": _OVERALL[level][0], "en": _OVERALL[level][1]}},
    }  # fmt: skip
    grounds = tuple(ground for answer in answers for ground in answer.grounds)
    return VerdictOutcome(verdict=verdict, claims=tuple(answer.claim for answer in answers), grounds=grounds)


def _overall(answers: list[_Answer]) -> str:
    leaks = {answer.leak for answer in answers}
    for level in ("confirmed", "indicated"):
        if level in leaks:
            return level
    decisive = [answer.entry["level"] for answer in answers if answer.leak != "no"]
    return "not-confirmed" if decisive and set(decisive) == {"not-confirmed"} else "undetermined"


def _answer(database: duckdb.DuckDBPyConnection, question: Question, exhibit: Exhibit, case: Case) -> _Answer:
    found = [(test, _grounds(database, test, exhibit.label)) for test in question.supports]
    found = [(test, rows) for test, rows in found if rows]
    against = [row for test in question.contradicts for row in _grounds(database, test, exhibit.label)]
    reasons, strength = _negative(database, question, exhibit, case)
    if found:
        level = "confirmed" if any(test.level == "confirmed" for test, _ in found) else "indicated"
        strength = ""
    else:
        level = "undetermined" if reasons else "not-confirmed"
    leak = _leak(question, [test for test, _ in found])
    sentence = _sentence(question, level, [test for test, _ in found])
    rows = [row for _, rows in found for row in rows]
    claim = _claim(question, exhibit.label, level, strength, sentence)
    entry = {
        "id": question.id, "claim": claim.id, "exhibit": exhibit.label, "channel": question.channel, "level": level,
        "strength": strength, "question": dict(question.question), "sentence": sentence,
        "hypotheses": dict(question.hypotheses), "limits": dict(question.limits), "coverage": reasons,
        "grounds": rows, "contradicting": against,
    }  # fmt: skip
    edges = [("supports", row) for row in rows] + [("contradicts", row) for row in against]
    grounds = tuple(
        Ground(claim=claim.id, relation=relation, table=row["table"], row=row["row"], note=row["note"])
        for relation, row in edges
    )
    return _Answer(entry=entry, leak=leak, claim=claim, grounds=grounds)


def _leak(question: Question, found: list[Test]) -> str:
    leaks = {test.leak for test in found}
    for level in ("confirmed", "indicated"):
        if level in leaks:
            return level
    return "open" if question.shows_leak else "no"


def _grounds(database: duckdb.DuckDBPyConnection, test: Test, exhibit: str) -> list[dict[str, str]]:
    rows = rows_of(database, test.sql, exhibit)
    unique = {(str(row["table"]), str(row["row"]), str(row["note"])) for row in rows}
    return [{"test": test.id, "table": table, "row": row, "note": note} for table, row, note in sorted(unique)]


def _negative(
    database: duckdb.DuckDBPyConnection, question: Question, exhibit: Exhibit, case: Case
) -> tuple[list[str], str]:
    if question.not_read:
        return ["these records are not read by this version"], ""
    if question.negative == "never":
        return ["the records of this exhibit cannot exclude it"], ""
    label = exhibit.label
    coverage = rows_of(database, "SELECT * FROM coverage WHERE exhibit = $exhibit", label)
    volumes = rows_of(database, "SELECT * FROM volumes WHERE exhibit = $exhibit", label)
    lost = "SELECT id FROM diagnostics WHERE severity = 'loss' AND regexp_extract(address, '^[^!]*') = $exhibit"
    reasons = closed_parts(question.negative, coverage, volumes, len(rows_of(database, lost, label)))
    reasons += [reason for sql, reason in question.blocks if rows_of(database, sql, label)]
    if question.negative != "sources":
        return reasons, "" if reasons else "ordinary"
    reasons += _missing(database, question, "ordinary", label, case)
    strong = bool(question.sources.get("strong")) and not _missing(database, question, "strong", label, case)
    return reasons, "" if reasons else ("strong" if strong else "ordinary")


def _missing(
    database: duckdb.DuckDBPyConnection, question: Question, grade: str, exhibit: str, case: Case
) -> list[str]:
    sources = rows_of(database, "SELECT * FROM sources WHERE exhibit = $exhibit ORDER BY id", exhibit)
    reasons: list[str] = []
    for requirement in question.sources.get(grade, ()):
        sql = requirement.places
        places = [str(row["place"]).lower() for row in rows_of(database, sql, exhibit)] if sql else []
        reasons += failing(requirement, sources, places, case.incident.lost_from, case.incident.recovered_at)
    return reasons


def _sentence(question: Question, level: str, found: list[Test]) -> dict[str, str]:
    if found:
        return {name: " ".join(test.sentence[name] for test in found) for name in ("ja", "en")}
    ja, en = _SENTENCES[level]
    if level == "undetermined":
        return {"ja": f"{ja}{question.settles['ja']}", "en": f"{en} {question.settles['en']}"}
    return {"ja": ja, "en": en}


def _claim(question: Question, exhibit: str, level: str, strength: str, sentence: dict[str, str]) -> Claim:
    kind = {"confirmed": "fact", "undetermined": "opinion"}.get(level, "inference")
    return Claim(
        id=identify("claim", question.id, exhibit), question=question.id, exhibit=exhibit, channel=question.channel,
        kind=kind, level=level, strength=strength, sentence_ja=sentence["ja"], sentence_en=sentence["en"],
    )  # fmt: skip
