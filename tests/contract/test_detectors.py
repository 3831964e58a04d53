"""Every detector rule answers the same questions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pipeline.detectors import Scanner
from pipeline.detectors.check import encoded, negative_pack
from pipeline.rules import Rule, load_rules

RULES = Path(__file__).parents[2] / "rules"


@cache
def scanner() -> Scanner:
    return Scanner(load_rules(RULES))


ALL = load_rules(RULES).rules


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_examples_hold_as_text_and_in_every_encoding(rule: Rule) -> None:
    for text, wanted in [*((hit, True) for hit in rule.hits), *((miss, False) for miss in rule.misses)]:
        assert any(hit.rule == rule.id for hit in scanner().scan_text(text)) is wanted
        for encoding in rule.encodings:
            raw = encoded(text, encoding)
            if raw is not None:
                assert any(hit.rule == rule.id for hit in scanner().scan_content(raw)) is wanted, encoding


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_rule_names_its_source_and_shows_no_value(rule: Rule) -> None:
    assert rule.source
    for hit in scanner().scan_text(rule.hits[0]):
        assert hit.value not in repr(hit)


def test_random_bytes_digits_and_code_hold_nobody() -> None:
    assert list(scanner().scan_content(negative_pack()[::1][: 4 << 20])) == []
