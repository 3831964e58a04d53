"""Shell histories: commands, with times where the shell keeps them.

SOURCE: bash(1) HISTTIMEFORMAT (``#`` and seconds since 1970), zsh EXTENDED_HISTORY (``: start:elapsed;``), PSReadLine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import lines, owner_of
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.times import Span, from_unix_us
from pipeline.records import Gap

__all__ = ["ShellHistory"]

_STAMP: Final = re.compile(rb"#(\d{1,12})$")
_ZSH: Final = re.compile(rb": (\d{1,12}):\d{1,10};(.*)$", re.DOTALL)
_SHELLS: Final = (("consolehost_history", "PowerShell"), ("zsh", "zsh"), ("bash", "bash"), ("histfile", "zsh"))
_MOST_LINES: Final = 200


@dataclass(slots=True)
class _Command:
    at: int
    time: datetime | None
    parts: list[bytes]


@dataclass(frozen=True)
class ShellHistory(Artefact):
    """Reads commands. A user can edit the file and shells drop commands, so it never carries a negative."""

    name: str = "shell-history"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/{name}" for home in ("/home/*", "/root", "/users/*", "/var/root")
          for name in (".bash_history", ".zsh_history", ".histfile", ".sh_history", ".ash_history")),
        "/users/*/.zsh_sessions/*.history",
        "/users/*/.bash_sessions/*.history",
        "/users/*/appdata/roaming/microsoft/windows/powershell/psreadline/*_history.txt",
        "/home/*/.local/share/powershell/psreadline/*_history.txt",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per command, then the audit."""
        span, owner, damaged = Span(), owner_of(candidate.path), False
        for command in _commands(candidate):
            text = b"\n".join(command.parts)
            damaged = damaged or b"\0" in text
            span.add(command.time)
            yield _event(command, text.decode("utf-8", "replace"), owner)
        lower = candidate.path.lower()
        gaps = (Gap(start=None, end=None, reason="the file holds zero bytes; commands were overwritten"),) * damaged
        if damaged:
            yield Trouble("history-damaged", "the file holds zero bytes; commands were overwritten")
        yield Audit(
            system=next((name for word, name in _SHELLS if word in lower), "shell"), owner=owner, first=span.first,
            last=span.last, records=span.records, gaps=(*gaps, *span.gaps), enabled="unknown", state_only=True,
            status="damaged" if damaged else "read",
        )  # fmt: skip


def _commands(candidate: Candidate) -> Iterator[_Command]:
    """With bash's time lines, all lines up to the next are one command; else a line is one."""
    pending: _Command | None = None
    stamped = False
    for offset, raw in lines(candidate.content):
        stamp, extended = _STAMP.match(raw), _ZSH.match(raw)
        if stamp is not None:
            if pending is not None and pending.parts:
                yield pending
            pending, stamped = _Command(offset, from_unix_us(int(stamp.group(1)) * 1_000_000), []), True
        elif extended is not None:
            yield _Command(offset, from_unix_us(int(extended.group(1)) * 1_000_000), [extended.group(2)])
        elif stamped and pending is not None and len(pending.parts) < _MOST_LINES:
            pending.parts.append(raw)
        elif raw.strip():
            yield _Command(offset, None, [raw])
    if pending is not None and pending.parts:
        yield pending


def _event(command: _Command, text: str, owner: str) -> Event:
    action: Action = action_of(text)
    return Event(
        time=command.time, time_meaning="command entered" if command.time else "order only, no time kept",
        action=action, subject=mask_secrets(text), actor=owner, place=f"offset {command.at}",
    )  # fmt: skip
