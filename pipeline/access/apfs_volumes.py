"""The volumes of an APFS container and their snapshots, as rows; the container's own space, as regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.access.apfs_container import Container, VolumeFacts, open_container
from pipeline.access.apfs_unlock import sealed_apfs
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.mapping import Mapping, inner_volume, place_of
from pipeline.access.pool import MAX_VOLUMES, Found
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, Region, Run, Severity, Volume, diagnose

__all__ = ["apfs_volumes"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 253_402_300_799 * 1_000_000_000


def apfs_volumes(data: Readable, carrier: Volume, options: FileSystemOptions) -> Iterator[Found | Diagnostic | Region]:
    """Yield every volume and snapshot; an encrypted one is locked. Their bytes are the container's.

    Raises:
        ParseError: the container cannot be read.
    """
    container = open_container(data)
    for number, facts in container.volumes():
        yield from _volume(container, facts, number, data, (carrier, options))
    yield from _regions(container, carrier)
    yield from container.losses.rows(carrier, "apfs-damage")


def _volume(
    container: Container, facts: VolumeFacts, number: int, data: Readable, place: tuple[Volume, FileSystemOptions]
) -> Iterator[Found | Diagnostic]:
    carrier, options = place
    whole = (Run(start=0, length=data.size),)
    row = inner_volume(
        carrier, "volume", str(number), whole, scheme="apfs", reader="own", file_system="APFS", label=facts.name,
        serial=facts.uuid, block_size=container.blocks.size,
    )  # fmt: skip
    if facts.encrypted:
        yield from sealed_apfs(data, row, number, options)
        return
    yield Found(row, data)
    try:
        snapshots = container.snapshots(facts)
    except UnreadableError as error:
        message = f"{row.address}: its snapshots cannot be read ({error}); what only they hold is scanned raw"
        yield diagnose("volumes", row.address, "layer-damaged", message, Severity.LOSS)
        return
    for count, snapshot in enumerate(snapshots[:MAX_VOLUMES], 1):
        when = _EPOCH + timedelta(microseconds=snapshot.created // 1000) if snapshot.created <= _LAST_NS else _EPOCH
        label = f"{snapshot.name} {when:%Y-%m-%dT%H:%M:%SZ}".strip()
        inner = inner_volume(row, "snapshot", str(count), whole, scheme="apfs", label=label)
        yield Found(
            replace(inner, runs=row.runs, start=row.start, reader="own", file_system="APFS", serial=facts.uuid,
                    block_size=row.block_size), data,
        )  # fmt: skip


def _regions(container: Container, carrier: Volume) -> Iterator[Region]:
    """Yield the container's structures and free space in image offsets."""
    mapping = Mapping(place_of(carrier))
    for start, length, class_, name in container.parts():
        inside = (Run(start=start, length=min(length, mapping.size - start)),) if 0 <= start < mapping.size else ()
        for run in mapping.forth(inside):
            if run.start >= 0:
                yield Region(
                    exhibit=carrier.exhibit, volume=carrier.address, start=run.start, length=run.length,
                    class_=class_, name=name,
                )  # fmt: skip
