"""Forms: lines of a label and a value that follow each other are one record, until a label comes again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pipeline.rules import fold_header

if TYPE_CHECKING:
    from pipeline.detectors.scoring import Text

__all__ = ["REACH", "forms_in"]

REACH: Final = 900
"""Characters from the first line of a run of forms within which they are told apart: at most 2,700 bytes of kanji."""
_LABEL: Final = re.compile(r"[^:=\n]{1,24}(?=[:=])")
_NUMBER: Final = re.compile(r"[\s0-9.()]+")


def forms_in(text: Text, headers: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the forms of two lines or more in a text; ``headers`` are labels and their kinds.

    Which lines are of one form depends on the first line of their run, so a long run without a blank line is told
    apart only near its beginning, wherever pages cut it.
    """
    first = -1
    run: list[int] = []
    kinds: set[str] = set()
    for line, start in enumerate(text.starts):
        label = _LABEL.match(text.text, start) if line not in text.silent else None
        kind = headers.get(fold_header(_NUMBER.sub("", label.group(), count=1))) if label else None
        goes_on = kind is not None and first >= 0 and text.linked[line] and start - first <= REACH
        if run and (not goes_on or kind in kinds):
            yield from _closed(text, run)
            run, kinds = [], set()
        if kind is None:
            first = -1
        elif goes_on or not (first >= 0 and text.linked[line]):
            first = first if goes_on else start
            run.append(line)
            kinds.add(kind)
    yield from _closed(text, run)


def _closed(text: Text, run: list[int]) -> Iterator[tuple[int, int]]:
    if len(run) > 1:
        yield text.starts[run[0]], text.end_of(run[-1])
