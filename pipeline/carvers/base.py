"""What a carver is: an object proved by its structure, found by its header, or where the bytes themselves show one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.access.interfaces import Readable

__all__ = ["Carved", "Carver", "SpentError", "View"]


class SpentError(Exception):
    """Looking at objects that come to nothing has cost all that a block of raw space may cost."""


class View(Readable, Protocol):
    """Raw space as a carver sees it from the start of an object: what live files hold is left out.

    Offsets are those of the image up to the end of the stretch in which the object starts, and go on from there.
    """

    @property
    def cluster(self) -> int:
        """Bytes of the units in which the space was given to files; objects can break off at multiples of it."""
        ...

    @property
    def memo(self) -> dict[str, Any]:
        """What carvers keep about this space between objects, under their names; it only saves work."""
        ...

    def spend(self, amount: int) -> None:
        """Count bytes unpacked or decoded like bytes read.

        Raises:
            SpentError: that was too much.
        """
        ...


@dataclass(frozen=True, slots=True)
class Carved:
    """An object: start and length in bytes of the view; ``complete`` when its end was proved.

    ``note`` says what is missing, or of a complete one what no checksum or decoder speaks for. Only a complete one
    without a note is a ground for saying that a file was there (:mod:`pipeline.verdict_tables`); of others, as of runs
    of text, what was found in their bytes stands on its own.

    ``title`` is what the object calls itself: the program of a prefetch file, the name in an MFT record. ``gap`` is
    (bytes before it, its length) where the object lies in two pieces with something else between; ``length`` does not
    count it. ``encoding`` is that of a text.
    """

    start: int
    length: int
    type: str
    complete: bool = True
    note: str = ""
    title: str = ""
    gap: tuple[int, int] = (0, 0)
    encoding: str = ""


@dataclass(frozen=True)
class Carver(ABC):
    """Proves objects of one type; ``headers`` are (literal, its offset in the object)."""

    name: str = ""
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ()
    everywhere: bool = False
    """Whether an object may be cut off at its start: then it is looked for where raw space begins, too."""

    def locate(self, data: bytes, start: int) -> Iterable[int]:
        """Return indexes into ``data``, whose offset is ``start``, where an object without a literal may begin.

        Places are found from the bytes within 4 KiB of them, so that windows of any size find the same.
        """
        del data, start
        return ()

    @abstractmethod
    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the object that begins at ``start`` and is at most ``limit`` bytes, or None."""

    def mend(self, view: View, start: int, limit: int, found: Carved | None) -> Carved | None:
        """Return the object in two pieces, where ``carve`` found no whole one; ``found`` where there is none."""
        del view, start, limit
        return found
