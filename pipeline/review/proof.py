"""Proofs that bytes are in an image: whole leaves of its Merkle tree, with the paths from them to its root.

A leaf is the hash of a mebibyte, so a proof holds the mebibytes that its bytes lie in, in clear, and is handled as
what it is: an export that reveals. ``verify_proof.py`` beside this module checks it and describes the format.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from pipeline.access.hashing import LEAF_BYTES, image_root, leaf_hash, merkle_path
from pipeline.access.interfaces import Readable
from pipeline.config import Case
from pipeline.custody import Ledger
from pipeline.errors import IntegrityError, SettingsError, UnreadableError
from pipeline.records import Evidence, FileEntry, Finding, Origin
from pipeline.review.place import record_range
from pipeline.review.reading import Reader, find_finding
from pipeline.schemas import TABLES, table_to_rows
from pipeline.stages.context import Context
from pipeline.store import Store, file_digest

__all__ = ["Target", "proof_of", "prove", "target_of"]

_MOST_LEAVES: Final = 256
_RANGE: Final = re.compile(r"(?P<exhibit>[^!]+)!bytes:(?P<start>\d{1,18})\+(?P<length>\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be proven: ``ranges`` of an image, in their order; ``kind`` says what they are of ``id``.

    A ``container`` is the file whose bytes, decoded, hold the finding.
    """

    exhibit: str
    kind: str
    id: str
    ranges: tuple[tuple[int, int], ...]


def target_of(case: Case, key: str) -> Target:
    """Return where a finding, a file or a range of bytes (``EX-01!bytes:START+LENGTH``) lies in an image.

    Raises:
        SettingsError: there is no such thing, or the range is outside its image.
        UnreadableError: it has no bytes of its own in the image.
    """
    named = _RANGE.fullmatch(key)
    if named is not None:
        label = case.exhibit(named["exhibit"]).label
        return Target(exhibit=label, kind="bytes", id=key, ranges=((int(named["start"]), int(named["length"])),))
    store = Store(case.out)
    try:
        finding = find_finding(store, key)
    except SettingsError:
        entry = _file(store, key)
        return Target(exhibit=entry.exhibit, kind="file", id=entry.id, ranges=_ranges(case, entry))
    return _of_finding(case, finding)


def _file(store: Store, key: str) -> FileEntry:
    table = store.table("files")
    found = table.filter(pc.starts_with(table.column("id"), key)).slice(0, 2)
    if found.num_rows != 1 or len(key) < 6:
        raise SettingsError(
            f"{key}: no finding or file, or more than one, has this id; name a range as EX-01!bytes:0+1"
        )
    entry: FileEntry = next(table_to_rows(TABLES["files"], found))
    return entry


def _of_finding(case: Case, finding: Finding) -> Target:
    if finding.image_offset is not None:
        ranges = ((finding.image_offset, finding.length),)
        return Target(exhibit=finding.exhibit, kind="finding", id=finding.id, ranges=ranges)
    entry = Reader(case).file(finding.file)
    return Target(exhibit=finding.exhibit, kind="container", id=finding.id, ranges=_ranges(case, entry))


def _ranges(case: Case, entry: FileEntry) -> tuple[tuple[int, int], ...]:
    """Return where an entry's bytes lie; of a member, those of the outermost file that holds it."""
    while entry.origin == Origin.MEMBER:
        entry = Reader(case).file(entry.parent)
    left, ranges = min(entry.size, entry.initialised_size) if entry.reader == "runs" else 1 << 62, []
    for run in entry.runs:
        used = min(run.length, left)
        left -= run.length
        if run.start >= 0 and used > 0:
            ranges.append((run.start, used))
    ranges = ranges or list(record_range(Store(case.out), entry, Context(case).image(entry.exhibit)))
    if not ranges:
        raise UnreadableError(
            f"file {entry.id}: where its bytes lie in the image is not known (a layered volume, or the file system's "
            "records); prove a range of the image"
        )
    return tuple(ranges)


def prove(case: Case, ledger: Ledger, target: Target, path: Path) -> int:
    """Write a proof, mode 0600, and tell the ledger; returns the number of leaves in it.

    Raises:
        SettingsError: the file would lie in the case's ``out``, or exists; the range is outside the image, or too long.
        IntegrityError: the image does not give the leaves that the run hashed.
    """
    if path.resolve().is_relative_to(case.out.resolve()):
        raise SettingsError(
            f"{path}: a proof holds bytes in clear and does not belong in {case.out.name}/; name another"
        )
    evidence, leaves = _known(case, target.exhibit)
    _check(target, evidence)
    count = len(_places(target))
    if count > _MOST_LEAVES:
        raise SettingsError(f"{target.id}: {count} MiB would be disclosed; prove a range of at most {_MOST_LEAVES} MiB")
    data = proof_of(target, Context(case).image(target.exhibit), evidence.merkle_root, leaves)
    ledger.append("prove", {"target": target.id, "kind": target.kind, "exhibit": target.exhibit, "leaves": count})
    _write(path, data)
    ledger.append("export", {"proof": target.id, "reveal": True, "output": {path.name: file_digest(path)}})
    return count


def _known(case: Case, exhibit: str) -> tuple[Evidence, list[str]]:
    store = Store(case.out)
    evidence = next(iter(store.rows("evidence", exhibit=exhibit)), None)
    if evidence is None:
        raise SettingsError(f"{exhibit}: was not read by a run; there is nothing to prove")
    return evidence, store.table("leaves", exhibit=exhibit, columns=["sha256"]).column("sha256").to_pylist()


def _check(target: Target, evidence: Evidence) -> None:
    for start, length in target.ranges:
        if length < 1 or start + length > evidence.size:
            raise SettingsError(
                f"{target.exhibit}: bytes {start}+{length} are not in the image of {evidence.size} bytes"
            )


def proof_of(target: Target, image: Readable, root: str, leaves: Sequence[str]) -> bytes:
    """Return the proof of a target's bytes as canonical JSON, its own digest in it.

    Args:
        target: what is proven; its ranges lie in the image.
        image: the image.
        root: of the tree over ``leaves``, in hexadecimal.
        leaves: hashes of the image's mebibytes.

    Raises:
        IntegrityError: the image does not give these leaves.
    """
    held = []
    for index in _places(target):
        data = image.read(index * LEAF_BYTES, LEAF_BYTES)
        if leaf_hash(data) != leaves[index]:
            raise IntegrityError(f"{target.exhibit}: mebibyte {index} of the image is not what the run hashed")
        path = list(merkle_path(leaves, index))
        held.append({"index": index, "data": base64.b64encode(data).decode("ascii"), "path": path})
    body = {
        "format": "akashi-proof", "version": 1, "exhibit": target.exhibit,
        "subject": {"kind": target.kind, "id": target.id},
        "image": {"size": image.size, "leaf_bytes": LEAF_BYTES, "tree_root": root,
                  "image_root": image_root(image.size, root)},
        "ranges": [{"start": start, "length": length} for start, length in target.ranges], "leaves": held,
    }  # fmt: skip
    return _canonical({**body, "digest": hashlib.sha256(_canonical(body)).hexdigest()})


def _places(target: Target) -> list[int]:
    """Return the numbers of the leaves that a target lies in."""
    return sorted({at for start, length in target.ranges
                   for at in range(start // LEAF_BYTES, (start + length - 1) // LEAF_BYTES + 1)})  # fmt: skip


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read; an existing one is not written over."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be made ({error.strerror}); name another file with --out") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
