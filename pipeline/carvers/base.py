"""What a carver is: an object proved by its structure, found by its header, or where the bytes themselves show one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.access.interfaces import Readable

__all__ = ["Carved", "Carver"]


@dataclass(frozen=True, slots=True)
class Carved:
    """An object: start and length in bytes of the view; ``complete`` when its end was proved.

    ``title`` is what the object calls itself: the program of a prefetch file, the name in an MFT record.
    """

    start: int
    length: int
    type: str
    complete: bool = True
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Carver(ABC):
    """Proves objects of one type; ``headers`` are (literal, its offset in the object)."""

    name: str = ""
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ()

    def locate(self, data: bytes, start: int) -> Iterable[int]:
        """Return places in ``data`` where an object without a literal may begin; ``start`` is the offset of ``data``.

        Places are found from the bytes within 4 KiB of them, so that windows of any size find the same.
        """
        del data, start
        return ()

    @abstractmethod
    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the object that begins at ``start`` and is at most ``limit`` bytes, or None."""
