"""One unit, as any executor runs it: its items go through a jail, its rows become a part, whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from pipeline.config import Case, load_case
from pipeline.errors import TriageError
from pipeline.flow.order import stage_named
from pipeline.stages.base import Item, RowOf, Unit
from pipeline.stages.context import Context
from pipeline.store import PartWriter
from pipeline.workers import Jail, JailError

__all__ = ["JAILED", "run_unit", "write_unit"]

JAILED = "pipeline.flow.child"
"""The module whose ``handler`` answers in a jail."""

_OWN_MEMORY = 3 << 30


@lru_cache(maxsize=8)
def _jail(case: str, rules: str, memory: int, thread: int) -> Jail:
    del thread
    return Jail(JAILED, [case, rules], memory=memory)


@lru_cache(maxsize=8)
def _context(case: str, rules: str, stage: str, fingerprint: str, thread: int) -> Context:
    del stage, fingerprint, thread
    return Context(load_case(Path(case), Path(rules)))


def run_unit(case: str, rules: str, name: str, fingerprint: str, unit: Unit) -> int:
    """Examine the items of a unit and put its part into place; returns the bytes it stands for.

    Raises:
        IntegrityError, SettingsError, RuleError: as an item raised them; no part is written.
    """
    context = _context(case, rules, name, fingerprint, threading.get_ident())
    folder = context.store.part(name, fingerprint, unit.key)
    if not folder.exists():
        write_unit((case, rules), (name, fingerprint), unit, folder)
    return unit.bytes


def write_unit(paths: tuple[str, str], step: tuple[str, str], unit: Unit, folder: Path) -> None:
    """Examine the items of a unit and write its part to a folder.

    Args:
        paths: the folders of the case and of its rules.
        step: the stage's name and its fingerprint.
        unit: the unit.
        folder: where the part comes to lie, whole or not at all.

    Raises:
        IntegrityError, SettingsError, RuleError: as an item raised them; no part is written.
    """
    thread = threading.get_ident()
    context, stage = _context(*paths, *step, thread), stage_named(step[0])
    jail = _jail(*paths, context.case.limits.item_memory + _OWN_MEMORY, thread)
    writer = PartWriter(folder)
    for item in stage.items(context, unit):
        _examine(writer, jail, step, context, item)
    writer.commit()


def _write(writer: PartWriter, rows: Iterable[RowOf]) -> None:
    """Write rows, or batches of them, as they came; those of one table together."""
    tables: dict[str, list[object]] = {}
    for table, row in rows:
        if isinstance(row, pa.RecordBatch):
            writer.write(table, row)
        else:
            tables.setdefault(table, []).append(row)
    for table in sorted(tables):
        writer.write(table, tables[table])


def _examine(writer: PartWriter, jail: Jail, step: tuple[str, str], context: Context, item: Item) -> None:
    """Write an item's rows as they come; an item whose jail dies twice is lost, with its reason."""
    reason, mark = "", writer.mark()
    for _attempt in range(2):
        try:
            for rows in _frames(jail, step, item, timeout_s(context.case, item.bytes)):
                _write(writer, rows)
        except JailError as error:
            writer.rollback(mark)
            reason = error.reason
        else:
            return
    reason = f"{reason}; tried twice, the second time alone"
    _write(writer, stage_named(step[0]).lost(context, item, reason))


def timeout_s(case: Case, size: int) -> float:
    """Return the wall time that an item may take: a base, a rate by size, and what reading pictures may take."""
    pictures = case.ocr.item_seconds if case.ocr.enabled else 0
    return pictures + case.limits.item_seconds + case.limits.seconds_per_mib * (size / (1 << 20))


def _frames(jail: Jail, step: tuple[str, str], item: Item, limit_s: float) -> Iterator[list[RowOf]]:
    for frame in jail.call((*step, item), timeout_s=limit_s):
        if isinstance(frame, tuple):
            kind, message = frame
            raise kind(message) if issubclass(kind, TriageError) else TriageError(message)
        yield frame
