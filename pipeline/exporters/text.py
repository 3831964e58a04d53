"""Text of a report: masked, without characters that steer the reader's eye, times in the case's zone."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["Printer", "neutral"]

_LONGEST: Final = 400
_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode general categories of controls, format controls (bidi among them), lone surrogates, separators."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def neutral(text: str, longest: int = _LONGEST) -> str:
    """Return the text with controls, bidi controls and lone surrogates written out (``⟦U+202E⟧``), cut if very long."""
    cut = text if len(text) <= longest else f"{text[:longest]}…(+{len(text) - longest})"
    return "".join(f"⟦U+{ord(one):04X}⟧" if unicodedata.category(one) in _STEERING else one for one in cut)


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints what came out of evidence."""

    mask: Callable[[str], str]
    zone: ZoneInfo

    def text(self, value: str | None) -> str:
        """Return evidence's text, masked and neutral."""
        return neutral(self.mask(value)) if value else ""

    def time(self, value: datetime | None) -> str:
        """Return a time in the case's zone with its offset; a dash where there is none."""
        if value is None:
            return "–"
        local = value.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {_offset(local)}"

    def size(self, count: int) -> str:
        """Return a number of bytes in binary units."""
        step, value = 0, float(count)
        while value >= 1024 and step < len(_UNITS) - 1:
            value, step = value / 1024, step + 1
        return f"{count} B" if step == 0 else f"{value:,.1f} {_UNITS[step]}"


def _offset(local: datetime) -> str:
    text = f"{local:%z}"
    return f"{text[:3]}:{text[3:5]}"
