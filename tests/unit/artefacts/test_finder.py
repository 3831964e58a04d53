"""Finding artefacts by folder gives what asking each gives."""

from __future__ import annotations

import pytest

from pipeline.artefacts import ARTEFACTS
from pipeline.artefacts.finder import Finder

FINDER = Finder(ARTEFACTS)
PATHS = sorted({form.replace("*", "x") for known in ARTEFACTS for form in known.patterns})
OTHERS = [
    "/",
    "/a",
    "a/b.lnk",
    "/windows.old/windows/system32/config/system",
    "/users/a/new\nline/x.pst",
    "/var/log/nginx/access.log.3.gz",
]


@pytest.mark.parametrize("prefix", ["", "/windows.old", "/windows.old.000", "/deeper"])
def test_the_same_artefacts_are_found(prefix: str) -> None:
    for path in (*PATHS, *OTHERS):
        asked = [known.name for known in ARTEFACTS if known.wants(prefix + path) and not known.stream]
        assert [known.name for known in FINDER.of(prefix + path)] == asked, path


def test_a_stream_is_wanted_only_by_who_reads_it() -> None:
    assert [known.stream for known in FINDER.of("/$extend/$usnjrnl", "$j")] == ["$j"]
    assert FINDER.of("/var/log/auth.log", "zone.identifier") == []
