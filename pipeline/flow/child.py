"""The jail's side: ``python -m pipeline.flow.child CASE RULES MEMORY`` examines items until its pipe closes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipeline.config import load_case
from pipeline.errors import TriageError
from pipeline.flow.border import guard
from pipeline.flow.order import stage_named
from pipeline.lean import keep_pandas_out
from pipeline.stages.base import Item, RowOf
from pipeline.stages.context import Context
from pipeline.workers import serve

__all__ = ["Fault", "main"]

_PAGE: Final = 4_096
Fault = tuple[type[TriageError], str]


class Handler:
    """Answers ``(stage, fingerprint, item)`` with pages of rows, or one fault; a context lives for one fingerprint."""

    def __init__(self, case: Path, rules: Path) -> None:
        self._case, self._rules = case, rules
        self._context: tuple[str, Context] | None = None

    def __call__(self, request: tuple[str, str, Item]) -> Iterator[Any]:
        """Yield the frames of one item."""
        name, fingerprint, item = request
        if self._context is None or self._context[0] != fingerprint:
            self._context = (fingerprint, Context(load_case(self._case, self._rules)))
        page: list[RowOf] = []
        try:
            for row in guard(stage_named(name), self._context[1], item):
                page.append(row)
                if len(page) >= _PAGE or isinstance(row[1], pa.RecordBatch):
                    yield page
                    page = []
        except TriageError as error:
            yield (type(error), str(error))
            return
        yield page


def main(arguments: list[str]) -> None:
    """Serve; arguments are the case folder, the rules folder and the bound of the address space in bytes."""
    keep_pandas_out()
    case, rules, memory = arguments
    serve(Handler(Path(case), Path(rules)), memory=int(memory))


if __name__ == "__main__":
    main(sys.argv[1:])
