"""What every artefact promises."""

from __future__ import annotations

import pytest

from pipeline.artefacts import ARTEFACTS, VOLUME_ARTEFACTS, Artefact, Audit
from tests.unit.artefacts.candidates import candidate


def test_names_are_unique() -> None:
    names = [known.name for known in (*ARTEFACTS, *VOLUME_ARTEFACTS)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda known: known.name)
def test_an_empty_file_gives_exactly_one_audit_that_speaks_for_no_time(artefact: Artefact) -> None:
    (audit,) = [fact for fact in artefact.read(candidate(b"")) if isinstance(fact, Audit)]
    assert (audit.first, audit.last) == (None, None)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda known: known.name)
def test_patterns_are_lower_case_and_wanted(artefact: Artefact) -> None:
    for pattern in artefact.patterns:
        assert pattern == pattern.lower()
        assert artefact.wants(pattern.replace("*", "x"))
    assert not artefact.wants("/nothing/of/the/kind")
