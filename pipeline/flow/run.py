"""A run: every stage whose inputs changed, unit by unit, with the ledger told of each step."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from pipeline.access.hashing import image_root
from pipeline.clock import Clock
from pipeline.config import Case
from pipeline.custody import Ledger, read_ledger
from pipeline.errors import EXIT_COMPLETE, EXIT_LOST, IntegrityError, SettingsError
from pipeline.flow.images import check_unchanged, see_images
from pipeline.flow.order import ORDER, all_stages, stage_named
from pipeline.flow.privacy import self_scan
from pipeline.flow.units import run_unit
from pipeline.progress import SILENT, Progress
from pipeline.records import Severity
from pipeline.schemas import SHARED, TABLES, schema_of
from pipeline.stages.base import Stage, Unit
from pipeline.stages.context import Context
from pipeline.store import file_digest, write_atomically

__all__ = ["LIBRARIES", "Outcome", "fingerprint_of", "run_case", "settings_digest"]

_LOG: Final = logging.getLogger(__name__)
LIBRARIES: Final = (
    "akashi", "dfvfs", "pytsk3", "libewf-python", "yara-python", "hyperscan", "pandas", "pyarrow", "duckdb", "isal",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to: the exit code, the stages that ran, and how many diagnostics stand."""

    exit_code: int
    ran: tuple[str, ...]
    diagnostics: int
    losses: int


def versions() -> dict[str, str]:
    """Return the versions of this program and the engines that it rests on."""
    return {name: metadata.version(name) for name in LIBRARIES}


def settings_digest(case: Case) -> str:
    """Return a digest of the settings that shape rows; where the case lies on disk is not one of them."""
    parts = [case.id, case.title, case.timezone, case.language, repr(case.incident), repr(case.limits)]
    parts.append(repr(case.ocr))
    parts += [repr((item.id, item.title)) for item in case.datasets]
    parts += [repr((e.label, e.role, e.md5, e.sha1, e.sha256, e.serial, e.acquired, e.custody, e.authorised,
                    e.timezone, e.code_page, e.image.name)) for e in case.exhibits]  # fmt: skip
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def run_case(
    case: Case,
    ledger: Ledger,
    *,
    executor: Callable[[], AbstractContextManager[Executor]],
    only: str | None = None,
    progress: Progress = SILENT,
    clock: Clock,
) -> Outcome:
    """Bring a case's tables up to date.

    Args:
        case: the case.
        ledger: is told of every step.
        executor: makes the executor that runs the units.
        only: stop after this stage.
        progress: is told how far the work is.
        clock: for durations in the log.

    Raises:
        SettingsError: ``only`` names no stage, or settings are wrong.
        IntegrityError: an image's hash differs from its record, or an image changed during the run.
    """
    context = Context(case)
    stages = _selected(only)
    _note_interruption(case, ledger)
    ledger.append("run-started", {"versions": versions(), "settings": settings_digest(case), "only": only})
    before = see_images(case)
    ran: list[str] = []
    try:
        with executor() as pool:
            for stage in stages:
                started = clock.monotonic()
                if _run_stage(stage, context, pool, ledger, progress):
                    ran.append(stage.name)
                    seconds = round(clock.monotonic() - started, 3)
                    _LOG.info("stage finished", extra={"stage": stage.name, "seconds": seconds})
    finally:
        gathered = context.store.gather()
    check_unchanged(case, before)
    outcome = _outcome(context, tuple(ran))
    body = {"ran": ran, "exit": outcome.exit_code, "outputs": gathered, "roots": _roots(context)}
    body |= {"images": {label: seen.digest for label, seen in before.items()}}
    documents = _write_verdict(context)
    body |= {"self_scan": _self_scan(context, ledger)}
    ledger.append("run-finished", {**body, "documents": documents})
    return outcome


def _self_scan(context: Context, ledger: Ledger) -> int:
    """Look for personal values under ``out/``; the ledger keeps where one was found before the run ends on it."""
    try:
        return self_scan(context).check(context.case.out)
    except IntegrityError as error:
        ledger.append("self-scan-failed", {"reason": str(error)})
        raise


def _roots(context: Context) -> dict[str, str]:
    """Return the root of each image, its size bound in, for those who check a proof against the signed ledger."""
    if not context.store.exists("evidence"):
        return {}
    return {row.exhibit: image_root(row.size, row.merkle_root) for row in context.store.rows("evidence")}


def _write_verdict(context: Context) -> dict[str, str]:
    """Put the verdict's text beside the tables, once there is one; returns its digest by name."""
    if not context.store.exists("verdicts"):
        return {}
    path = context.case.out / "verdict.json"
    for row in context.store.rows("verdicts"):
        write_atomically(path, row.text.encode())
    return {path.name: file_digest(path)}


def _selected(only: str | None) -> Sequence[Stage]:
    if only is None:
        return all_stages()
    if only not in ORDER:
        raise SettingsError(f"there is no stage {only!r}; the stages are {', '.join(ORDER)}")
    return tuple(map(stage_named, ORDER[: ORDER.index(only) + 1]))


def _note_interruption(case: Case, ledger: Ledger) -> None:
    if not (case.out / "custody.jsonl").exists():
        return
    started = [entry for entry in read_ledger(case.out) if str(entry.get("event", "")).startswith("run-")]
    if started and started[-1]["event"] == "run-started":
        ledger.append("run-interrupted", {"run": started[-1]["hash"]})


def fingerprint_of(stage: Stage, context: Context) -> str:
    """Digest everything a stage rests on."""
    parts: dict[str, Any] = {
        "stage": stage.name,
        "version": stage.version,
        "settings": settings_digest(context.case),
        "libraries": versions(),
        "tables": {name: _table_digest(name, stage, context) for name in stage.reads},
        "schemas": {name: str(schema_of(TABLES[name])) for name in (*stage.reads, *stage.writes)},
        "depends": dict(stage.depends(context)),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _table_digest(name: str, stage: Stage, context: Context) -> str:
    """Return what stands for a table in a fingerprint: its digest, or the stages that wrote a shared one."""
    if name in SHARED:
        marks = [context.store.done(before) for before in context.store.stages_before(stage.name)]
        return ",".join(str(mark["fingerprint"]) for mark in marks if mark is not None)
    for writer in map(stage_named, ORDER[: ORDER.index(stage.name)]):
        mark = context.store.done(writer.name)
        if name in writer.writes and mark is not None:
            return str(mark["tables"][name])
    raise SettingsError(f"{name}: not written yet; run the stages before it")


def _run_stage(stage: Stage, context: Context, pool: Executor, ledger: Ledger, progress: Progress) -> bool:
    """Run one stage if anything that it rests on changed; tell whether it ran."""
    store = context.store
    fingerprint = fingerprint_of(stage, context)
    mark = store.done(stage.name)
    if mark is not None and mark["fingerprint"] == fingerprint and all(store.exists(name) for name in stage.writes):
        progress.stage_finished(stage.name, kept=True)
        return False
    store.begin(stage.name, fingerprint)
    units = stage.units(context)
    progress.stage_started(stage.name, len(units), sum(unit.bytes for unit in units))
    for done in _units_done(stage, context, pool, fingerprint, units):
        progress.unit_done(stage.name, done)
    digests = store.finish(stage.name, fingerprint, units=[unit.key for unit in units], writes=stage.writes)
    ledger.append("stage-finished", {"stage": stage.name, "fingerprint": fingerprint, "outputs": digests})
    progress.stage_finished(stage.name, kept=False)
    stage.check(context)
    return True


def _units_done(
    stage: Stage, context: Context, pool: Executor, fingerprint: str, units: Sequence[Unit]
) -> Iterator[int]:
    case, rules = str(context.case.root), str(context.case.rules_directory)
    futures = [pool.submit(run_unit, case, rules, stage.name, fingerprint, unit) for unit in units]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _outcome(context: Context, ran: tuple[str, ...]) -> Outcome:
    severities = context.store.table("diagnostics", columns=["severity"]).column("severity").to_pylist()
    losses = sum(1 for severity in severities if severity != Severity.NOTE)
    code = EXIT_LOST if losses else EXIT_COMPLETE
    return Outcome(exit_code=code, ran=ran, diagnostics=len(severities), losses=losses)
