"""The verdict: every question asked of every exhibit it applies to, from the tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from pipeline.config import Case, Exhibit
from pipeline.records import Claim, Ground, identify
from pipeline.stages.verdict_negative import weigh_negative
from pipeline.stages.verdict_people import count_people
from pipeline.stages.verdict_strength import Family, certainty_of, load_families
from pipeline.stages.verdict_turning import turning_rows
from pipeline.verdict_rules import Question, Test, Text, load_verdict_rules
from pipeline.verdict_tables import open_tables, rows_of

__all__ = ["VerdictOutcome", "evaluate", "run_verdict"]

SCHEMA: Final = 2
_LANGUAGES: Final = ("ja", "en")
_SENTENCES: Final = {
    "not-confirmed": {
        "ja": "確認されなかった。必要な記録は期間全体にわたって存在し、該当する痕跡はない。",
        "en": "Not confirmed: the records that would show it cover the whole window and show nothing.",
    },
    "undetermined": {"ja": "判断できない。", "en": "Undetermined. "},
}
_OVERALL: Final = {
    "confirmed": {"ja": "個人情報の漏えいが確認された。", "en": "A leak of personal data is confirmed."},
    "indicated": {"ja": "個人情報の漏えいの疑いがある。", "en": "A leak of personal data is indicated."},
    "not-confirmed": {"ja": "個人情報の漏えいは確認されなかった。", "en": "A leak of personal data was not confirmed."},
    "undetermined": {
        "ja": "個人情報の漏えいの有無は判断できない。",
        "en": "Whether personal data leaked is undetermined.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictOutcome:
    """The verdict as JSON-ready values, and the rows of its two tables."""

    verdict: dict[str, Any]
    claims: tuple[Claim, ...]
    grounds: tuple[Ground, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What answers are made from."""

    database: duckdb.DuckDBPyConnection
    tables: Mapping[str, Any]
    case: Case
    families: Mapping[str, Family]


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
    """Answer each question for each exhibit it applies to.

    Raises:
        RuleError: the families of records are wrong.
    """
    with open_tables(tables, case) as database:
        asked = _Asked(database, tables, case, load_families(case.rules_directory / "strength.yaml"))
        answers = [
            _answer(asked, question, exhibit)
            for question in sorted(rules, key=lambda item: item.id)
            for exhibit in sorted(case.exhibits, key=lambda item: item.label)
            if exhibit.role in question.applies
        ]
        people = count_people(database, case)
    level = _overall(answers)
    verdict = {
        "case": case.id, "schema": SCHEMA, "people": people, "questions": [answer.entry for answer in answers],
        "overall": {"level": level, "sentence": _OVERALL[level][case.language], "sentences": dict(_OVERALL[level])},
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


def _answer(asked: _Asked, question: Question, exhibit: Exhibit) -> _Answer:
    database, label, case = asked.database, exhibit.label, asked.case
    found = [(test, rows) for test in question.supports if (rows := _grounds(database, test, label))]
    against = [row for test in question.contradicts for row in _grounds(database, test, label)]
    reasons, strength = weigh_negative(database, question, label, case)
    tests = [test for test, _ in found]
    level = _level(tests, reasons)
    strength = strength if level == "not-confirmed" else ""
    sentences = _sentences(question, level, tests)
    claim = _claim(question, label, level, strength, sentences)
    rows = [row for _, rows in found for row in rows]
    entry = _entry(question, claim, case.language, sentences, reasons) | {"grounds": rows, "contradicting": against}
    entry |= _weight(asked, question, label, entry)
    edges = [("supports", row) for row in rows] + [("contradicts", row) for row in against]
    grounds = tuple(
        Ground(claim=claim.id, relation=relation, table=row["table"], row=row["row"], note=row["note"])
        for relation, row in edges
    )
    return _Answer(entry=entry, leak=_leak(question, tests), claim=claim, grounds=grounds)


def _weight(asked: _Asked, question: Question, label: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return how sure an answer's facts are, and the single records that it hangs on (None: too many to try)."""
    rows, against, level = entry["grounds"], entry["contradicting"], entry["level"]
    sure = certainty_of(asked.database, asked.families, rows, label, contradicted=bool(against))

    def same() -> bool:
        tests = [test for test in question.supports if _grounds(asked.database, test, label)]
        return bool(tests) and _level(tests, ()) == level

    turning = turning_rows(asked.database, asked.tables, rows, same) if rows else []
    return {"certainty": sure.scale if rows else "", "independent": list(sure.families), "turning": turning}


def _entry(question: Question, claim: Claim, language: str, sentences: Text, reasons: Sequence[Text]) -> dict[str, Any]:
    """Return a question's part of ``verdict.json`` but its grounds: each text in the case's language, and in both."""
    texts: dict[str, dict[str, Any]] = {
        "question": dict(question.question),
        "hypotheses": {name: list(question.hypotheses[name]) for name in _LANGUAGES},
        "limits": {name: list(question.limits[name]) for name in _LANGUAGES},
        "coverage": {name: [reason[name] for reason in reasons] for name in _LANGUAGES},
    }
    entry: dict[str, Any] = {name: text[language] for name, text in texts.items()}
    entry |= {f"{name}_by_language": text for name, text in texts.items()}
    return entry | {
        "id": question.id, "claim": claim.id, "exhibit": claim.exhibit, "channel": question.channel,
        "level": claim.level, "strength": claim.strength, "sentence": sentences[language], "sentences": dict(sentences),
    }  # fmt: skip


def _level(found: Sequence[Test], reasons: Sequence[Text]) -> str:
    if found:
        return "confirmed" if any(test.level == "confirmed" for test in found) else "indicated"
    return "undetermined" if reasons else "not-confirmed"


def _leak(question: Question, found: Sequence[Test]) -> str:
    leaks = {test.leak for test in found}
    for level in ("confirmed", "indicated"):
        if level in leaks:
            return level
    return "open" if question.shows_leak else "no"


def _grounds(database: duckdb.DuckDBPyConnection, test: Test, exhibit: str) -> list[dict[str, str]]:
    rows = rows_of(database, test.sql, exhibit)
    unique = {(str(row["table"]), str(row["row"]), str(row["note"])) for row in rows}
    return [{"test": test.id, "table": table, "row": row, "note": note} for table, row, note in sorted(unique)]


def _sentences(question: Question, level: str, found: Sequence[Test]) -> Text:
    if found:
        return {"ja": "".join(test.sentence["ja"] for test in found), "en": " ".join(t.sentence["en"] for t in found)}
    if level == "undetermined":
        return {name: _SENTENCES[level][name] + question.settles[name] for name in _LANGUAGES}
    return _SENTENCES[level]


def _claim(question: Question, exhibit: str, level: str, strength: str, sentences: Text) -> Claim:
    kind = {"confirmed": "fact", "undetermined": "opinion"}.get(level, "inference")
    return Claim(
        id=identify("claim", question.id, exhibit), question=question.id, exhibit=exhibit, channel=question.channel,
        kind=kind, level=level, strength=strength, sentence_ja=sentences["ja"], sentence_en=sentences["en"],
    )  # fmt: skip
