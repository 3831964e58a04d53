"""Settings of a Linux account that tell of hosts it met and work it scheduled: ``known_hosts``, crontabs.

SOURCE: sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT" (hashed names begin with ``|1|``), crontab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import lines, owner_of
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.desktop import state_audit
from pipeline.artefacts.times import Span

__all__ = ["CronTable", "KnownHosts"]

_MOST: Final = 100_000
_STATE: Final = "state without a time"
_KEY: Final = re.compile(rb"(?:@\S{1,40} )?(\S{1,4096})\s+((?:ssh|ecdsa|sk)-\S{1,80}|\d{2,5})\s+\S+")
_JOB: Final = re.compile(rb"\s*(@\w{3,10}|(?:[\d*/,\-A-Za-z]+\s+){4}[\d*/,\-A-Za-z]+)\s+(\S.*)")


@dataclass(frozen=True)
class KnownHosts(Artefact):
    """Hosts that an account's ssh client met; hashed names cannot be read back."""

    name: str = "known-hosts"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{home}/.ssh/known_hosts{end}" for home in ("/home/*", "/root", "/users/*", "/var/root") for end in ("", ".old")  # noqa: E501
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per line, then the audit."""
        span, owner, foreign = Span(), owner_of(candidate.path), 0
        for offset, raw in lines(candidate.content):
            if not raw.strip() or raw.startswith(b"#"):
                continue
            found = _KEY.match(raw)
            if found is None or span.records >= _MOST:
                foreign += 1
                continue
            span.add(None)
            names = found[1].decode("utf-8", "replace")
            hashed = names.startswith("|1|")
            detail: dict[str, str | int] = {"program": "ssh", "key": found[2].decode("utf-8", "replace")}
            detail |= {"shows": "the host's name is hashed"} if hashed else {"host": names.partition(",")[0]}
            yield Event(
                time=None, time_meaning=_STATE, action=Action.TOOL_CONFIGURED, actor=owner, place=f"offset {offset}",
                subject="ssh client met a host" if hashed else names, detail=detail,
            )  # fmt: skip
        if foreign:
            yield Trouble("known-hosts-damaged", f"{foreign} lines could not be read; hosts are missing")
        yield state_audit("ssh", owner, span, "damaged" if foreign else "read")


@dataclass(frozen=True)
class CronTable(Artefact):
    """Commands that are scheduled, without times of their runs."""

    name: str = "crontab"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/*", "/var/spool/cron/crontabs/*", "/usr/lib/cron/tabs/*",
        "/private/var/at/tabs/*",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per job, then the audit."""
        span, damaged = Span(), False
        path = candidate.path.lower()
        system = path.startswith(("/etc/", "etc/"))
        for offset, raw in lines(candidate.content):
            damaged = damaged or b"\0" in raw or b"\xff\xff" in raw
            found = _JOB.match(raw)
            if found is None or raw.lstrip().startswith(b"#") or span.records >= _MOST:
                continue
            span.add(None)
            words = found[2].decode("utf-8", "replace")
            owner, _, command = words.partition(" ") if system else (path.rpartition("/")[2], "", words)
            detail: dict[str, str | int] = {
                "schedule": found[1].decode("utf-8", "replace"),
                "kind": str(action_of(command)),
            }
            yield Event(
                time=None, time_meaning=_STATE, action=Action.TASK_SCHEDULED, subject=mask_secrets(command),
                actor=owner, place=f"offset {offset}", detail=detail,
            )  # fmt: skip
        if damaged:
            yield Trouble("crontab-damaged", "the file holds bytes that are no text; jobs may be missing")
        yield state_audit("cron", "", span, "damaged" if damaged else "read")
