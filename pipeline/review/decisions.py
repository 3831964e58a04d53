"""Reviewers' decisions: each enters the ledger, and the verdict is answered again without what was rejected.

``verdict.json`` stays what the evidence alone gives; ``verdict.reviewed.json`` beside it is what it gives after review,
with every decision and every answer that they changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Case
from pipeline.custody import Ledger, read_ledger
from pipeline.errors import SettingsError
from pipeline.stages.context import Context
from pipeline.stages.verdict import run_verdict
from pipeline.store import Store, file_digest, write_atomically
from pipeline.verdict_tables import TABLE_NAMES

__all__ = ["DECISIONS", "NAME", "Decision", "answer_again", "decide", "decisions_of"]

DECISIONS: Final = ("accept", "reject")
NAME: Final = "verdict.reviewed.json"
_KEYS: Final = (("findings", "id"), ("activity", "id"), ("people", "person"), ("copies", "id"), ("block_matches", "id"))
"""Tables of which a reviewer may reject a row: what detectors, readers and counts say, not what lies on a medium."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer last decided of a row, by the ledger."""

    table: str
    row: str
    decision: str
    note: str
    by: str
    at: str


def decide(case: Case, ledger: Ledger, row: str, *, decision: str, note: str) -> Decision:
    """Record a decision on a row, whose id may be cut to six digits or more, and answer the verdict again.

    Raises:
        SettingsError: the decision is another word, or nothing, or more than one row, has this id.
    """
    if decision not in DECISIONS:
        raise SettingsError(f"{decision!r}: a decision is accept or reject")
    context = Context(case)
    table, key = _find(context.store, row)
    body = {"table": table, "row": key, "decision": decision, "note": context.masker.mask(note)}
    ledger.append("review", body)
    answer_again(case, ledger)
    return next(item for item in decisions_of(case) if item.row == key)


def decisions_of(case: Case) -> list[Decision]:
    """Return the decision that stands for each row, in order of table and row.

    Raises:
        IntegrityError: the ledger cannot be read.
    """
    found: dict[tuple[str, str], Decision] = {}
    for entry in read_ledger(case.out):
        if entry["event"] == "review":
            told = {name: str(entry[name]) for name in ("table", "row", "decision", "note")}
            found[told["table"], told["row"]] = Decision(**told, by=str(entry["actor"]), at=str(entry["at"]))
    return [found[key] for key in sorted(found)]


def answer_again(case: Case, ledger: Ledger) -> list[dict[str, str]]:
    """Write the reviewed verdict where there are decisions; returns the answers that they changed.

    Raises:
        SettingsError: the case has not been run to its verdict.
        IntegrityError: the ledger or a table cannot be read.
    """
    decisions, path = decisions_of(case), case.out / "verdict.json"
    if not decisions:
        return []
    if not path.exists():
        raise SettingsError(f"{case.id}: there is no verdict yet; run `akashi run` on the case")
    before = json.loads(path.read_text(encoding="utf-8"))
    rejected = [item for item in decisions if item.decision == "reject"]
    verdict = run_verdict(_tables(case, rejected), case, case.rules_directory / "verdict").verdict
    changed = _changed(before, verdict)
    verdict["review"] = {"decisions": [asdict(item) for item in decisions], "changed": changed}
    for question in verdict["questions"]:
        _say(question, rejected, changed, case.language)
    text = json.dumps(verdict, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    write_atomically(case.out / NAME, text.encode())
    ledger.append("verdict-reviewed", {"changed": changed, "documents": {NAME: file_digest(case.out / NAME)}})
    return changed


def _find(store: Store, row: str) -> tuple[str, str]:
    found = []
    for table, column in _KEYS:
        if not store.exists(table):
            continue
        keys = store.table(table, columns=[column]).column(column)
        known = keys.filter(pc.equal(keys, row)) if len(row) < 6 else keys.filter(pc.starts_with(keys, row))
        found += [(table, key) for key in pc.unique(known).slice(0, 2).to_pylist()]
    if len(found) != 1:
        what = "nothing" if not found else "more than one row"
        raise SettingsError(
            f"{row}: {what} that a reviewer decides on has this id: findings, activity, people or copies"
        )
    return found[0]


def _tables(case: Case, rejected: Sequence[Decision]) -> dict[str, Any]:
    context = Context(case)
    tables: dict[str, pa.Table] = {
        name: context.store.table(name) for name in TABLE_NAMES if name != "diagnostics" and context.store.exists(name)
    }
    tables["diagnostics"] = context.gathered_table("diagnostics", "verdict")
    for table, column in _KEYS:
        gone = pa.array([item.row for item in rejected if item.table == table], pa.string())
        if len(gone) and table in tables:
            data = tables[table]
            people = set(_of(data, column, gone).column("person").to_pylist()) if table == "findings" else set()
            tables[table] = data.filter(pc.invert(pc.is_in(data.column(column), gone)))
            tables |= _without(tables, people - {None})
    return tables


def _of(data: pa.Table, column: str, keys: pa.Array) -> pa.Table:
    return data.filter(pc.is_in(data.column(column), keys))


def _without(tables: Mapping[str, pa.Table], people: set[str]) -> dict[str, pa.Table]:
    """Take out the people of whom no finding is left."""
    left = set(tables["findings"].column("person").to_pylist())
    gone = pa.array(sorted(people - left), pa.string())
    known = tables["people"]
    return {"people": known.filter(pc.invert(pc.is_in(known.column("person"), gone)))} if len(gone) else {}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    old = {(item["id"], item["exhibit"]): str(item["level"]) for item in before["questions"]}
    new = [(item["id"], item["exhibit"], str(item["level"])) for item in after["questions"]]
    found = [{"id": key, "exhibit": label, "from": old[key, label], "to": level}
             for key, label, level in new if old.get((key, label)) not in {None, level}]  # fmt: skip
    levels = (str(before["overall"]["level"]), str(after["overall"]["level"]))
    return (
        [*found, {"id": "overall", "exhibit": "", "from": levels[0], "to": levels[1]}]
        if levels[0] != levels[1]
        else found
    )


def _say(
    question: dict[str, Any], rejected: Sequence[Decision], changed: Sequence[Mapping[str, str]], language: str
) -> None:
    """Put under the limits of an answer that review changed what it rests on."""
    if not any((item["id"], item["exhibit"]) == (question["id"], question["exhibit"]) for item in changed):
        return
    who = ", ".join(sorted({item.by for item in rejected}))
    said = {
        "ja": f"この回答は、査閲者（{who}）が退けた{len(rejected)}件の記録を除いたものである。",
        "en": f"This answer leaves out {len(rejected)} records that a reviewer ({who}) rejected.",
    }
    for name, text in said.items():
        question["limits_by_language"][name] = [*question["limits_by_language"][name], text]
    question["limits"] = question["limits_by_language"][language]
