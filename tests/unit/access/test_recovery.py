"""NIST's cases of deleted file recovery in small: drivers delete, all that can come back does, nothing false.

``tests/benchmarks/bench_recovery.py`` runs all cases beside ``tsk_recover``.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.bench_recovery import judged, ours, standing
from tests.builders.recovery import missing, open_driver
from tests.builders.recovery_cases import CASES

pytestmark = pytest.mark.tools
WHOLE = ("01", "02", "05", "11", "12")


def _tried(kind: str, case: str, folder: Path) -> tuple[Counter[str], int, int]:
    """Return outcomes, how many files were deleted, and how many of them are still whole in the image."""
    lacking = missing(kind)
    if lacking:
        pytest.skip(f"left out: {', '.join(lacking)} not there")
    driver = open_driver(kind, folder / "case")
    try:
        truth = CASES[case].steps(driver, random.Random(case))
    finally:
        path = driver.close()
    return judged(truth.gone, ours(path, live=False)), len(truth.gone), standing(path, truth.gone)


@pytest.mark.parametrize("kind", ["FAT16", "exFAT", "NTFS", "ext4"])
@pytest.mark.parametrize("case", WHOLE)
def test_what_nothing_overwrote_is_recovered(kind: str, case: str, tmp_path: Path) -> None:
    outcomes, count, _ = _tried(kind, case, tmp_path)
    assert outcomes == {"recovered": count}


@pytest.mark.parametrize("kind", ["FAT16", "NTFS"])
def test_what_was_overwritten_is_never_given_as_whole(kind: str, tmp_path: Path) -> None:
    outcomes, count, whole = _tried(kind, "08", tmp_path)
    assert outcomes["recovered"] == whole < count
    assert outcomes["false"] == 0


@pytest.mark.parametrize("case", ["07", "08", "13"])
def test_files_whose_inodes_others_use_come_back_by_the_journal(case: str, tmp_path: Path) -> None:
    outcomes, count, whole = _tried("ext4", case, tmp_path)
    assert outcomes == {"recovered": count}
    assert whole == count
