"""Wiping as the change journal shows it: a file renamed over and over, then deleted.

SOURCE: M. Russinovich, "SDelete": a file's name is overwritten 26 times, A to Z, before it is deleted; NIST CFReDS,
"Data Leakage Case", question 52: Eraser, seven renames of each file; ``cipher /w`` fills the folder EFSTMPWP.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.access.usn import UsnRecord
from pipeline.artefacts.base import Action, Event

__all__ = ["Wipes"]

_OLD_NAME, _NEW_NAME, _DELETED, _CREATED = 0x1000, 0x2000, 0x200, 0x100
_RENAMES: Final = 5
"""Renames in one minute that no program but a wiping tool makes before it deletes."""
_LETTERS: Final = 3
"""Renames to names of one letter that are enough."""
_LONGEST: Final = timedelta(minutes=1)
_MOST: Final = 4096
_ONE_LETTER: Final = re.compile(r"([A-Z])\1{2,}(?:\.\1+)?")


@dataclass(slots=True)
class _Chain:
    name: str
    start: datetime
    renames: int = 0
    letters: int = 0


class Wipes:
    """Follows the renames of the files that are at work, at most 4096 of them."""

    def __init__(self) -> None:
        self._chains: OrderedDict[int, _Chain] = OrderedDict()

    def after(self, record: UsnRecord, time: datetime | None) -> Event | None:
        """Return the wiping that ends with a record."""
        if time is None:
            return None
        if record.reason & _CREATED and record.name.upper() == "EFSTMPWP":
            return _event(record, time, "the folder that cipher /w fills")
        if record.reason & _OLD_NAME:
            self._begin(record, time)
        chain = self._chains.get(record.file)
        if chain is None:
            return None
        if record.reason & _NEW_NAME:
            chain.renames += 1
            chain.letters += _ONE_LETTER.fullmatch(record.name) is not None
        if not record.reason & _DELETED:
            return None
        del self._chains[record.file]
        enough = chain.renames >= _RENAMES or chain.letters >= _LETTERS
        if not enough or time - chain.start > _LONGEST:
            return None
        return _event(record, time, f"renamed {chain.renames} times, then deleted", chain.name)

    def _begin(self, record: UsnRecord, time: datetime) -> None:
        known = self._chains.get(record.file)
        if known is not None and timedelta(0) <= time - known.start <= _LONGEST:
            return
        self._chains[record.file] = _Chain(record.name, time)
        self._chains.move_to_end(record.file)
        if len(self._chains) > _MOST:
            self._chains.popitem(last=False)


def _event(record: UsnRecord, time: datetime, shows: str, name: str = "") -> Event:
    return Event(
        time=time, time_meaning="journalled", action=Action.WIPING_TOOL, subject=name or record.name,
        place=f"usn {record.usn}", precision_us=1, detail={"shows": shows, "usn": record.usn},
    )  # fmt: skip
