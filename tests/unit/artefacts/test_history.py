"""Holes in a run of visits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts.history import VisitRun

START = datetime(2022, 6, 21, tzinfo=UTC)


@pytest.mark.parametrize(("reuses", "hours", "gaps"), [(True, 25, 1), (True, 24, 0), (False, 25, 0)])
def test_quiet_is_a_hole_where_ids_of_removed_visits_are_given_again(reuses: bool, hours: int, gaps: int) -> None:
    run = VisitRun(reuses=reuses)
    run.add(1, START)
    run.add(2, START + timedelta(hours=hours))
    assert len(run.gaps) == gaps
