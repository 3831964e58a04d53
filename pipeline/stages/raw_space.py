"""Which bytes of an exhibit are raw: held by no file that is read as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.carvers import Chain, Space, Stretch
from pipeline.records import Certainty, ExtentClass, Origin
from pipeline.stages.context import Context
from pipeline.stages.examine_said import OVERWRITTEN, READ_KINDS

__all__ = ["carved_stretches", "raw_space", "raw_stretches"]

RAW_CLASSES: Final = (
    ExtentClass.UNALLOCATED,
    ExtentClass.UNLISTED,
    ExtentClass.FILE_SLACK,
    ExtentClass.FILE_SYSTEM_METADATA,
    ExtentClass.VOLUME_METADATA,
    ExtentClass.VOLUME_GAP,
    ExtentClass.DELETED_CONTENT,
    ExtentClass.LOCKED,
)
"""Locked bytes too: encrypting a medium leaves in clear what it held until something is written over it."""
CLUSTER_CLASSES: Final = (
    ExtentClass.UNALLOCATED,
    ExtentClass.UNLISTED,
    ExtentClass.VOLUME_GAP,
    ExtentClass.DELETED_CONTENT,
)
"""Space that was given to files cluster by cluster; a lost file can go on in it."""
PACKED: Final = "packed"
"""Name of the extents whose bytes are the stored form of a content (:mod:`pipeline.stages.extents_listing`)."""
MEMORY_FILES: Final = (
    r"(?i)^/(?:pagefile\.sys|swapfile\.sys|hiberfil\.sys|win386\.swp|windows/memory\.dmp|windows/minidump/[^/]+\.dmp"
    r"|swapfile|swap\.img|(?:private/)?var/vm/(?:swapfile\d+|sleepimage))$"
)
"""Files that hold pages of memory: their content is carved like raw space, besides being read as a file."""
READ_AS_FILE: Final = (Certainty.INTACT, Certainty.CONTIGUITY_ASSUMED, Certainty.NO_CONTENT, "")


def raw_stretches(context: Context, exhibit: str) -> list[Stretch]:
    """Return the raw stretches of an exhibit, in order; what touches each other is one, with the last one's volume."""
    return list(_joined(_raw(context, exhibit, RAW_CLASSES)))


def raw_space(context: Context, exhibit: str) -> Space:
    """Return the raw space of an exhibit, with the clusters of each volume in which lost files go on."""
    runs: dict[str, list[tuple[int, int]]] = {}
    for stretch in _joined(_raw(context, exhibit, CLUSTER_CLASSES), apart=True):
        runs.setdefault(stretch.group, []).append((stretch.start, stretch.end))
    sizes = {address: volume.block_size for address, volume in context.volumes(exhibit).items()}
    chains = {group: Chain(found, sizes.get(group, 0)) for group, found in runs.items()}
    return Space(context.clear(exhibit), carved_stretches(context, exhibit), chains)


def carved_stretches(context: Context, exhibit: str) -> list[Stretch]:
    """Return what is carved: raw stretches, and the content of listed files that hold pages of memory."""
    parts = [*_raw(context, exhibit, RAW_CLASSES), *_memory(context, exhibit)]
    return list(_joined(iter(sorted(parts, key=lambda part: part.start))))


def _memory(context: Context, exhibit: str) -> Iterator[Stretch]:
    """Yield the extents of files that hold pages of memory."""
    entries = context.store.mapped("entries", "entries")
    named = entries.filter(pc.match_substring_regex(entries.column("path"), MEMORY_FILES)).column("id")
    table = context.store.mapped("extents", "extents")
    content = pc.equal(table.column("class"), ExtentClass.FILE_CONTENT.value)
    owned = pc.fill_null(pc.is_in(table.column("owner"), named.combine_chunks()), fill_value=False)
    chosen = table.filter(pc.and_(pc.equal(table.column("exhibit"), exhibit), pc.and_(content, owned)))
    for row in chosen.select(["start", "length", "volume"]).to_pylist():
        yield Stretch(row["start"], row["start"] + row["length"], row["volume"])


def _joined(parts: Iterator[Stretch], *, apart: bool = False) -> Iterator[Stretch]:
    """Yield stretches with those that touch made one; ``apart`` keeps those of different volumes apart."""
    held = None
    for part in parts:
        if held is not None and held.end == part.start and (not apart or held.group == part.group):
            held = Stretch(held.start, part.end, part.group)
            continue
        if held is not None:
            yield held
        held = part
    if held is not None:
        yield held


def _raw(context: Context, exhibit: str, classes: tuple[ExtentClass, ...]) -> Iterator[Stretch]:
    """Yield the extents of some classes that no file's reading gives byte by byte.

    That is what has no owner that is read as a file (slack never is), what several deleted entries claim, for only one
    of them can be right, and content that lies packed on the medium, whose last clusters end in slack.
    """
    table = context.store.mapped("extents", "extents")
    ours = pc.equal(table.column("exhibit"), exhibit)
    wanted = pc.is_in(table.column("class"), pa.array([str(value) for value in classes]))
    owned = pc.fill_null(pc.is_in(table.column("owner"), _read_as_files(context)), fill_value=False)
    content = pc.equal(table.column("class"), ExtentClass.DELETED_CONTENT.value)
    alone = pc.less(table.column("claimant_count"), 2)
    raw = pc.and_(wanted, pc.invert(pc.and_(owned, pc.and_(content, alone))))
    if ExtentClass.FILE_SLACK in classes:
        raw = pc.or_(raw, pc.equal(table.column("name"), PACKED))
    chosen = table.filter(pc.and_(ours, raw)).select(["start", "length", "volume"])
    for batch in chosen.to_batches(max_chunksize=8192):
        columns = (batch.column(name).to_pylist() for name in ("start", "length", "volume"))
        for start, length, volume in zip(*columns, strict=True):
            yield Stretch(start, start + length, volume)


def _read_as_files(context: Context) -> Any:
    """Return ids of deleted entries whose runs are read as a file; their extents are not read raw again."""
    table = context.store.mapped("entries", "entries")
    remains = context.store.mapped("extents", "remains")
    gone = remains.filter(pc.is_in(remains.column("certainty"), pa.array(OVERWRITTEN)))
    certain = pc.is_in(table.column("certainty"), pa.array([str(value) for value in READ_AS_FILE]))
    left = pc.invert(pc.is_in(table.column("id"), gone.column("file").combine_chunks()))
    deleted = pc.not_equal(table.column("origin"), Origin.ALLOCATED.value)
    read = pc.and_(deleted, pc.and_(pc.is_in(table.column("kind"), pa.array(READ_KINDS)), pc.and_(certain, left)))
    return table.filter(read).column("id").combine_chunks()
