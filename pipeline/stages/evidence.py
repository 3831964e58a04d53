"""Writes ``evidence`` and ``leaves``: what was acquired, what its bytes hash to, and whether that agrees."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final

from pipeline.access.hashing import ImageDigests, hash_image, hash_segments
from pipeline.access.image import cross_check, open_image
from pipeline.access.interfaces import Image
from pipeline.access.salvage import Salvaged, merged
from pipeline.address import at_bytes
from pipeline.config import Exhibit
from pipeline.errors import IntegrityError, UnreadableError
from pipeline.records import Diagnostic, Evidence, Examination, ExtentClass, Leaf, Severity, Unreadable, diagnose
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["EvidenceStage"]

ALGORITHMS: Final = ("md5", "sha1", "sha256")
ACQUISITION: Final = "acquisition"
DAMAGED: Final = "damaged"


class EvidenceStage(Stage):
    """Hashes every image in one read and compares with what the container and the acquisition record say."""

    name: ClassVar[str] = "evidence"
    version: ClassVar[int] = 2
    writes: ClassVar[tuple[str, ...]] = ("evidence", "leaves", "unreadable")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return size and time of every image file, so that a replaced image is hashed again."""
        return {exhibit.label: _stamp(exhibit.image) for exhibit in context.case.exhibits}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per exhibit."""
        return [
            Unit(key=exhibit.label, exhibit=exhibit.label, bytes=_size(exhibit.image))
            for exhibit in context.case.exhibits
        ]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Hash one image."""
        exhibit = context.case.exhibit(item.exhibit)
        image = context.image(item.exhibit)
        salvaged = Salvaged(image)
        digests = hash_image(salvaged)
        lost = list(_lost(exhibit.label, image.unreadable, salvaged.lost))
        row = _evidence(exhibit, image, digests, _cross_checked(image, salvaged), sum(one.length for one in lost))
        yield "evidence", row
        for index, leaf in enumerate(digests.leaves):
            yield "leaves", Leaf(exhibit=exhibit.label, index=index, sha256=leaf)
        for one in lost:
            yield "unreadable", one
            yield "diagnostics", _unreadable(one)
        if salvaged.lost:
            yield "diagnostics", _damaged(row)
        elif not row.verified:
            yield "diagnostics", diagnose(self.name, exhibit.label, *_disagreement(row), Severity.LOSS)

    def check(self, context: Context) -> None:
        """Stop the run at an image whose hash is not the recorded one.

        Of an image with damaged pieces no hash can be the recorded one; what is left of it is examined, unverified.
        """
        damaged = {row.exhibit for row in context.store.rows("unreadable") if row.reason == DAMAGED}
        for row in context.store.rows("evidence"):
            wrong = _mismatches(row)
            if wrong and row.exhibit not in damaged:
                raise IntegrityError(f"{row.exhibit}: {'; '.join(wrong)}; the image is not what was acquired")

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Record an image that cannot be read as not examined."""
        yield from super().lost(context, item, reason)
        examination = Examination(
            exhibit=item.exhibit, volume="", address=item.exhibit, subject="image", class_=ExtentClass.UNREADABLE,
            bytes=item.bytes, examined_by="hashed", outcome="not-examined", reason=reason,
        )  # fmt: skip
        yield "examinations", examination


def _stamp(path: Path) -> str:
    try:
        image = open_image(path)
    except UnreadableError as error:
        return f"unreadable: {error}"
    segments = image.segments
    image.close()
    return ";".join(f"{Path(s).name}:{Path(s).stat().st_size}:{Path(s).stat().st_mtime_ns}" for s in segments)


def _size(path: Path) -> int:
    try:
        image = open_image(path)
    except UnreadableError:
        return 0
    size = image.size
    image.close()
    return size


def _cross_checked(image: Image, salvaged: Salvaged) -> int:
    """Compare with libewf; a damaged image only as far as neither reader fails."""
    try:
        return cross_check(image)
    except UnreadableError:
        if not salvaged.lost:
            raise
        return 0


def _lost(
    exhibit: str, acquisition: Sequence[tuple[int, int]], damaged: Sequence[tuple[int, int]]
) -> Iterator[Unreadable]:
    """Yield disjoint rows: what the acquisition could not read, and what the container does not give any more."""
    edges = sorted({edge for start, length in (*acquisition, *damaged) for edge in (start, start + length)})
    reasons = ((DAMAGED, merged(damaged)), (ACQUISITION, merged(acquisition)))
    rows: list[Unreadable] = []
    for start, end in pairwise(edges):
        reason = next((name for name, ranges in reasons if _holds(ranges, start)), None)
        if reason is None:
            continue
        if rows and rows[-1].reason == reason and rows[-1].start + rows[-1].length == start:
            rows[-1] = replace(rows[-1], length=end - rows[-1].start)
        else:
            rows.append(Unreadable(exhibit=exhibit, start=start, length=end - start, reason=reason))
    yield from rows


def _holds(ranges: Sequence[tuple[int, int]], offset: int) -> bool:
    index = bisect_right(ranges, (offset, 1 << 63)) - 1
    return index >= 0 and offset < sum(ranges[index])


def _evidence(exhibit: Exhibit, image: Image, digests: ImageDigests, cross_checked: int, unreadable: int) -> Evidence:
    row = Evidence(
        exhibit=exhibit.label,
        role=exhibit.role,
        format=image.format,
        size=image.size,
        segments=len(image.segments),
        stored_md5=image.stored.get("md5"),
        stored_sha1=image.stored.get("sha1"),
        stored_sha256=image.stored.get("sha256"),
        recorded_md5=exhibit.md5,
        recorded_sha1=exhibit.sha1,
        recorded_sha256=exhibit.sha256,
        md5=digests.md5,
        sha1=digests.sha1,
        sha256=digests.sha256,
        merkle_root=digests.merkle_root,
        files_sha256=hash_segments(image.segments),
        verified=False,
        unreadable=unreadable,
        cross_checked=cross_checked,
        serial=exhibit.serial,
        acquired_by=exhibit.acquired.by or None,
        acquired_at=exhibit.acquired.at,
        acquired_tool=exhibit.acquired.tool or None,
    )
    return _verified(row)


def _verified(row: Evidence) -> Evidence:
    """Set ``verified``: at least one independent hash is known and every known one agrees."""
    known = [getattr(row, f"{source}_{name}") for source in ("stored", "recorded") for name in ALGORITHMS]
    return replace(row, verified=any(known) and not _mismatches(row))


def _mismatches(row: Evidence) -> list[str]:
    wrong = []
    for name in ALGORITHMS:
        computed = getattr(row, name)
        for source in ("stored", "recorded"):
            value = getattr(row, f"{source}_{name}")
            if value is not None and value != computed:
                wrong.append(f"{source} {name} is {value}, computed {computed}")
    return wrong


def _disagreement(row: Evidence) -> tuple[str, str]:
    wrong = _mismatches(row)
    if wrong:
        return "hash-mismatch", f"{row.exhibit}: {'; '.join(wrong)}; acquire again or explain the difference"
    return (
        "hash-unknown",
        f"{row.exhibit}: neither the container nor case.toml holds a hash of the acquisition; add the recorded one",
    )


def _damaged(row: Evidence) -> Diagnostic:
    message = (
        f"{row.exhibit}: pieces of the container are damaged, so that no hash of the medium can be compared with the "
        "acquisition's; what is left is examined, unverified; copy the image again from its source"
    )
    return diagnose("evidence", row.exhibit, "hash-mismatch", message, Severity.LOSS)


def _unreadable(row: Unreadable) -> Diagnostic:
    address = at_bytes(row.exhibit, row.start, row.length)
    message = f"{address}: the acquisition could not read these sectors; they stand as zeros in the image"
    if row.reason == DAMAGED:
        message = f"{address}: this piece of the container is damaged, or the disk under it; copy the image again"
    return diagnose("evidence", address, "unreadable-sectors", message, Severity.LOSS)
