"""Many literals in one pass over bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import hyperscan

__all__ = ["Literals"]


@dataclass(frozen=True)
class Literals:
    """Finds literals; each process builds its own."""

    literals: tuple[bytes, ...]

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Return (start, number of the literal) of every occurrence, in order; occurrences may overlap."""
        found: list[tuple[int, int]] = []
        lengths = [len(literal) for literal in self.literals]

        def keep(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end - lengths[number], number))

        if data and self.literals:
            self._database.scan(data, match_event_handler=keep, scratch=self._scratch)
        found.sort()
        return found

    @cached_property
    def _database(self) -> hyperscan.Database:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        count = len(self.literals)
        expressions = [b"".join(b"\\x%02x" % byte for byte in literal) for literal in self.literals]
        flags = [hyperscan.HS_FLAG_DOTALL] * count
        database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=flags)
        return database

    @cached_property
    def _scratch(self) -> hyperscan.Scratch:
        return hyperscan.Scratch(self._database)
