"""The self-scan: our own detectors over everything under ``out/``, which must hold no personal value in clear.

Columns that were masked when they were written are held to the masking: what it would still change is a value.
Elsewhere a value counts where the detectors report one, or where a register of the case has it: prose is full of words
that are also names, and an offset of twelve digits passes as a My Number once in eleven. The program's own sentences,
and what ``case.toml`` says (who acquired, who witnessed), are no findings.
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
from pipeline.detectors.names import NameDictionary
from pipeline.detectors.sieve import SEPARATOR
from pipeline.errors import IntegrityError
from pipeline.exporters.words import fixed_texts
from pipeline.flow.written import Written, document, written_under
from pipeline.register import Register
from pipeline.rules_values import normalise
from pipeline.stages.context import Context

__all__ = ["Leak", "SelfScan", "self_scan"]

_MASKED: Final = re.compile(r"\[([a-z-]+):[0-9a-f]{8}\]")
_MASKED_COLUMNS: Final = frozenset({"address", "label", "path", "subject"})
_BY_FORM: Final = frozenset({"my-number", "phone", "credit-card"})
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
    vocabulary: str = ""

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
                kinds = self._kinds(fresh[index].as_py(), masked=column in _MASKED_COLUMNS)
                if kinds:
                    yield 0, Leak(place=written.place, kinds=tuple(sorted(kinds)))

    def _kinds(self, text: str, *, masked: bool) -> set[str]:
        """Return the kinds of value in a text without the analyst's own words."""
        for word in self._own_words:
            text = text.replace(word, " ")
        hits = self.masker.scanner.scan_text(text)
        kinds = {hit.kind for hit in hits if text[hit.start : hit.start + hit.length] not in self.vocabulary}
        if masked:
            again = self.masker.mask(text)
            known = set(_MASKED.findall(text))
            kinds |= {match for match in _MASKED.findall(again) if again != text and match not in known} - _BY_FORM
        return kinds | self._registered(text)

    def _registered(self, text: str) -> set[str]:
        """Return the kinds of the names and numbers in a text that a register has."""
        loose = SEPARATOR.sub(" ", normalise(text))
        values = {("name", loose[span.start : span.end]) for span in self._names.kanji_names(loose)}
        values |= {("name-kana", loose[span.start : span.end]) for span in self._names.kana_names(loose)}
        values |= {(kind, number) for number in _DIGITS.findall(text) for kind in _BY_FORM}
        return {
            kind
            for register in self.registers.values()
            for kind, value in sorted(values)
            if kind in register.roles and register.reason({kind: [value]}) != "unknown"
        }

    @cached_property
    def _names(self) -> NameDictionary:
        return NameDictionary(self.masker.scanner.ruleset)

    @cached_property
    def _own_words(self) -> tuple[str, ...]:
        """The texts of the settings, the longest first."""
        found = set(_texts(tomllib.loads(self.settings.read_text(encoding="utf-8"))))
        return tuple(sorted((text for text in found if len(text) > 1), key=lambda text: (-len(text), text)))


def self_scan(context: Context) -> SelfScan:
    """Return the self-scan of a case, which knows the sentences of its verdict rules and of the reports."""
    case = context.case
    rules = [path.read_text(encoding="utf-8") for path in sorted((case.rules_directory / "verdict").glob("*.yaml"))]
    return SelfScan(
        masker=context.masker, registers=context.registers, settings=case.root / "case.toml",
        vocabulary="\n".join([*rules, fixed_texts()]),
    )  # fmt: skip


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
