"""Times as artefacts hold them, turned into UTC; what is out of range is no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.records import Gap

__all__ = ["Span", "from_cocoa", "from_filetime", "from_local", "from_unix_us", "from_webkit_us", "parse_iso"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_COCOA_EPOCH: Final = datetime(2001, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


def _plausible(epoch: datetime, microseconds: int) -> datetime | None:
    if abs(microseconds) > 10**17:
        return None
    try:
        value = epoch + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return value if _EARLIEST <= value < _LATEST else None


def from_filetime(value: int) -> datetime | None:
    """Return a FILETIME (100 ns since 1601, [MS-DTYP] 2.3.3) as UTC; None where it lies outside 1980 to 2099."""
    return _plausible(_FILETIME_EPOCH, value // 10)


def from_webkit_us(value: object) -> datetime | None:
    """Return microseconds since 1601 (chromium base/time/time.h) as UTC."""
    return _plausible(_FILETIME_EPOCH, value) if isinstance(value, int) else None


def from_unix_us(value: object) -> datetime | None:
    """Return microseconds since 1970 as UTC."""
    return _plausible(_EPOCH, value) if isinstance(value, int) else None


def from_cocoa(value: object) -> datetime | None:
    """Return seconds since 2001 (Foundation NSDate) as UTC."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(10**10) < value < 10**10:
        return None
    return _plausible(_COCOA_EPOCH, round(value * 1_000_000))


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def from_local(naive: datetime, timezone: str) -> datetime | None:
    """Return a wall-clock time of a zone (IANA name) as UTC; of an ambiguous hour, the first."""
    if not 1980 <= naive.year < 2100:
        return None
    return naive.replace(tzinfo=_zone(timezone)).astimezone(UTC)


def parse_iso(text: str) -> datetime | None:
    """Return an ISO 8601 time as UTC; None where it is none, or has no offset."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value.astimezone(UTC) if value.tzinfo and 1980 <= value.year < 2100 else None


class Span:
    """First and last of the times it is shown, their number, and the steps backwards of the clock."""

    def __init__(self, *, step_s: int = 300) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.records = 0
        self.gaps: list[Gap] = []
        self._before: datetime | None = None
        self._step = timedelta(seconds=step_s)

    def add(self, time: datetime | None) -> None:
        """Count a record; one without a time only counts."""
        self.records += 1
        if time is None:
            return
        self.first = time if self.first is None or time < self.first else self.first
        self.last = time if self.last is None or time > self.last else self.last
        if self._before is not None and self._before - time > self._step and len(self.gaps) < 1000:
            self.gaps.append(Gap(start=time, end=self._before, reason="the clock went backwards between two records"))
        self._before = time
