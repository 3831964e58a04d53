"""The history that the AWS command line keeps when it is told to: commands, with their outcome.

SOURCE: aws-cli awscli/customizations/history/db.py (``records``: id of the command, milliseconds since 1970, event
types CLI_ARGUMENTS and CLI_RC, payload in JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import from_unix_us

__all__ = ["AwsHistory"]

_UPLOAD: Final = re.compile(r"aws s3 (?:cp|mv|sync) (?!s3://)(\S+) s3://")


@dataclass(frozen=True)
class AwsHistory(RowSource):
    """A copy to a bucket that ended with success was an upload. The history is off unless it was switched on."""

    name: str = "aws-history"
    version: int = 1
    system: ClassVar[str] = "aws"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("records", ("id", "event_type", "timestamp", "payload"))
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{home}/.aws/cli/history/history.db" for home in ("/home/*", "/root", "/users/*")
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a command."""
        del candidate
        query = (
            "SELECT r.rowid, r.timestamp, r.payload, (SELECT max(e.payload) FROM records e WHERE e.id=r.id AND "
            "e.event_type='CLI_RC') FROM records r WHERE r.event_type='CLI_ARGUMENTS' ORDER BY r.rowid"
        )
        for number, stamp, payload, code in base.rows(query):
            command = f"aws {' '.join(_words(payload))}"
            sent = _UPLOAD.match(command)
            done = str(code).strip() == "0"
            action = Action.UPLOADED if sent is not None and done else action_of(command)
            subject = sent[1] if sent is not None and done else mask_secrets(command)
            detail: dict[str, str | int] = {"program": "aws", "outcome": "unknown" if code is None else str(code)}
            detail |= {"command": mask_secrets(command)} if sent is not None and done else {}
            yield Event(
                time=from_unix_us(stamp * 1000) if isinstance(stamp, int) and 0 < stamp < 10**14 else None,
                time_meaning="command entered", action=action, subject=subject, actor=owner,
                place=f"records.rowid={number}", precision_us=1000, detail=detail,
            )  # fmt: skip


def _words(payload: object) -> list[str]:
    try:
        tree: Any = json.loads(payload) if isinstance(payload, str | bytes) else []
    except (ValueError, RecursionError):
        return []
    return [str(word) for word in tree[:200]] if isinstance(tree, list) else []
