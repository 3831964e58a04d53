"""Checking a finished case again: ledger, tables, images, and the bytes under every finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipeline.access.hashing import hash_image, hash_segments, merkle_root
from pipeline.access.image import open_image
from pipeline.access.salvage import Salvaged
from pipeline.config import Case
from pipeline.custody import verify_ledger
from pipeline.errors import IntegrityError, TriageError
from pipeline.flow.again import derive_again
from pipeline.flow.privacy import self_scan
from pipeline.keys import open_keys
from pipeline.records import Finding
from pipeline.review.reading import Reader
from pipeline.review.stamps import check_stamps
from pipeline.rules_values import value_tag
from pipeline.schemas import SHARED
from pipeline.stages.context import Context
from pipeline.store import Store, file_digest

__all__ = ["Check", "verify_case"]

_FROM_IMAGES: Final = ("evidence", "volumes", "entries", "extents", "carve", "examine", "blocks")
_DERIVED: Final = ("activity", "people", "copies", "coverage", "verdict")
"""Stages that are cheap to derive again; those before read the images whole."""
_EXAMINATIONS: Final = frozenset({"accounted", "carved", "decoded", "detected", "hashed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check; ``error`` is None where it held."""

    name: str
    detail: str
    error: str | None = None


def verify_case(case: Case, *, full: bool = False) -> Iterator[Check]:
    """Yield every check in turn; a failed one does not stop the others.

    Args:
        case: the case.
        full: derive every stage again from the images, not only the last ones from what the others found.
    """
    whole = True
    for check in _standing(case):
        whole = whole and check.error is None
        yield check
    if whole:  # what was not as it stood when it was written need not follow from anything
        for stage in (*_FROM_IMAGES, *_DERIVED) if full else _DERIVED:
            if Store(case.out).done(stage) is not None:
                yield _checked(f"again {stage}", lambda name=stage: _again(case, name))  # type: ignore[misc]
    yield _checked("privacy", lambda: _privacy(case))


def _standing(case: Case) -> Iterator[Check]:
    """Yield whether ledger, tables, documents and images stand as they did."""
    ledger: list[dict[str, Any]] = []
    yield _checked("ledger", lambda: _ledger(case, ledger))
    yield _checked("tables", lambda: _tables(case, ledger))
    yield _checked("documents", lambda: _documents(case, ledger))
    yield _checked("timestamps", lambda: check_stamps(case, ledger))
    for exhibit in case.exhibits:
        yield _checked(f"image {exhibit.label}", lambda label=exhibit.label: _image(case, label))  # type: ignore[misc]
        yield _checked(f"account {exhibit.label}", lambda label=exhibit.label: _account(case, label))  # type: ignore[misc]
    yield _checked("findings", lambda: _findings(case))


def _checked(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name=name, detail=check())
    except TriageError as error:
        return Check(name=name, detail="does not hold", error=str(error))


def _ledger(case: Case, ledger: list[dict[str, Any]]) -> str:
    ledger += verify_ledger(case.out, open_keys(case.keys_directory).public_hex)
    return f"{len(ledger)} lines, chained and signed"


def _tables(case: Case, ledger: list[dict[str, Any]]) -> str:
    """Compare every table with the digest that its stage last wrote into the ledger."""
    expected: dict[str, str] = {}
    for entry in ledger:
        if entry["event"] in {"stage-finished", "run-finished"}:
            expected.update(entry["outputs"])
    store = Store(case.out)
    for name, digest in sorted(expected.items()):
        if not store.exists(name):
            raise IntegrityError(f"{name}: the ledger knows this table, the folder does not hold it")
        if file_digest(store.path(name)) != digest:
            raise IntegrityError(f"{name}: the table is not the one that its stage wrote")
    if not expected:
        raise IntegrityError("the ledger names no table; nothing was run, or its lines are lost")
    missing = [name for name in SHARED if name not in expected]
    if missing:
        raise IntegrityError(f"{', '.join(missing)}: the ledger names no digest for this table")
    return f"{len(expected)} tables equal their digests"


def _documents(case: Case, ledger: list[dict[str, Any]]) -> str:
    """Compare verdict and reports with the digests in the ledger."""
    expected: dict[str, str] = {}
    for entry in ledger:
        expected.update(entry.get("documents", {}))
    for name, digest in sorted(expected.items()):
        path = case.out / name
        if not path.exists() or file_digest(path) != digest:
            raise IntegrityError(f"{name}: not the document that was written")
    store, verdict = Store(case.out), case.out / "verdict.json"
    if store.exists("verdicts") and [row.text for row in store.rows("verdicts")] != [verdict.read_text("utf-8")]:
        raise IntegrityError("verdict.json: not the verdict of the table")
    return f"{len(expected)} documents equal their digests"


def _image(case: Case, label: str) -> str:
    rows = [row for row in Store(case.out).rows("evidence") if row.exhibit == label]
    if not rows:
        return "was not readable in the run; nothing rests on it"
    image = open_image(case.exhibit(label).image)
    try:
        if hash_segments(image.segments) != rows[0].files_sha256:
            raise IntegrityError(f"{label}: the image's files are not those that were examined")
        digests = hash_image(Salvaged(image))
    finally:
        image.close()
    if (digests.sha256, digests.merkle_root) != (rows[0].sha256, rows[0].merkle_root):
        raise IntegrityError(f"{label}: the image's bytes do not hash to what the evidence table holds")
    leaves = Store(case.out).table("leaves", exhibit=label, columns=["sha256"]).column("sha256").to_pylist()
    if tuple(leaves) != digests.leaves or merkle_root(leaves) != rows[0].merkle_root:
        raise IntegrityError(f"{label}: the leaves of its Merkle tree are not those of the image, or give another root")
    return f"{rows[0].size} bytes hash as recorded, {len(leaves)} leaves lead to the root"


def _account(case: Case, label: str) -> str:
    """Check that the extents are disjoint, leave no hole and end with the image, and that coverage adds up to them."""
    store = Store(case.out)
    rows = [row for row in store.rows("evidence") if row.exhibit == label]
    if not rows or not store.exists("extents"):
        return "nothing was accounted for"
    extents = store.table("extents", exhibit=label, columns=["start", "length", "class"])
    starts, lengths = (np.asarray(extents.column(name), dtype=np.int64) for name in ("start", "length"))
    ends = starts + lengths
    if not len(starts) or (starts != np.append(0, ends[:-1])).any() or (lengths <= 0).any() or ends[-1] != rows[0].size:
        raise IntegrityError(f"{label}: the extents overlap, leave a hole, or do not end with the image")
    held = _sums(extents, ["class"], "length")
    if store.exists("coverage"):
        done = _sums(store.table("coverage", exhibit=label), ["class", "examined_by"], "bytes")
        for (class_, name), total in done.items():
            if (class_,) in held and name in _EXAMINATIONS and total != held[class_,]:
                raise IntegrityError(f"{label}: coverage of {class_} by {name} does not add up to the class")
    return f"{extents.num_rows} extents cover {rows[0].size} bytes"


def _sums(table: pa.Table, keys: list[str], values: str) -> dict[tuple[str, ...], int]:
    found = table.group_by(keys).aggregate([(values, "sum")]).to_pylist()
    return {tuple(row[key] for key in keys): row[f"{values}_sum"] for row in found}


def _findings(case: Case) -> str:
    """Read the value under every finding again and compare its tag."""
    reader, key = Reader(case), open_keys(case.keys_directory).tag_key
    count = 0
    for finding in Store(case.out).rows("findings"):
        count += 1
        if finding.kind != "yara" and value_tag(key, finding.kind, reader.value(finding)) != finding.value_tag:
            raise IntegrityError(f"finding {finding.id}: the bytes at {_place(finding)} give another value")
    return f"{count} findings lie where the table says"


def _again(case: Case, stage: str) -> str:
    """Derive a stage again: artefact records, people, coverage, and every answer by its rule."""
    count = derive_again(case, stage)
    return f"{count} tables come out byte for byte as they stand"


def _privacy(case: Case) -> str:
    """Scan everything under ``out/`` for personal values."""
    return f"{self_scan(Context(case)).check(case.out)} texts hold no personal value"


def _place(finding: Finding) -> str:
    where = finding.image_offset if finding.image_offset is not None else finding.offset
    return f"{finding.exhibit} offset {where}"
