"""The public door for notebooks: open a case, get its tables as DataFrames, follow a finding to its bytes."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.clock import SYSTEM_CLOCK
from pipeline.config import Case, load_case
from pipeline.custody import Ledger
from pipeline.keys import open_keys
from pipeline.review.chain import walk
from pipeline.review.decisions import NAME, decide
from pipeline.review.reading import Reader, find_finding, reveal
from pipeline.review.tables import frame
from pipeline.store import Store

__all__ = ["OpenCase", "open_case"]


class OpenCase:
    """A case that has been run, for reading."""

    def __init__(self, case: Case) -> None:
        self.settings = case
        self._store = Store(case.out)

    def __repr__(self) -> str:
        return f"OpenCase({self.settings.id!r}, {len(self.settings.exhibits)} exhibits)"

    def table(self, name: str) -> pd.DataFrame:
        """Return a table; its columns are those of the record in ``pipeline.records``."""
        return frame(self._store.table(name))

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict, as ``verdict.json`` holds it."""
        text = (self.settings.out / "verdict.json").read_text(encoding="utf-8")
        verdict: dict[str, Any] = json.loads(text)
        return verdict

    def questions(self) -> pd.DataFrame:
        """Return the verdict's questions, a row each."""
        columns = ["id", "exhibit", "channel", "level", "strength", "sentence"]
        return pd.DataFrame(self.verdict["questions"])[columns]

    def follow(self, key: str) -> pd.DataFrame:
        """Return the evidence chain under a claim, finding, file or event: one row per link."""
        rows = [
            {"depth": link.depth, "relation": link.relation, "table": link.table, "row": link.row}
            for link in walk(self._store, key)
        ]
        return pd.DataFrame(rows)

    def bytes_of(self, finding: str) -> bytes:
        """Return the masked surroundings of a finding: its own bytes are replaced by full stops."""
        row = find_finding(self._store, finding)
        data, position = Reader(self.settings).context_of(row, around=0)
        return data[:position] + b"." * row.length + data[position + row.length :]

    def reveal(self, finding: str, *, reason: str) -> str:
        """Return a finding's value in clear; the ledger records who looked and why."""
        return reveal(self.settings, self._ledger(), finding, reason=reason)

    def review(self, row: str, *, decision: str, note: str) -> None:
        """Record a reviewer's decision, ``accept`` or ``reject``, on a finding, an event, a person or a copy.

        The verdict is answered again; see :attr:`reviewed_verdict`.

        Raises:
            SettingsError: the decision is another word, or no single row has this id.
        """
        decide(self.settings, self._ledger(), row, decision=decision, note=note)

    @property
    def reviewed_verdict(self) -> dict[str, Any] | None:
        """The verdict without what reviewers rejected; None where nobody decided anything."""
        path = self.settings.out / NAME
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _ledger(self) -> Ledger:
        keys = open_keys(self.settings.keys_directory)
        return Ledger(self.settings.out, keys, SYSTEM_CLOCK, getpass.getuser())


def open_case(folder: str | Path, *, rules: str | Path | None = None) -> OpenCase:
    """Open a case folder.

    Args:
        folder: the folder that holds ``case.toml``.
        rules: the rules folder; the project's own where it is not given.

    Raises:
        SettingsError: the settings cannot be read.
    """
    default = Path(__file__).resolve().parents[1] / "rules"
    return OpenCase(load_case(Path(folder), Path(rules) if rules is not None else default))
