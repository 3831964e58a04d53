"""systemd's journal: what programs said, read like syslog, and which boots a file covers.

A file may lack numbers that stand in another file of the same journal (a user's), so numbers are compared with the
file's own header only. SOURCE: systemd.journal-fields(7); :mod:`pipeline.artefacts.journal_file` for the layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.journal_file import Entry, JournalFile
from pipeline.artefacts.linelog import Line
from pipeline.artefacts.messages import Memory
from pipeline.artefacts.syslogs import event_of, teller_of
from pipeline.artefacts.times import Span, from_unix_us
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["SystemdJournal"]

_MOST_FIELDS: Final = 200_000
_STATES: Final = {0: "closed", 1: "open when it was last written", 2: "archived"}
_SUPPRESSED: Final = re.compile(rb"MESSAGE=(?:Suppressed (\d{1,12}) messages from|Missed (\d{1,12}) kernel messages)")


@dataclass(slots=True)
class _State:
    span: Span = field(default_factory=Span)
    names: dict[int, str] = field(default_factory=dict)
    processes: dict[int, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    boot: str = ""
    seqnum: int = 0


@dataclass(frozen=True)
class SystemdJournal(Artefact):
    """Reads what known programs said; an entry that is missing by the header's count is a gap."""

    name: str = "systemd-journal"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/journal/*/*.journal", "/var/log/journal/*/*.journal~", "/run/log/journal/*/*.journal",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        state, owner, status = _State(), "", "read"
        try:
            journal = JournalFile(candidate.content)
            owner = f"machine {journal.header.machine}"
            yield from self._entries(journal, candidate, state)
            head = journal.header
            if (head.entries, head.tail_seqnum) != (state.span.records, state.seqnum):
                message = (
                    f"the header counts {head.entries} entries to number {head.tail_seqnum}; "
                    f"{state.span.records} to {state.seqnum} were found"
                )
                raise ParseError(message)
        except ParseError as error:
            status = "damaged" if state.span.records else "unreadable"
            state.gaps.append(
                Gap(start=None if not state.span.records else state.span.last, end=None, reason=str(error))
            )
            yield Trouble("journal-damaged", str(error))
        span = state.span
        yield Audit(
            system="journal", owner=owner, first=span.first, last=span.last, records=span.records,
            gaps=(*state.gaps, *span.gaps), enabled="yes" if span.records else "unknown", state_only=False,
            status=status,
        )  # fmt: skip

    def _entries(self, journal: JournalFile, candidate: Candidate, state: _State) -> Iterator[Event]:
        for found in journal.entries():
            if isinstance(found, Entry):
                time = from_unix_us(found.realtime)
                state.span.add(time)
                if found.seqnum <= state.seqnum and len(state.gaps) < 1000:
                    state.gaps.append(Gap(start=time, end=time, reason=f"entry {found.seqnum} is out of order"))
                state.seqnum = found.seqnum
                line = Line(time, f"offset {found.offset}", candidate, state.memory)
                yield from self._boot(journal, found, line, state)
                yield from self._told(journal, found, line, state)
                continue
            offset, head = found
            if head.startswith((b"SYSLOG_IDENTIFIER=", b"_COMM=")):
                _keep(state.names, offset, head)
            elif head.startswith((b"_PID=", b"SYSLOG_PID=")):
                _keep(state.processes, offset, head)

    def _boot(self, journal: JournalFile, entry: Entry, line: Line, state: _State) -> Iterator[Event]:
        """Yield the first entry of each boot that the file holds."""
        if entry.boot == state.boot:
            return
        state.boot = entry.boot
        detail: dict[str, str | int] = {
            "boot": entry.boot, "seqnum": entry.seqnum, "sequence": journal.header.sequence,
            "state": _STATES.get(journal.header.state, "unknown"),
        }  # fmt: skip
        yield line.event(Action.POWER, "first entry of a boot", precision_us=1, detail=detail)

    def _told(self, journal: JournalFile, entry: Entry, line: Line, state: _State) -> Iterator[Event]:
        names = [state.names[item] for item in entry.items if item in state.names]
        program = next((name for name in names if teller_of(name) is not None), "")
        teller = teller_of(program) if program else None
        if teller is None:
            return
        message = next((text for text in map(journal.field, entry.items) if text.startswith(b"MESSAGE=")), b"")
        if not message:
            state.gaps.append(
                Gap(start=line.time, end=line.time, reason=f"the message of entry {entry.seqnum} cannot be read")
            )
            return
        suppressed = _SUPPRESSED.match(message)
        if suppressed is not None and len(state.gaps) < 1000:
            count = (suppressed[1] or suppressed[2]).decode()
            state.gaps.append(Gap(start=line.time, end=line.time, reason=f"{count} messages were dropped by a limit"))
        process = next((state.processes[item] for item in entry.items if item in state.processes), "")
        for told in teller(process, message[8:].decode("utf-8", "replace"), state.memory):
            yield event_of(told, line, "UTC")


def _keep(known: dict[int, str], offset: int, head: bytes) -> None:
    """Remember a short field; a file has few programs and processes, and one that has very many is read without."""
    if len(known) < _MOST_FIELDS:
        known[offset] = head.partition(b"=")[2].decode("utf-8", "replace")
