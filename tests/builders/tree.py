"""What a builder puts on a volume: files and folders with deliberate times, deleted ones, slack and loose remnants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["JST", "Item", "at", "child_items", "parent", "remnant"]

JST: Final = timezone(timedelta(hours=9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file or folder; an empty path is a remnant: bytes in clusters that nothing lists."""

    path: str
    data: bytes = b""
    created: datetime
    modified: datetime
    accessed: datetime
    folder: bool = False
    deleted: bool = False
    hidden: bool = False
    slack: bytes = b""
    streams: tuple[tuple[str, bytes], ...] = ()

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]


def at(text: str) -> datetime:
    """Return a Japanese local time written as 2022-06-21 17:05:00."""
    return datetime.fromisoformat(text).replace(tzinfo=JST)


def remnant(data: bytes, when: datetime) -> Item:
    """Return bytes left in clusters that no entry lists."""
    return Item(path="", data=data, created=when, modified=when, accessed=when)


def parent(path: str) -> str:
    """Return the folder of a path; the root is the empty text."""
    return path.rpartition("/")[0]


def child_items(items: Sequence[Item], folder: str) -> Iterator[Item]:
    """Yield what stands directly in a folder, in the given order."""
    return (item for item in items if item.path and parent(item.path) == folder)
