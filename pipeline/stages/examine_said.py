"""What is said of listed streams: that their bytes were examined, or why not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from pipeline.decoders import UNREAD
from pipeline.records import NOT_CALLED_FOR, Examination, ExtentClass, FileEntry, Origin
from pipeline.stages.base import RowOf

__all__ = ["OVERWRITTEN", "READ_KINDS", "examination", "is_gone", "judged", "not_read", "overlap"]

READ_KINDS = ("file", "stream", "link")
OVERWRITTEN = ("partly-overwritten", "overwritten")


def overlap(ranges: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Return how many bytes of ordered ranges, each (start, length), lie in another."""
    first = max(bisect_left(ranges, (start,)) - 1, 0)
    last = bisect_left(ranges, (end,))
    return sum(max(min(low + length, end) - max(low, start), 0) for low, length in ranges[first:last])


def is_gone(entry: FileEntry) -> bool:
    """Return whether others hold the bytes now; what is left of a live file's content is its own, and is read."""
    return entry.certainty in OVERWRITTEN and entry.origin != Origin.ALLOCATED


def not_read(names: Sequence[FileEntry]) -> Iterator[RowOf]:
    """Keep the names of what has no content of its own to read; overwritten bytes belong to others now."""
    for entry in names:
        yield "files", entry
    first = names[0]
    if is_gone(first) and first.kind in READ_KINDS and first.size:
        reason = f"{first.certainty}: its clusters hold newer data, which is examined as what it is now"
        yield "examinations", examination(first, "hashed", "not-examined", reason, first.size)


def judged(trouble: Iterable[str], *, remains: bool) -> tuple[str, str]:
    """Return outcome and reason of decoding, of the codes of what was not opened and the reasons of what was spared.

    Of the remains of an object what they give is all there is, but pictures that nothing could read.
    """
    told = set(trouble)
    spared = {reason for reason in told if reason.startswith(NOT_CALLED_FOR)}
    lost = told - spared
    if spared and not lost:
        return "not-examined", min(spared)
    whole = not lost or (remains and not lost & {*UNREAD})
    return "examined" if whole else "partial", "; ".join(sorted(lost))


def examination(entry: FileEntry, examined_by: str, outcome: str, reason: str, size: int) -> Examination:
    """Return what one examination made of a stream."""
    classes = {Origin.ALLOCATED: ExtentClass.FILE_CONTENT, Origin.MEMBER: "member"}
    return Examination(
        exhibit=entry.exhibit, volume=entry.volume, address=entry.address, subject=entry.id,
        class_=classes.get(Origin(entry.origin), ExtentClass.DELETED_CONTENT), bytes=size, examined_by=examined_by,
        outcome=outcome, reason=reason,
    )  # fmt: skip
