"""Tables from characters to characters, applied to long texts as arrays: a text of a page costs what its bytes do.

A table maps one character to one, or to none; what it does to a short text the interpreter does just as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Characters"]

_PLANE: Final = 1 << 16
_SHORT: Final = 256
_Units = NDArray[np.uint16]


@dataclass(frozen=True)
class Characters:
    """A table for :meth:`str.translate`; what a character beyond the first plane becomes is in no table's keys."""

    table: Mapping[int, int | str | None]

    def __call__(self, text: str) -> str:
        """Return the text with every character replaced, or dropped."""
        if len(text) < _SHORT:
            return text.translate(self.table)
        if text.isascii() and self._bytes is not None:
            return text.encode("ascii").translate(*self._bytes).decode("ascii")
        for code in self._beyond:
            if chr(code) in text:
                text = text.replace(chr(code), chr(code).translate(self.table))
        try:
            units = np.frombuffer(text.encode("utf-16-le"), "<u2")
        except UnicodeEncodeError:  # two lone surrogates would become one character
            return text.translate(self.table)
        units = self._units[units] if self._kept is None else self._units[units[self._kept[units]]]
        found: bytes = units.astype("<u2", copy=False).tobytes()
        return found.decode("utf-16-le")

    @cached_property
    def _beyond(self) -> tuple[int, ...]:
        return tuple(code for code in self.table if code >= _PLANE)

    @cached_property
    def _units(self) -> _Units:
        units = np.arange(_PLANE, dtype=np.uint16)
        for code, value in self.table.items():
            if code < _PLANE and value is not None:
                units[code] = value if isinstance(value, int) else ord(value)
        return units

    @cached_property
    def _kept(self) -> NDArray[np.bool_] | None:
        dropped = [code for code, value in self.table.items() if code < _PLANE and value is None]
        kept = np.ones(_PLANE, dtype=bool)
        kept[dropped] = False
        return kept if dropped else None

    @cached_property
    def _bytes(self) -> tuple[bytes, bytes] | None:
        """The table for ASCII alone: what each byte becomes, and those dropped; None where one becomes another."""
        plain = self._units[:128]
        if plain.max() >= 128:
            return None
        dropped = bytes(code for code in range(128) if self._kept is not None and not self._kept[code])
        return bytes(plain.astype(np.uint8)) + bytes(128), dropped
