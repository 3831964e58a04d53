"""Firefox's history of forms: which fields were filled in when. Values are not read.

SOURCE: mozilla-central toolkit/components/satchel/FormHistory.sys.mjs (``moz_formhistory``: microseconds since 1970).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.firefox import PROFILES, profile_of
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import from_unix_us

__all__ = ["FirefoxForms"]

_SENDING: Final = re.compile(r"(?i)subject|message|body|comment|attach|upload|file|recipient|mail_?to|^to$|件名|本文")
_SEARCH: Final = frozenset(("searchbar-history", "q", "query", "search", "p"))


@dataclass(frozen=True)
class FirefoxForms(RowSource):
    """One event a field; a field that a message or a file goes with is a hint of sending."""

    name: str = "firefox-forms"
    version: int = 1
    system: ClassVar[str] = "Firefox forms"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("moz_formhistory", ("fieldname", "firstUsed", "lastUsed"))
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/formhistory.sqlite" for folder in PROFILES)

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event an entry."""
        del owner
        query = "SELECT id, fieldname, lastUsed, timesUsed FROM moz_formhistory ORDER BY id"
        for number, name, used, count in base.rows(query):
            field = str(name or "")[:100]
            action = Action.SEARCHED if field.lower() in _SEARCH else Action.VISITED
            action = Action.UPLOAD_HINT if _SENDING.search(field) else action
            detail: dict[str, str | int] = {"field": field, "shows": "a form was sent; what it held is not shown"}
            detail |= {"count": count} if isinstance(count, int) else {}
            yield Event(
                time=from_unix_us(used), time_meaning="last sent with a form", action=action, subject="form",
                actor=profile_of(candidate.path), place=f"moz_formhistory.id={number}", precision_us=1, detail=detail,
            )  # fmt: skip
