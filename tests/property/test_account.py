"""Laws of the byte account."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.extents import Claim, account

SIZE = 400


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    result = []
    for number in range(draw(st.integers(0, 12))):
        start = draw(st.integers(-20, SIZE + 20))
        length = draw(st.integers(0, 120))
        rank = draw(st.sampled_from([10, 400, 500, 700, 800]))
        result.append(
            Claim(start=start, end=start + length, rank=rank, class_=f"class-{rank}", owner=f"f{number}", volume="v")
        )
    return result


def expected_at(position: int, given_claims: list[Claim]) -> tuple[str, str | None]:
    holding = [c for c in given_claims if c.start <= position < c.end]
    if not holding:
        return "volume-gap", None
    best = min(holding, key=lambda c: (-c.rank, c.owner or ""))
    return best.class_, best.owner


@given(claims())
def test_every_byte_is_in_exactly_one_extent(given_claims: list[Claim]) -> None:
    extents = list(account("EX-01", SIZE, given_claims))
    assert extents[0].start == 0
    for left, right in pairwise(extents):
        assert left.start + left.length == right.start
        assert left.length > 0
    assert sum(extent.length for extent in extents) == SIZE


@given(claims())
def test_the_highest_claim_holds_each_byte(given_claims: list[Claim]) -> None:
    for extent in account("EX-01", SIZE, given_claims):
        for position in range(extent.start, extent.start + extent.length):
            assert (extent.class_, extent.owner) == expected_at(position, given_claims)


@given(claims(), st.randoms())
def test_order_of_claims_does_not_matter(given_claims: list[Claim], random: object) -> None:
    shuffled = list(given_claims)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(account("EX-01", SIZE, given_claims)) == list(account("EX-01", SIZE, shuffled))
