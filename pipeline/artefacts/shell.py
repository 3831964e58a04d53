"""Histories of shells and of programs with a prompt: commands, with times where they are kept.

SOURCE: bash(1) HISTTIMEFORMAT (``#`` and seconds since 1970), zsh EXTENDED_HISTORY (``: start:elapsed;``), PSReadLine,
fish's history.rs (``- cmd:`` and ``  when:`` lines), libedit's ``_HiStOrY_V2_`` (octal escapes), less(1) LESSHISTFILE.
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
_FISH: Final = re.compile(rb"- cmd: (.*)$", re.DOTALL)
_FISH_WHEN: Final = re.compile(rb"  when: (\d{1,12})$")
_LIBEDIT: Final = b"_HiStOrY_V2_"
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
_SHELLS: Final = (
    ("consolehost_history", "PowerShell"), ("zsh", "zsh"), ("bash", "bash"), ("histfile", "zsh"), ("fish", "fish"),
    ("python", "Python"), ("mysql", "MySQL"), ("psql", "psql"), ("lesshst", "less"), ("sqlite", "SQLite"),
)  # fmt: skip
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
    version: int = 2
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/{name}" for home in ("/home/*", "/root", "/users/*", "/var/root")
          for name in (".bash_history", ".zsh_history", ".histfile", ".sh_history", ".ash_history",
                       ".python_history", ".mysql_history", ".psql_history", ".sqlite_history", ".lesshst")),
        "/home/*/.local/share/fish/fish_history",
        "/root/.local/share/fish/fish_history",
        "/users/*/.local/share/fish/fish_history",
        "/users/*/.zsh_sessions/*.history",
        "/users/*/.bash_sessions/*.history",
        "/users/*/appdata/roaming/microsoft/windows/powershell/psreadline/*_history.txt",
        "/home/*/.local/share/powershell/psreadline/*_history.txt",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per command, then the audit."""
        span, owner, damaged = Span(), owner_of(candidate.path), False
        for command in _fish(candidate) if "/fish/" in candidate.path.lower() else _commands(candidate):
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


def _fish(candidate: Candidate) -> Iterator[_Command]:
    """A command, then its time; lines of a command are escaped into one."""
    pending: _Command | None = None
    for offset, raw in lines(candidate.content):
        found, when = _FISH.match(raw), _FISH_WHEN.match(raw)
        if found is not None or (b"\0" in raw and pending is None):
            if pending is not None:
                yield pending
            text = found[1] if found is not None else raw
            pending = _Command(offset, None, [text.replace(b"\\n", b"\n").replace(b"\\\\", b"\\")])
        elif when is not None and pending is not None:
            pending.time = from_unix_us(int(when[1]) * 1_000_000)
        elif b"\0" in raw and pending is not None:
            pending.parts.append(raw)
    if pending is not None:
        yield pending


def _commands(candidate: Candidate) -> Iterator[_Command]:
    """With bash's time lines, all lines up to the next are one command; else a line is one."""
    pending: _Command | None = None
    stamped = libedit = False
    for offset, line in lines(candidate.content):
        if line == _LIBEDIT:
            libedit = True
            continue
        raw = _OCTAL.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)), line) if libedit else line
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
