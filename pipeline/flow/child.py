"""What a jail of a case does: it examines items of any stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

__all__ = ["Fault", "handler"]

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


def handler(arguments: Sequence[str]) -> Handler:
    """Return what answers a jail's requests; arguments are the case folder and the rules folder."""
    keep_pandas_out()
    case, rules = arguments
    return Handler(Path(case), Path(rules))
