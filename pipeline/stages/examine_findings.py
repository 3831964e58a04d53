"""Hits become findings: the stage adds address, place on the medium, shape and keyed tag, and drops the value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import pyarrow as pa

from pipeline.address import at_bytes, join
from pipeline.decoders import Text
from pipeline.detectors import ColumnHits, Hit
from pipeline.detectors.yara_rules import YaraMatch
from pipeline.records import FileEntry, Finding, Run, identify
from pipeline.rules_values import canonical_tags, value_tag
from pipeline.stages.context import Context
from pipeline.stages.examine_columns import finding_batch, finding_id, record_id

__all__ = ["FindingMaker", "image_offset", "in_own_bytes"]


def image_offset(runs: Sequence[Run], starts: Sequence[int], offset: int, length: int) -> int | None:
    """Return where ``length`` bytes at ``offset`` of a stream lie on the medium; None where they are not in one piece.

    ``starts`` are the stream offsets at which the runs begin.
    """
    index = bisect_right(starts, offset) - 1
    if index < 0 or index >= len(runs):
        return None
    run, inside = runs[index], offset - starts[index]
    if run.start < 0 or inside + length > run.length:
        return None
    return run.start + inside


def in_own_bytes(row: Finding | pa.RecordBatch, file: str) -> bool:
    """Return whether findings, of one or of a page, lie in the own bytes of a file."""
    if isinstance(row, pa.RecordBatch):
        return bool(row.column("file")[0].as_py() == file)
    return row.file == file and not row.locator


class FindingMaker:
    """Makes the findings of one content of one file entry."""

    def __init__(self, context: Context, entry: FileEntry, *, runs: Sequence[Run] = ()) -> None:
        self._context = context
        self._key = context.keys.tag_key
        self._entry = entry
        self._runs = tuple(runs) if entry.reader in {"runs", "member"} else ()
        self._starts = (0, *accumulate(run.length for run in self._runs))[: len(self._runs)]

    def for_member(self, entry: FileEntry, stored_offset: int | None) -> FindingMaker:
        """Return the maker of a member; where it is stored as it is, its bytes have a place on the medium too."""
        if stored_offset is None or not self._runs:
            return FindingMaker(self._context, entry)
        start = image_offset(self._runs, self._starts, stored_offset, entry.size)
        return FindingMaker(self._context, entry, runs=() if start is None else (Run(start=start, length=entry.size),))

    def from_bytes(self, hit: Hit, content: str) -> Finding:
        """Return the finding of a hit in the content's own bytes."""
        where = image_offset(self._runs, self._starts, hit.start, hit.length)
        return self._finding(hit, content, self._entry.address, "", where)

    def from_columns(self, columns: Sequence[ColumnHits], content: str) -> pa.RecordBatch:
        """Return the findings of a page as one batch, in the order in which they stand."""
        return finding_batch(columns, self._entry, self._runs, self._key, content)

    def from_text(self, hits: Iterable[Hit], part: Text, content: str) -> Iterator[Finding]:
        """Yield the findings of hits in decoded text; they have a place in the document, not on the medium."""
        for hit in hits:
            start, locator = part.place(hit.start)
            inside = replace(hit, start=hit.start - start)
            found = self._finding(inside, content, join(self._entry.address, "at", locator), locator, None)
            yield replace(found, record=record_id(self._entry.address, part.locator, hit.record_start))

    def from_yara(self, match: YaraMatch, content: str) -> Finding:
        """Return the finding of a YARA match: its rule and place, never its bytes."""
        place = at_bytes(self._entry.address, match.offset, match.length)
        entry = self._entry
        return Finding(
            id=identify("finding", place, match.rule, match.offset), exhibit=entry.exhibit, address=place,
            path=entry.path, file=entry.id, origin=entry.origin, kind="yara", rule=match.rule, content=content,
            locator="", offset=match.offset,
            image_offset=image_offset(self._runs, self._starts, match.offset, match.length), length=match.length,
            encoding="bytes", shape="", value_tag=value_tag(self._key, "yara", match.rule), validated=False, score=0.0,
            record="", person=None,
        )  # fmt: skip

    def _finding(self, hit: Hit, content: str, base: str, locator: str, where: int | None) -> Finding:
        entry = self._entry
        return Finding(
            id=finding_id(base, hit.kind, hit.rule, (hit.start, hit.length)), exhibit=entry.exhibit,
            address=at_bytes(base, hit.start, hit.length), path=entry.path, file=entry.id, origin=entry.origin,
            kind=hit.kind, rule=hit.rule, content=content, locator=locator, offset=hit.start,
            image_offset=where, length=hit.length, encoding=hit.encoding,
            shape=hit.shape, value_tag=canonical_tags(self._key, hit.kind, [hit.value]).hex(), validated=hit.validated,
            score=hit.score, record=record_id(entry.address, locator, hit.record_start), person=None,
        )  # fmt: skip
