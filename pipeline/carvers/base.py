"""What a carver is: an object proved by its structure, found by its header."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.access.interfaces import Readable

__all__ = ["Carved", "Carver"]


@dataclass(frozen=True, slots=True)
class Carved:
    """An object: start and length in bytes of the view; ``complete`` when its end was proved."""

    start: int
    length: int
    type: str
    complete: bool = True
    note: str = ""


@dataclass(frozen=True)
class Carver(ABC):
    """Proves objects of one type; ``headers`` are (literal, its offset in the object)."""

    name: str = ""
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ()

    @abstractmethod
    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the object that begins at ``start`` and is at most ``limit`` bytes, or None."""
