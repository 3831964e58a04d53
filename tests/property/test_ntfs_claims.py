"""Who held a cluster last, by the sweep, is who did when every cluster is looked at alone."""

from __future__ import annotations

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
)
@settings(max_examples=300, deadline=None)
def test_the_sweep_says_what_single_clusters_say(
    claims: list[tuple[int, int, int]], changed: dict[int, int], used: list[bool]
) -> None:
    ours = Claims()
    for first, count, owner in claims:
        ours.add(*(np.array([value]) for value in (first, first + count, owner)))
    ours.date(np.array(list(changed), np.int64), np.array(list(changed.values()), np.int64))
    ours.settle()
    held = np.flatnonzero(used)
    blocks = Blocks(held * 512, held * 512 + 512, 90 * 512)
    rows = np.array(claims, np.int64).reshape(-1, 3)
    lost = ours.overtaken(rows[:, 2], rows[:, 0], rows[:, 1], 512, blocks)
    for (first, count, owner), found in zip(claims, lost.tolist(), strict=True):
        mine = changed.get(owner, NEVER)
        taken = [
            any(low <= at < low + length and who != owner and changed.get(who, NEVER) >= mine
                for low, length, who in claims)
            for at in range(first, first + count) if not used[at]
        ]  # fmt: skip
        assert found == 512 * sum(taken)
