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


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users/a/appdata/local/google/chrome/user data/default/history", "chromium-history"),
        ("/users/a/appdata/local/microsoft/edge/user data/profile 1/history", "chromium-history"),
        ("/home/a/.config/google-chrome/default/history", "chromium-history"),
        ("/users/a/library/application support/google/chrome/default/history", "chromium-history"),
        ("/users/a/appdata/local/google/chrome/user data/default/preferences", "chromium-preferences"),
        ("/users/a/appdata/roaming/mozilla/firefox/profiles/x.default/places.sqlite", "firefox-places"),
        ("/windows/inf/setupapi.dev.log", "setupapi-log"),
        ("/windows/inf/setupapi.dev.20220601_101010.log", "setupapi-log"),
        ("/windows/system32/config/system", "system-hive"),
        ("/windows.old/windows/system32/config/system", "system-hive"),
        ("/windows/system32/winevt/logs/microsoft-windows-partition%4diagnostic.evtx", "windows-event-log"),
        ("/home/a/.bash_history", "shell-history"),
        ("/windows/system32/logfiles/firewall/pfirewall.log", "windows-firewall-log"),
        ("/var/log/nginx/access.log", "web-access-log"),
        ("/var/log/auth.log", "auth-log"),
    ],
)
def test_the_usual_paths_are_wanted_by_one_artefact(path: str, name: str) -> None:
    assert [known.name for known in ARTEFACTS if known.wants(path)] == [name]
