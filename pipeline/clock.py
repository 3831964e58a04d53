"""The only place that asks the time or makes random numbers; everything else is given them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["SYSTEM_CLOCK", "Clock", "random_key", "scratch_token"]


def _system_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Wall time in UTC and a monotonic counter in seconds."""

    now: Callable[[], datetime] = _system_now
    monotonic: Callable[[], float] = time.monotonic


SYSTEM_CLOCK = Clock()


def random_key(length: int = 32) -> bytes:
    """Return ``length`` bytes from the operating system's generator."""
    return secrets.token_bytes(length)


def scratch_token() -> str:
    """Return a name for a temporary file; it never reaches a table."""
    return secrets.token_hex(8)
