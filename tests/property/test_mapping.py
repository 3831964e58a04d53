"""Laws of mapped volumes: a translation names the same bytes as a model that knows where every single byte lies."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.access.mapping import HOLE, OUTSIDE, MappedBytes, Mapping, inner_volume, merged
from pipeline.records import Run, Volume, VolumeState
from tests.builders.disks import Bytes

IMAGE = bytes(value % 251 for value in range(300))
LENGTHS = st.integers(0, 24)
RUNS = st.lists(
    st.one_of(
        st.builds(lambda at, n: Run(start=at, length=n), st.integers(0, 270), LENGTHS),
        st.builds(lambda n: Run(start=HOLE, length=n), LENGTHS),
    ),
    max_size=8,
)  # fmt: skip


def bytewise(runs: list[Run] | tuple[Run, ...]) -> list[int]:
    """Return the place of every byte, one by one."""
    return [run.start + at if run.start >= 0 else HOLE for run in runs for at in range(run.length)]


@given(RUNS, RUNS)
def test_every_byte_of_a_run_keeps_its_place(volume: list[Run], runs: list[Run]) -> None:
    model = bytewise(volume)
    expected = [HOLE if at < 0 else model[at] if at < len(model) else OUTSIDE + at for at in bytewise(runs)]
    assert bytewise(Mapping(volume).forth(runs)) == expected


@given(st.permutations(range(0, 240, 24)), st.lists(LENGTHS, min_size=10, max_size=10), RUNS)
def test_the_way_back_leads_to_where_one_came_from(starts: list[int], lengths: list[int], runs: list[Run]) -> None:
    mapping = Mapping(Run(start=at, length=length) for at, length in zip(starts, lengths, strict=True))
    assert bytewise(mapping.back(mapping.forth(runs))) == bytewise(runs)


@given(RUNS, st.integers(0, 200), st.integers(0, 200))
def test_bytes_are_those_the_runs_name(volume: list[Run], start: int, length: int) -> None:
    whole = bytes(0 if at < 0 else IMAGE[at] for at in bytewise(volume))
    assert MappedBytes(Bytes(IMAGE), Mapping(volume)).read(start, length) == whole[start : start + length]


@given(RUNS)
def test_merged_runs_are_the_same_bytes_and_never_touch(runs: list[Run]) -> None:
    found = merged(runs)
    assert bytewise(found) == bytewise(runs)
    for left, right in pairwise(found):
        assert not (left.start >= 0 and left.start + left.length == right.start)


@given(RUNS, RUNS, st.integers(0, 40))
def test_volumes_in_volumes_lie_where_both_layers_put_them(outer: list[Run], inner: list[Run], start: int) -> None:
    image = _volume(length=len(IMAGE), start=start, direct=True)
    middle = inner_volume(image, "lv", "a", outer, scheme="lvm")
    inside = inner_volume(middle, "lv", "b", inner, scheme="lvm")
    model = [at if at < 0 else start + at if at < len(IMAGE) else OUTSIDE + at for at in bytewise(outer)]
    expected = [HOLE if at < 0 else model[at] if at < len(model) else OUTSIDE + at for at in bytewise(inner)]
    if middle.runs:
        assert bytewise(inside.runs) == expected
    assert inside.length == sum(run.length for run in inner)
    assert inside.address == "EX-01!part:p1!lv:a!lv:b"


def _volume(*, length: int, start: int, direct: bool) -> Volume:
    return Volume(
        address="EX-01!part:p1", exhibit="EX-01", start=start, length=length, direct=direct, scheme="mbr",
        part_type="0x8e", file_system="LVM", label="", serial="", block_size=0, encryption="",
        state=VolumeState.OPEN, reader="layer",
    )  # fmt: skip
