"""What a reader learns of a source while it reads it, and the one audit that comes of it, whatever the bytes were."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pipeline.artefacts.base import Audit, Fact, Trouble
from pipeline.artefacts.times import Span
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Gap

__all__ = ["Reading"]

_MOST_GAPS: Final = 1000
_UNORDERED: Final = 10**9
"""Seconds: records of such sources are in no order of time, so a step backwards shows nothing about a clock."""
FAULTS: Final = (ParseError, UnreadableError, struct.error, ValueError, OverflowError, OSError, MemoryError)
"""What hostile bytes raise in the standard library's and libyal's readers."""


class Reading:
    """Span, gaps and damage of one source; :meth:`facts` runs a reader inside its border and ends with the audit."""

    def __init__(self, system: str, owner: str = "", *, state_only: bool = True, ordered: bool = False) -> None:
        self.system = system
        self.owner = owner
        self.span = Span() if ordered else Span(step_s=_UNORDERED)
        self.gaps: list[Gap] = []
        self.damaged = False
        self._state_only = state_only

    def lose(self, reason: str, start: datetime | None = None, end: datetime | None = None) -> None:
        """Note that records are missing or unreadable."""
        self.damaged = True
        self.miss(reason, start, end)

    def miss(self, reason: str, start: datetime | None = None, end: datetime | None = None) -> None:
        """Note a stretch that the source does not speak for though its bytes are sound."""
        if len(self.gaps) < _MOST_GAPS:
            self.gaps.append(Gap(start=start, end=end, reason=reason))

    def facts(self, facts: Iterator[Fact]) -> Iterator[Fact]:
        """Yield what a reader tells, then its trouble and its audit; a fault of the bytes ends the reading only."""
        try:
            yield from facts
        except FAULTS as error:
            told = str(error) if isinstance(error, ParseError | UnreadableError) else type(error).__name__
            self.lose(f"cannot be read further: {told}")
        if self.damaged:
            reason = self.gaps[0].reason if self.gaps else "records are missing"
            yield Trouble("artefact-damaged", f"{self.system}: {reason}; what it held there is not in the activity")
        records = self.span.records
        yield Audit(
            system=self.system, owner=self.owner, first=self.span.first, last=self.span.last, records=records,
            gaps=(*self.gaps, *self.span.gaps)[:_MOST_GAPS], enabled="yes" if records else "unknown",
            state_only=self._state_only,
            status=("damaged" if records else "unreadable") if self.damaged else "read",
        )  # fmt: skip
