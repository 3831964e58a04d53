"""Rows of contents, of what was found in them, and of the people that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Content", "Finding", "Person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Distinct bytes, once."""

    sha256: str
    sha1: str
    md5: str
    size: int
    type: str
    known: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One detected value: where it is, its shape and its keyed tag; never the value.

    ``offset`` is in the content (or in the decoded text, where ``encoding`` is ``text``); ``image_offset`` is None
    where the bytes are compressed or encoded. ``record`` groups the values of one row or line.
    """

    id: str
    exhibit: str
    address: str
    path: str
    file: str
    origin: str
    kind: str
    rule: str
    content: str
    locator: str
    offset: int
    image_offset: int | None
    length: int
    encoding: str
    shape: str
    value_tag: str
    validated: bool
    score: float
    record: str
    person: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One distinct person, known by a keyed tag; ``basis`` says what made them one.

    ``most`` is how many people this may be at most: namesakes born on one day are one by name and birth date alone.
    """

    person: str
    dataset: str | None
    basis: str
    exhibits: tuple[str, ...]
    findings: int
    records: int
    household: str | None
    most: int = 1
