"""Who held a cluster last, by the sweep, is who did when every cluster is looked at alone."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access.allocation import Blocks
from pipeline.access.ntfs_claims import NEVER, Claims

CLAIM = st.tuples(st.integers(0, 60), st.integers(1, 20), st.integers(1, 6))


@given(
    st.lists(CLAIM, max_size=25),
    st.dictionaries(st.integers(1, 6), st.integers(0, 3)),
    st.lists(st.booleans(), min_size=90, max_size=90),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_the_sweep_says_what_single_clusters_say(
    claims: list[tuple[int, int, int]], changed: dict[int, int], used: list[bool], crowded: bool
) -> None:
    ours = Claims()
    for first, count, owner in claims:
        ours.add(*(np.array([value]) for value in (first, first + count, owner)))
    ours.date(np.array(list(changed), np.int64), np.array(list(changed.values()), np.int64))
    ours.settle()
    held = np.flatnonzero(used)
    blocks = Blocks(held * 512, held * 512 + 512, 90 * 512)
    rows = np.array(claims, np.int64).reshape(-1, 3)
    with patch("pipeline.access.ntfs_claims._MOST_PAIRS", 0 if crowded else 1 << 20):
        lost = ours.overtaken(rows[:, 2], rows[:, 0], rows[:, 1], 512, blocks)
    for (first, count, owner), found in zip(claims, lost.tolist(), strict=True):
        mine = changed.get(owner, NEVER)
        taken = [
            any(low <= at < low + length and who != owner and changed.get(who, NEVER) >= mine
                for low, length, who in claims)
            for at in range(first, first + count) if not used[at]
        ]  # fmt: skip
        assert found == 512 * sum(taken)


def test_many_who_claim_a_whole_volume_of_many_are_soon_told() -> None:
    count = 20_000
    some = np.arange(count)
    ours = Claims()
    ours.add(some * 4, some * 4 + 2, some)
    ours.add(np.zeros(count, np.int64), np.full(count, 4 * count), some + count)
    ours.date(np.concatenate((some, some + count)), np.concatenate((some + count, some)))
    ours.settle()
    blocks = Blocks(np.zeros(0, np.int64), np.zeros(0, np.int64), 4 * count)
    lost = ours.overtaken(some + count, np.zeros(count, np.int64), np.full(count, 4 * count), 1, blocks)
    assert lost[:-1].tolist() == [4 * count] * (count - 1)
    assert lost[-1] == 2 * count
