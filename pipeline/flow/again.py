"""Deriving a stage again: the same tables, image and rules must give the same bytes of the same tables."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.config import Case
from pipeline.errors import IntegrityError
from pipeline.flow.order import stage_named
from pipeline.flow.run import fingerprint_of
from pipeline.flow.units import write_unit
from pipeline.schemas import SHARED
from pipeline.stages.context import Context
from pipeline.store import Store, file_digest

__all__ = ["derive_again"]


def derive_again(case: Case, name: str) -> int:
    """Derive a finished stage again in a scratch folder and compare its tables; returns how many are equal.

    Raises:
        IntegrityError: a table comes out otherwise than it stands under ``out/``.
        SettingsError: a table that the stage reads is not written.
    """
    stage, context = stage_named(name), Context(case)
    fingerprint = fingerprint_of(stage, context)
    mark = context.store.done(name)
    same = mark is not None and mark["fingerprint"] == fingerprint
    paths = (str(case.root), str(case.rules_directory))
    with TemporaryDirectory(prefix="akashi-again-") as scratch:
        again, units = Store(Path(scratch)), stage.units(context)
        again.begin(name, fingerprint)
        for unit in units:
            write_unit(paths, (name, fingerprint), unit, again.part(name, fingerprint, unit.key))
        digests = again.finish(name, fingerprint, units=[unit.key for unit in units], writes=stage.writes)
    wanted = [table for table in stage.writes if table not in SHARED]
    for table in wanted:
        if digests[table] != file_digest(context.store.path(table)):
            cause = "" if same else "; program, libraries, rules or settings are not those of the run"
            raise IntegrityError(f"{table}: the stage {name} derives another table from the evidence{cause}")
    return len(wanted)
