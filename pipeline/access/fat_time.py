"""DOS dates and times of FAT (Microsoft FAT specification 1.03, §6) and exFAT (exFAT specification, §7.4.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

__all__ = ["dos_time", "exfat_time"]


def dos_time(date: int, time: int, tens: int, zone: tzinfo) -> datetime | None:
    """Return the UTC instant of a DOS date, time and 10 ms count in ``zone``; None where it is no date.

    A count above 199, which has no meaning, is left out: the date and time beside it stand.
    """
    try:
        naive = datetime(  # noqa: DTZ001 - the zone is set by the next line
            1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2
        )
        tens = tens if tens < 200 else 0
        return (naive + timedelta(milliseconds=10 * tens)).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def exfat_time(stamp: int, tens: int, offset: int, local: str) -> tuple[datetime | None, str]:
    """Return the instant and its zone. ``offset``: bit 7 valid, bits 0-6 signed quarter hours (exFAT §7.4.10)."""
    date, time = stamp >> 16, stamp & 0xFFFF
    if not offset & 0x80:
        return dos_time(date, time, tens, ZoneInfo(local)), f"local {local}"
    minutes = 15 * ((offset & 0x7F) - (0x80 if offset & 0x40 else 0))
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    zone = f"recorded {sign}{size // 60:02d}:{size % 60:02d}"
    return dos_time(date, time, tens, timezone(timedelta(minutes=minutes))), zone
