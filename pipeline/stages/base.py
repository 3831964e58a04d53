"""What a stage is: it reads tables of earlier stages, splits its work in units of items, and yields rows.

A unit is what an executor runs and what an interruption may cost; an item is what a crash of a native parser may cost.
``units`` runs where the flow runs, ``items`` and ``lost`` beside a jail, ``examine`` inside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.records import Severity, diagnose
from pipeline.stages.context import Context

__all__ = ["Item", "RowOf", "Stage", "Unit"]

RowOf = tuple[str, Any]
"""A row, or an Arrow batch of many rows, with the name of its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A share of a stage: positions in its input table, or an exhibit, and the bytes that it will read."""

    key: str
    exhibit: str = ""
    positions: tuple[int, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is examined, lost and retried as one."""

    exhibit: str
    address: str
    bytes: int = 0
    payload: Any = field(default=None)


class Stage(ABC):
    """One step from rows to rows. Raise ``version`` when equal input may give other rows."""

    name: ClassVar[str]
    version: ClassVar[int]
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return what the stage rests on besides its tables: digests of rules, versions of plug-ins."""
        del context
        return {}

    @abstractmethod
    def units(self, context: Context) -> Sequence[Unit]:
        """Return the units, in order; their keys are unique and do not depend on the number of workers."""

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield the items of a unit; by default the exhibit as one item."""
        del context
        yield Item(exhibit=unit.exhibit, address=unit.exhibit or self.name, bytes=unit.bytes)

    @abstractmethod
    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Yield the rows of an item."""

    def check(self, context: Context) -> None:
        """Look at the written tables before the next stage; raises IntegrityError to stop the run."""
        del context

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Yield the rows that stand for an item that could not be examined."""
        del context
        yield "diagnostics", diagnose(self.name, item.address, "not-examined", reason, Severity.LOSS)
