"""Masking: personal values in paths, addresses of pages and subjects replaced by their kind and tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import pyarrow as pa

from pipeline.detectors.engine import Scanner
from pipeline.detectors.names import NameDictionary
from pipeline.detectors.sieve import SEPARATOR, Sieve
from pipeline.rules_values import normalise, value_tag

__all__ = ["Masker"]

_RECALL: Final = 2.0
"""Worth of a name that is masked: of 3,000 dictionary words as file names 4 % reach it, of whole names 99.7 %."""
_TAG_DIGITS: Final = 8
_BY_FORM: Final = frozenset({"phone", "my-number", "credit-card", "email"})


@dataclass(frozen=True)
class Masker:
    """Replaces every detected value of a text by ``[kind:tag]``; it would rather mask too much than too little."""

    scanner: Scanner
    key: bytes = field(repr=False)

    def mask(self, text: str) -> str:
        """Return the text with values replaced; text without values comes back as it is."""
        parts: list[str] = []
        loose = SEPARATOR.sub(" ", text)
        reached = 0
        for start, end, kind in sorted(self._spans(text), key=lambda span: (span[0], -span[1], span[2])):
            if start < reached:
                continue
            value = loose[start:end] if kind.startswith("name") else text[start:end]
            tag = value_tag(self.key, kind, value)[:_TAG_DIGITS]
            parts += [text[reached:start], f"[{kind}:{tag}]"]
            reached = end
        return "".join([*parts, text[reached:]])

    def mask_many(self, texts: pa.Array) -> dict[int, str]:
        """Return what :meth:`mask` makes of those texts of a column that it changes, by their index."""
        suspects = self._sieve.suspects(texts)
        found = zip(suspects.tolist(), texts.take(pa.array(suspects)).to_pylist(), strict=True)
        masked = ((index, text, self.mask(text)) for index, text in found)
        return {index: changed for index, text, changed in masked if changed != text}

    def _spans(self, text: str) -> set[tuple[int, int, str]]:
        spans = {(hit.start, hit.start + hit.length, hit.kind) for hit in self.scanner.scan_text(text)}
        loose = SEPARATOR.sub(" ", normalise(text))
        spans |= {(span.start, span.end, "name") for span in self._names.kanji_names(loose) if span.worth >= _RECALL}
        spans |= {(span.start, span.end, "name-kana") for span in self._names.kana_names(loose)}
        apart = {one for one in self._free(normalise(text).replace("_", " ")) if one[2] == "email"}
        return spans | apart | self._free(normalise(text))

    def _free(self, text: str) -> set[tuple[int, int, str]]:
        found = self.scanner.candidates(text)
        return {(one.start, one.end, one.rule.kind) for one in found if one.rule.kind in _BY_FORM}

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve(self.scanner.ruleset)

    @cached_property
    def _names(self) -> NameDictionary:
        return NameDictionary(self.scanner.ruleset)
