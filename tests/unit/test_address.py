"""Addresses survive whatever evidence puts into names."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline import address

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@given(ANY_TEXT)
def test_a_step_gives_back_its_value(name: str) -> None:
    joined = address.join("EX-01!part:p2", "fs", name)
    assert address.steps_of(joined) == (("part", "p2"), ("fs", name))


@given(ANY_TEXT)
def test_an_address_is_one_line_of_valid_text(name: str) -> None:
    joined = address.join("EX-01", "fs", name)
    joined.encode("utf-8")
    assert len(joined.splitlines()) == 1


def test_parts_of_an_address() -> None:
    place = address.at_bytes(address.join("EX-01!part:p2", "fs", "/a!b%.csv"), 1042, 16)
    assert place == "EX-01!part:p2!fs:/a%21b%25.csv!bytes:1042+16"
    assert address.exhibit_of(place) == "EX-01"
    assert address.parent_of(place) == "EX-01!part:p2!fs:/a%21b%25.csv"
    assert address.parent_of("EX-01") == "EX-01"


def test_bidirectional_controls_never_reach_an_address() -> None:
    assert "\u202e" not in address.join("EX-01", "fs", "/gpj\u202eexe.txt")
