"""What the artefacts in registry hives have in common: sections that are read one by one, and one audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from pipeline.access.interfaces import Readable
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.hive import LOGS, Hive, at, load_hive, opened_hive, translated, when
from pipeline.artefacts.times import Span
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["STATE", "HiveArtefact", "Scene", "Section", "setting", "state"]

STATE = "state without a time"


@dataclass(frozen=True, slots=True)
class Scene:
    """What sections read from, and whose hive it is.

    ``control`` begins the paths: the current control set of SYSTEM, ``Software`` with its backslash in NTUSER.DAT,
    nothing in SOFTWARE. ``content`` is the hive's bytes with its logs applied.
    """

    root: Any
    control: str = ""
    owner: str = ""
    timezone: str = "UTC"
    content: Readable | None = None


Section = Callable[[Scene], Iterator[Event]]


@dataclass(slots=True)
class _Reading:
    """The state of one reading."""

    span: Span = field(default_factory=lambda: Span(step_s=10**9))
    gaps: list[Gap] = field(default_factory=list)
    owner: str = ""
    unreadable: bool = False


@dataclass(frozen=True)
class HiveArtefact(Artefact):
    """Reads a hive section by section; damage in one leaves the others. It holds last states only."""

    companion_suffixes: ClassVar[tuple[str, ...]] = LOGS
    sections: ClassVar[tuple[Section, ...]] = ()
    required: ClassVar[str] = ""
    """A key that every hive of this kind has; where it is missing, the hive is damaged though it can be read."""

    def scene(self, root: Any, candidate: Candidate) -> Scene:
        """Return what the sections need to know."""
        return Scene(root, owner=owner_of(candidate.path), timezone=candidate.timezone)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        hive = load_hive(candidate)
        reading = _Reading(gaps=list(hive.gaps), owner=owner_of(candidate.path))
        if reading.gaps:
            yield Trouble("hive-incomplete", "; ".join(gap.reason for gap in reading.gaps))
        try:
            with opened_hive(hive) as root:
                scene = replace(self.scene(root, candidate), content=hive.content)
                reading.owner = scene.owner
                if self.required and at(root, self.required) is None:
                    yield _lacking(self.required, reading)
                for section in self.sections:
                    yield from _section(section, scene, reading)
        except ParseError as error:
            reading.unreadable = not reading.span.records
            reading.gaps.append(Gap(start=None, end=None, reason=str(error)))
            yield Trouble("hive-damaged", str(error))
        yield _audit(hive, reading)


def _lacking(key: str, reading: _Reading) -> Trouble:
    reason = f"the hive lacks {key}, which every such hive has; keys are lost or were removed"
    reading.gaps.append(Gap(start=None, end=None, reason=reason))
    return Trouble("hive-incomplete", reason)


def _section(section: Section, scene: Scene, reading: _Reading) -> Iterator[Fact]:
    try:
        with translated():
            for event in section(scene):
                reading.span.add(event.time)
                yield event
    except ParseError as error:
        reason = f"{section.__name__.replace('_', ' ')}: {error}"
        reading.gaps.append(Gap(start=None, end=None, reason=reason))
        yield Trouble("hive-damaged", reason)


def _audit(hive: Hive, reading: _Reading) -> Audit:
    status = "unreadable" if reading.unreadable else "damaged" if reading.gaps else "read"
    replayed = f"; {hive.pages} pages of its transaction logs replayed" if hive.pages else ""
    span = reading.span
    return Audit(
        system=f"Windows registry{replayed}", owner=reading.owner, first=span.first, last=span.last,
        records=span.records, gaps=tuple(reading.gaps), enabled="unknown", state_only=True, status=status,
    )  # fmt: skip


def state(action: Action, subject: str, place: str, detail: dict[str, str | int], **more: str) -> Event:
    """Return an event of what the hive holds without saying since when."""
    return Event(time=None, time_meaning=STATE, action=action, subject=subject, place=place, detail=detail, **more)  # type: ignore[arg-type]


def setting(subject: str, key: Any, place: str, detail: dict[str, str | int]) -> Event:
    """Return the event of a setting; the last change of its key bounds how long it has stood so."""
    since: datetime | None = when(key) if key is not None else None
    known: dict[str, str | int] = {"unchanged_since": since.isoformat()} if since is not None else {}
    return state(Action.SETTING, subject, place, detail | known)
