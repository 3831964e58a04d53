"""Writes ``block_matches``: where blocks of known contents lie on the exhibits, outside of files with that content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.address import at_bytes
from pipeline.records import BlockMatch, Extent, Severity, diagnose, identify
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.blocks_hash import BLOCK, Multipliers
from pipeline.stages.blocks_known import Known, known_blocks
from pipeline.stages.blocks_search import MatchedRun, runs_of, search
from pipeline.stages.context import Context

__all__ = ["BlocksStage"]


class BlocksStage(Stage):
    """Looks on every exhibit for sectors of contents with people of a dataset.

    Which contents these are is known only once people are counted, so the image is read again, where there are any; an
    exhibit is one unit, since a run may go on anywhere.
    """

    name: ClassVar[str] = "blocks"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence", "unreadable", "volumes", "extents", "files", "holdings")
    writes: ClassVar[tuple[str, ...]] = ("block_matches",)

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the case's key: ids and hashes rest on it."""
        return {"key": context.keys.public_hex}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per exhibit, where anything is to be looked for."""
        wanted = context.store.table("holdings", columns=["content", "datasets"])
        if not any(row["content"] and row["datasets"] for row in wanted.to_pylist()):
            return []
        evidence = sorted(context.store.rows("evidence"), key=lambda row: row.exhibit)
        return [Unit(key=row.exhibit, exhibit=row.exhibit, bytes=row.size) for row in evidence]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Search one exhibit."""
        known = known_blocks(context)
        for diagnostic in known.diagnostics:
            if diagnostic.address.split("!")[0] == item.exhibit:
                yield "diagnostics", diagnostic
        if not len(known.hashes):
            return
        hits = search(context.clear(item.exhibit), known, Multipliers(context.keys.tag_key))
        if hits.cut:
            message = f"{item.exhibit}: too many sectors equal blocks of known contents; the search ended early"
            yield "diagnostics", diagnose(self.name, item.address, "blocks-limit", message, Severity.LOSS)
        contents = _contents(context)
        for run in runs_of(hits, known):
            for extent in context.extents_in(item.exhibit, run.first * BLOCK, (run.last + 1) * BLOCK):
                if contents.get(extent.owner or "") != known.contents[run.content].content:
                    yield from _match(item.exhibit, run, extent, known)


def _contents(context: Context) -> Mapping[str, str]:
    """Return the content of each file that has one with people of a dataset, or lies around one."""
    known = pa.array(sorted({one.content for one in known_blocks(context).contents}), pa.string())
    table = context.store.table("files", columns=["id", "content"])
    table = table.filter(pc.is_in(table.column("content"), known))
    return dict(zip(table.column("id").to_pylist(), table.column("content").to_pylist(), strict=True))


def _match(exhibit: str, run: MatchedRun, extent: Extent, known: Known) -> Iterator[RowOf]:
    """Yield the part of a run that lies in one extent, from its first whole sector on."""
    start = max(run.first * BLOCK, extent.start)
    start += -start % BLOCK
    end = min((run.last + 1) * BLOCK, extent.start + extent.length)
    length = (end - start) // BLOCK * BLOCK
    if length <= 0:
        return
    content = known.contents[run.content]
    offset = (run.block - run.first) * BLOCK + start
    place = at_bytes(exhibit, start, length)
    yield "block_matches", BlockMatch(
        id=identify("block-match", place, content.content), exhibit=exhibit, address=place, image_offset=start,
        length=length, blocks=min(run.blocks, length // BLOCK), class_=extent.class_, volume=extent.volume,
        file=extent.owner or "", content=content.content, content_offset=offset, known_exhibit=content.exhibit,
        known_file=content.file, people=content.people, datasets=content.datasets,
    )  # fmt: skip
