"""Writes ``activity`` and ``sources``: what artefacts say happened, and what each of them speaks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pipeline import artefacts
from pipeline.access.interfaces import Readable
from pipeline.address import join
from pipeline.artefacts import Artefact, Audit, Candidate, Event, Trouble
from pipeline.artefacts.custom_parse import load_custom
from pipeline.artefacts.finder import Finder
from pipeline.records import ActivityEvent, FileEntry, Origin, Source, Volume, diagnose, identify
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.store import folder_digest

__all__ = ["ActivityStage", "companions"]


@lru_cache(maxsize=2)
def _known(rules: Path) -> tuple[Artefact, ...]:
    """Return the program's readers of files, and those of the rules."""
    return (*artefacts.ARTEFACTS, *load_custom(rules / "artefacts", artefacts.NAMES))


class ActivityStage(Stage):
    """Reads every artefact that a listing holds, and the traces in the listing itself."""

    name: ClassVar[str] = "activity"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence", "volumes", "entries", "carved")
    writes: ClassVar[tuple[str, ...]] = ("activity", "sources")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the versions of the artefact readers."""
        known = [f"{artefact.name}={artefact.version}" for artefact in _known(context.case.rules_directory)]
        known += [f"{artefact.name}={artefact.version}" for artefact in artefacts.VOLUME_ARTEFACTS]
        rules = folder_digest(context.case.rules_directory / "artefacts")
        return {"plugins": ",".join(sorted(known)), "rules": rules}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per open volume."""
        return [
            Unit(key=f"volume-{number:04}", exhibit=volume.exhibit, positions=(number,))
            for number, volume in enumerate(context.store.rows("volumes"))
            if volume.state == "open"
        ]

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield the volume's own traces as one item, and every artefact file as one."""
        volume = list(context.store.rows("volumes"))[unit.positions[0]]
        rows = list(context.store.rows("entries", exhibit=unit.exhibit))
        entries = [row for row in rows if row.volume == volume.address]
        yield Item(exhibit=unit.exhibit, address=volume.address, payload=(volume, None, None, {}))
        by_path = {row.path.lower(): row for row in entries if row.origin == Origin.ALLOCATED and not row.stream}
        finder = Finder(_known(context.case.rules_directory))
        for entry in entries:
            wanted = finder.of(entry.path.lower(), entry.stream.lower()) if entry.kind == "file" else ()
            for artefact in wanted:
                payload = (volume, entry, artefact.name, companions(artefact, entry, by_path))
                yield Item(exhibit=unit.exhibit, address=entry.address, bytes=entry.size, payload=payload)
        yield from _carved(context, volume)

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Read one artefact, or a volume's traces."""
        volume, entry, name, beside = item.payload
        if entry is None:
            yield from self._volume(context, volume)
            return
        (artefact,) = (known for known in _known(context.case.rules_directory) if known.name == name)
        opener = context.opener(item.exhibit)
        opened: dict[str, Readable] = {suffix: opener.open(row) for suffix, row in beside.items()}
        zone = context.case.exhibit(item.exhibit).timezone
        candidate = Candidate(
            path=entry.path, content=opener.open(entry), companions=opened, timezone=zone, modified=entry.modified,
            created=entry.created,
        )  # fmt: skip
        for fact in artefact.read(candidate):
            yield from self._rows(context, fact, entry, volume, artefact.name)

    def _volume(self, context: Context, volume: Volume) -> Iterator[RowOf]:
        incident = context.case.incident
        rows = (row for row in context.store.rows("entries", exhibit=volume.exhibit) if row.volume == volume.address)
        entries = list(rows)
        window = (incident.lost_from, incident.recovered_at)
        for artefact in artefacts.VOLUME_ARTEFACTS:
            for entry, fact in artefact.examine(volume, entries, window):
                yield from self._rows(context, fact, entry, volume, artefact.name)

    def _rows(
        self, context: Context, fact: Event | Audit | Trouble, entry: FileEntry | None, volume: Volume, artefact: str
    ) -> Iterator[RowOf]:
        address = entry.address if entry is not None else volume.address
        source = identify("source", volume.address if entry is None else address, artefact)
        if isinstance(fact, Audit):
            yield "sources", _source(fact, source, address, entry, volume, artefact)
        elif isinstance(fact, Trouble):
            yield "diagnostics", diagnose(self.name, address, fact.code, f"{address}: {fact.message}")
        else:
            yield "activity", _event(context, fact, source, address, entry, volume, artefact)

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Keep a source that could not be read as one that speaks for nothing."""
        yield from super().lost(context, item, reason)
        volume, entry, name, _ = item.payload
        audit = Audit(
            system="", owner="", first=None, last=None, records=0, gaps=(), enabled="unknown", state_only=True,
            status="unreadable",
        )  # fmt: skip
        names = [name] if name is not None else [known.name for known in artefacts.VOLUME_ARTEFACTS]
        for artefact in names:
            source = identify("source", item.address, artefact)
            yield "sources", _source(audit, source, item.address, entry, volume, artefact)


def _carved(context: Context, volume: Volume) -> Iterator[Item]:
    """Yield the carved objects of a volume that an artefact reads by their type."""
    readers = [known for known in _known(context.case.rules_directory) if known.carved_types]
    for entry in context.store.rows("carved", exhibit=volume.exhibit):
        for artefact in readers if entry.volume == volume.address else ():
            if entry.type in artefact.carved_types:
                alone: dict[str, FileEntry] = {}
                payload = (volume, entry, artefact.name, alone)
                yield Item(exhibit=volume.exhibit, address=entry.address, bytes=entry.size, payload=payload)


def companions(artefact: Artefact, entry: FileEntry, by_path: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    """Return the files beside an artefact that it needs, by the suffix that names them.

    A deleted file has none: what stands beside its path now may belong to the file that took its place.
    """
    found: dict[str, FileEntry] = {}
    if entry.origin != Origin.ALLOCATED:
        return found
    for name, path in artefact.beside(entry.path):
        row = by_path.get(path.lower())
        if row is not None and row.size and name not in found:
            found[name] = row
    return found


def _source(fact: Audit, source: str, address: str, entry: FileEntry | None, volume: Volume, artefact: str) -> Source:
    return Source(
        id=source, exhibit=volume.exhibit, address=address, file=entry.id if entry is not None else "",
        artefact=artefact, system=fact.system, owner=fact.owner, first=fact.first, last=fact.last,
        records=fact.records, gaps=tuple(fact.gaps), enabled=fact.enabled, state_only=fact.state_only,
        status=fact.status,
    )  # fmt: skip


def _event(
    context: Context, fact: Event, source: str, address: str, entry: FileEntry | None, volume: Volume, artefact: str
) -> ActivityEvent:
    mask = context.masker.mask
    detail = {key: mask(value) if isinstance(value, str) else value for key, value in sorted(fact.detail.items())}
    place = join(address, "at", mask(fact.place)) if fact.place else address
    key = identify("activity", place, artefact, fact.time_meaning, str(fact.action), str(fact.time), fact.subject)
    return ActivityEvent(
        id=key, exhibit=volume.exhibit, address=place, file=entry.id if entry is not None else "", source=source,
        artefact=artefact, time=fact.time, time_meaning=fact.time_meaning, precision_us=fact.precision_us,
        zone=fact.zone, action=str(fact.action), subject=mask(fact.subject), actor=mask(fact.actor),
        device=fact.device, detail=json.dumps(detail, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip
