"""What sources in SQLite have in common: rows become events, and damage becomes part of the audit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.base import Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.sqlite import COMPANIONS, Database, opened
from pipeline.artefacts.times import Span
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["RowSource"]


@dataclass(frozen=True)
class RowSource(Artefact):
    """A database with a table that must be there; it holds last states unless it says otherwise."""

    system: ClassVar[str] = ""
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("", ())
    """The table without which the file shows nothing, and its columns."""
    state_only: ClassVar[bool] = True
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    @abstractmethod
    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield the events of the rows, in the order of their ids."""

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        span, owner, status = Span(step_s=10**9), owner_of(candidate.path), "read"
        gaps: tuple[Gap, ...] = ()
        table, columns = self.needs
        try:
            with opened(candidate) as base:
                if not set(columns) <= base.columns(table):
                    message = f"the database has no table {table} as it is known; what it records is not read"
                    raise ParseError(message)
                for event in self.events(base, candidate, owner):
                    span.add(event.time)
                    yield event
        except ParseError as error:
            status = "damaged" if span.records else "unreadable"
            gaps = (Gap(start=None, end=None, reason=str(error)),)
            yield Trouble("database-damaged", str(error))
        yield Audit(
            system=self.system, owner=owner, first=span.first, last=span.last, records=span.records, gaps=gaps,
            enabled="yes" if span.records and not self.state_only else "unknown", state_only=self.state_only,
            status=status,
        )  # fmt: skip
