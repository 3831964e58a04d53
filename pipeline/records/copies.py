"""Rows of what contents share: people and records, and sectors of known contents."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BlockMatch", "Copy", "Holding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Whose data a content on an exhibit holds: 件, 人 and 世帯 apart; outside of contents, by the owner of the bytes.

    ``files`` are the files of the exhibit that have the content, ``file`` the first of them. ``records`` single
    somebody out; ``households`` are the household numbers that stand here. ``values`` are distinct values of kinds that
    few people share. ``family`` joins holdings that are copies of one another, directly or through others; it is empty
    where there are none.
    """

    id: str
    exhibit: str
    content: str
    file: str
    address: str
    path: str
    origin: str
    type: str
    files: int
    records: int
    people: int
    households: int
    values: int
    datasets: tuple[str, ...]
    kinds: tuple[str, ...]
    encodings: tuple[str, ...]
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Two holdings that hold the same people, and how far one is in the other; ``part`` is the one with less.

    A record is held by the other side where its values of the kinds that both sides have stand there, of the same
    person. ``relation``: ``same-content`` (equal SHA-256), ``same-records`` (each side holds all of the other's),
    ``part`` (nearly all of the part's records are in the whole) or ``overlap``. ``changes`` are what sets the part
    apart: re-encoded, repacked, re-ordered, filtered, columns-dropped, columns-added. ``lineage`` says that one may
    have been made from the other; which from which, and whether by way of a third, no content shows.
    ``nearest`` marks, of a part's lineage, the whole that holds least besides.
    """

    id: str
    part: str
    whole: str
    part_exhibit: str
    whole_exhibit: str
    relation: str
    changes: tuple[str, ...]
    lineage: bool
    nearest: bool
    people: int
    part_people: int
    whole_people: int
    part_share: float
    whole_share: float
    part_records: int
    part_records_held: int
    whole_records: int
    whole_records_held: int
    values: int
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    in_order: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMatch:
    """Consecutive sectors of an exhibit that are blocks of a known content, in bytes of no file with that content.

    ``blocks`` of them were found equal; those between prove nothing (zeros, repeated patterns) and were stepped over.
    ``known_file`` has the content, or contains it; ``people`` and ``datasets`` are those of the data it was sought for.
    """

    id: str
    exhibit: str
    address: str
    image_offset: int
    length: int
    blocks: int
    class_: str
    volume: str
    file: str
    content: str
    content_offset: int
    known_exhibit: str
    known_file: str
    people: int
    datasets: tuple[str, ...]
