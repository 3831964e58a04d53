"""Writes ``claims``, ``grounds`` and ``verdicts``: the questions of the rules, answered from the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pipeline.records import VerdictText
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.verdict import run_verdict
from pipeline.store import file_digest, folder_digest

__all__ = ["JudgeStage"]


class JudgeStage(Stage):
    """Answers every question for every exhibit it applies to, with what each answer rests on."""

    name: ClassVar[str] = "verdict"
    version: ClassVar[int] = 3
    reads: ClassVar[tuple[str, ...]] = (
        "evidence", "volumes", "files", "contents", "findings", "people", "activity", "sources", "coverage", "extents",
        "diagnostics", "holdings", "copies", "block_matches",
    )  # fmt: skip
    writes: ClassVar[tuple[str, ...]] = ("claims", "grounds", "verdicts")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the digest of the verdict rules."""
        rules = context.case.rules_directory
        return {"rules": folder_digest(rules / "verdict"), "strength": file_digest(rules / "strength.yaml")}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return the one unit: a verdict looks at the whole case."""
        del context
        return [Unit(key="case")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Answer the questions."""
        del item
        tables = {name: context.store.table(name) for name in self.reads if name != "diagnostics"}
        tables["diagnostics"] = context.gathered_table("diagnostics", self.name)
        outcome = run_verdict(tables, context.case, context.case.rules_directory / "verdict")
        for claim in outcome.claims:
            yield "claims", claim
        for ground in outcome.grounds:
            yield "grounds", ground
        text = json.dumps(outcome.verdict, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        yield "verdicts", VerdictText(case=context.case.id, text=text)
