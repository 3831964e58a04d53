"""The evidence chain: from a claim to rows, from a row to content, file, runs, volume, image and acquisition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow.compute as pc

from pipeline.errors import SettingsError
from pipeline.store import Store

__all__ = ["Link", "walk"]

_KEYS: Final = (
    ("claims", "id"), ("findings", "id"), ("files", "id"), ("activity", "id"), ("sources", "id"),
    ("contents", "sha256"), ("people", "person"), ("diagnostics", "id"), ("volumes", "address"),
    ("evidence", "exhibit"), ("holdings", "id"), ("copies", "id"), ("block_matches", "id"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row of a chain; ``depth`` is its distance from where the walk began, ``relation`` how it hangs there."""

    depth: int
    relation: str
    table: str
    row: dict[str, Any]


def walk(store: Store, key: str) -> Iterator[Link]:
    """Yield the chain under a row, depth first.

    Args:
        store: the case's tables.
        key: an id, a SHA-256, an address of a volume, or an exhibit's label; a prefix of 6 or more digits will do.

    Raises:
        SettingsError: nothing, or more than one thing, has that id.
    """
    table, row = _find(store, key)
    yield from _below(store, Link(depth=0, relation="is", table=table, row=row), frozenset())


def _find(store: Store, key: str) -> tuple[str, dict[str, Any]]:
    matches: list[tuple[str, dict[str, Any]]] = []
    for table, column in _KEYS:
        if not store.exists(table):
            continue
        data = store.table(table)
        exact = data.filter(pc.equal(data.column(column), key))
        if exact.num_rows:
            return table, exact.slice(0, 1).to_pylist()[0]
        if len(key) >= 6:
            found = data.filter(pc.starts_with(data.column(column), key)).slice(0, 2)
            matches += [(table, row) for row in found.to_pylist()]
    if len(matches) == 1:
        return matches[0]
    what = "nothing" if not matches else "more than one row"
    raise SettingsError(f"{key}: {what} has this id; take one from a table, the report or verdict.json")


def _get(store: Store, table: str, column: str, key: str) -> dict[str, Any] | None:
    data = store.table(table)
    found = data.filter(pc.equal(data.column(column), key)).slice(0, 1).to_pylist()
    return found[0] if found else None


def _below(store: Store, link: Link, seen: frozenset[tuple[str, str]]) -> Iterator[Link]:
    column = dict(_KEYS).get(link.table)
    mark = (link.table, str(link.row.get(column or "", "")))
    if mark in seen:
        return
    yield link
    for relation, table, row in _next(store, link):
        child = Link(depth=link.depth + 1, relation=relation, table=table, row=row)
        yield from _below(store, child, seen | {mark})


def _next(store: Store, link: Link) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what a row rests on."""
    row = link.row
    if link.table == "claims":
        grounds = store.table("grounds")
        for ground in grounds.filter(pc.equal(grounds.column("claim"), row["id"])).to_pylist():
            below = _get(store, ground["table"], dict(_KEYS)[ground["table"]], ground["row"])
            if ground["table"] in dict(_KEYS) and below is not None:
                yield ground["relation"], ground["table"], below
        return
    for relation, table, column, key in _references(link.table, row):
        below = _get(store, table, column, key) if key else None
        if below is not None:
            yield relation, table, below


def _references(table: str, row: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return (relation, table, column, key) of the rows that a row points to."""
    known: dict[str, list[tuple[str, str, str, str]]] = {
        "findings": [
            ("in file", "files", "id", row.get("file", "")),
            ("of person", "people", "person", row.get("person") or ""),
        ],
        "files": [
            ("has content", "contents", "sha256", row.get("content") or ""),
            ("inside", "files", "id", row.get("parent", "") if row.get("origin") == "member" else ""),
            ("on volume", "volumes", "address", row.get("volume", "")),
        ],
        "activity": [
            ("from source", "sources", "id", row.get("source", "")),
            ("in file", "files", "id", row.get("file", "")),
        ],
        "copies": [
            ("part", "holdings", "id", row.get("part", "")),
            ("whole", "holdings", "id", row.get("whole", "")),
        ],
        "block_matches": [
            ("content of", "files", "id", row.get("known_file", "")),
            ("in file", "files", "id", row.get("file", "")),
            ("on exhibit", "evidence", "exhibit", row.get("exhibit", "")),
        ],
        "holdings": [
            ("in file", "files", "id", row.get("file", "")),
            ("of exhibit", "evidence", "exhibit", row.get("exhibit", "") if not row.get("file") else ""),
        ],
        "sources": [("in file", "files", "id", row.get("file", ""))],
        "volumes": [("of exhibit", "evidence", "exhibit", row.get("exhibit", ""))],
    }
    references = known.get(table, [])
    if table == "findings" and not row.get("file"):
        references = [*references, ("on exhibit", "evidence", "exhibit", row.get("exhibit", ""))]
    return references
