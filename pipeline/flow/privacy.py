"""The self-scan: our own detectors over everything under ``out/``, which must hold no personal value in clear.

The yardstick is the masking that names, paths and subjects went through when they were written: a text in which it
still finds a value holds one. Numbers by their form alone (an offset of twelve digits passes as a My Number once in
eleven) and words that only look like names count with context, or where a register of the case has the number. What
``case.toml`` says itself (who acquired, who witnessed) is the analyst's own word.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.detectors import Masker
from pipeline.errors import IntegrityError
from pipeline.flow.written import Written, document, written_under
from pipeline.register import Register

__all__ = ["Leak", "SelfScan"]

_MASKED: Final = re.compile(r"\[([a-z-]+):[0-9a-f]{8}\]")
_BY_FORM: Final = frozenset({"my-number", "phone", "credit-card"})
_BY_LIKENESS: Final = frozenset({"name", "name-kana"})
_DIGITS: Final = re.compile(r"[0-9](?:[0-9]|[ -](?=[0-9])){8,18}")
_KNOWN: Final = 1 << 20
_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Where a value stands in clear and of which kinds it is; never the value."""

    place: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SelfScan:
    """Looks for values with a case's own masking, registers and settings."""

    masker: Masker
    settings: Path
    registers: Mapping[str, Register] = field(default_factory=dict)

    def check(self, out: Path) -> int:
        """Return how many distinct texts were scanned.

        Raises:
            IntegrityError: a personal value stands under ``out/``; the message names places and kinds.
        """
        scanned, found = 0, []
        for count, leak in self._scanned(written_under(out)):
            scanned += count
            found += [] if leak is None else [leak]
        _refuse(found, str(out))
        return scanned

    def check_document(self, name: str, text: str) -> None:
        """Look at a document before it is written; IntegrityError where it holds a value."""
        _refuse([leak for _, leak in self._scanned(document(name, text)) if leak is not None], name)

    def _scanned(self, places: Iterator[Written]) -> Iterator[tuple[int, Leak | None]]:
        """Yield how many new texts each place brought, and what leaks in them; a column's text is looked at once."""
        seen: dict[str, pa.Array] = {}
        for written in places:
            column = written.place.rpartition(":")[2]
            known = seen.setdefault(column, pa.array([], pa.string()))
            fresh = written.texts.filter(pc.invert(pc.is_in(written.texts, known)))
            if len(known) < _KNOWN:
                seen[column] = pa.concat_arrays([known, fresh])
            yield len(fresh), None
            for index in sorted(self.masker.mask_many(fresh)):
                kinds = self._kinds(fresh[index].as_py())
                if kinds:
                    yield 0, Leak(place=written.place, kinds=tuple(sorted(kinds)))

    def _kinds(self, text: str) -> set[str]:
        """Return the kinds of value in a text without the analyst's own words."""
        for word in self._own_words:
            text = text.replace(word, " ")
        masked = self.masker.mask(text)
        if masked == text:
            return set()
        kinds = {match.group(1) for match in _MASKED.finditer(masked)} - set(_MASKED.findall(text))
        by_context = {hit.kind for hit in self.masker.scanner.scan_text(text)}
        return (kinds - _BY_FORM - _BY_LIKENESS) | by_context | self._registered(text)

    def _registered(self, text: str) -> set[str]:
        """Return the kinds of the numbers in a text that a register has."""
        numbers = sorted(set(_DIGITS.findall(text)))
        return {
            kind
            for register in self.registers.values()
            for kind in sorted(_BY_FORM.intersection(register.roles))
            for number in numbers
            if register.reason({kind: [number]}) != "unknown"
        }

    @cached_property
    def _own_words(self) -> tuple[str, ...]:
        """The texts of the settings, the longest first."""
        found = set(_texts(tomllib.loads(self.settings.read_text(encoding="utf-8"))))
        return tuple(sorted((text for text in found if len(text) > 1), key=lambda text: (-len(text), text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _refuse(found: list[Leak], where: str) -> None:
    if not found:
        return
    unique = sorted({(leak.place, ", ".join(leak.kinds)) for leak in found})
    places = "; ".join(f"{place} ({kinds})" for place, kinds in unique[:_NAMED])
    more = f" and {len(unique) - _NAMED} more places" if len(unique) > _NAMED else ""
    message = f"{len(found)} texts in {where} hold personal values in clear: {places}{more}"
    raise IntegrityError(f"{message}; hand nothing of it out, delete it, and report the fault")
