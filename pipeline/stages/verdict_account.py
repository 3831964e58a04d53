"""Whether any row of coverage is missing: the account of an exhibit, its volumes and its streams, against coverage.

That something was not examined is a row; that a row is not there is noticed here, by what other tables hold and by
what the rows of one class must have in common. So losing one row of coverage, of any class, makes no negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import duckdb

from pipeline.stages.coverage_bytes import EXAMINATIONS
from pipeline.stages.coverage_streams import STREAM_CLASSES, STREAM_EXAMINATIONS
from pipeline.verdict_rules import Text
from pipeline.verdict_tables import rows_of

__all__ = ["missing_rows", "uncounted", "unlisted", "unmatched"]

Row = Mapping[str, Any]
_ACCOUNTED: Final = "accounted"
_ACCOUNT: Final = "SELECT class, sum(length)::BIGINT AS bytes FROM extents WHERE exhibit = $exhibit GROUP BY class"
_STREAMS: Final = """
WITH read AS (SELECT id, origin, content FROM files WHERE exhibit = $exhibit AND coalesce(content, '') <> ''),
listed AS (SELECT * FROM read WHERE origin NOT IN ('member', 'carved')),
placed AS (SELECT content FROM listed WHERE id IN (SELECT owner FROM extents WHERE exhibit = $exhibit))
SELECT origin AS kind, count(DISTINCT id) AS items FROM read WHERE origin IN ('member', 'carved') GROUP BY origin
UNION ALL SELECT 'listed', count(DISTINCT content) FROM listed WHERE content NOT IN (SELECT content FROM placed)
"""
"""Streams that were read, by where they lie: inside another, carved, or listed without bytes of the medium.

Of the last at least so many, for one content may have several streams.
"""
_CLASSES: Final = {
    "carved": ("carved",),
    "member": ("member",),
    "listed": ("gone", "layered", "resident"),
}


def missing_rows(database: duckdb.DuckDBPyConnection, exhibit: str, coverage: Sequence[Row]) -> list[Text]:
    """Return which rows of coverage are missing or too small, where the exhibit was read at all."""
    evidence = rows_of(database, "SELECT size FROM evidence WHERE exhibit = $exhibit", exhibit)
    if not evidence:
        return []
    account = {str(row["class"]): int(row["bytes"]) for row in rows_of(database, _ACCOUNT, exhibit)}
    streams = {str(row["kind"]): int(row["items"]) for row in rows_of(database, _STREAMS, exhibit)}
    return [*uncounted(account, int(evidence[0]["size"]), coverage), *unmatched(streams, coverage)]


def unlisted(volumes: Sequence[Row], coverage: Sequence[Row]) -> list[Text]:
    """Return how many volumes have no record of being listed or not."""
    listed = {row["volume"] for row in coverage if row["examined_by"] == "listed"}
    count = sum(row["address"] not in listed for row in volumes)
    if not count:
        return []
    return [_both(f"一覧の記録がないボリュームが{count}ある", f"{count} volumes have no record of being listed")]


def uncounted(account: Mapping[str, int], size: int, coverage: Sequence[Row]) -> list[Text]:
    """Return which bytes of an exhibit coverage does not speak of: the account less what each examination says of it.

    Args:
        account: bytes by class.
        size: of the image.
        coverage: rows of the exhibit.
    """
    reasons = []
    if sum(account.values()) != size:
        lacking = size - sum(account.values())
        reasons.append(_both(f"区分されていない領域がある（{lacking}バイト）", f"{lacking} bytes are in no class"))
    sums = _sums(coverage)
    for class_, held in sorted(account.items()):
        for name in (_ACCOUNTED, *EXAMINATIONS):
            done = sums.get((class_, name), (0, 0))[0]
            if done != held:
                why = f"{class_}: {held - done} bytes have no record of being {name}"
                reasons.append(_both(f"{class_}の{held - done}バイトに調査（{name}）の記録がない", why))
    return reasons


def unmatched(streams: Mapping[str, int], coverage: Sequence[Row]) -> Iterator[Text]:
    """Yield where the rows of streams do not agree with each other, or are fewer than the streams that were read.

    Args:
        streams: how many were read, of the kinds ``carved``, ``member`` and ``listed``.
        coverage: rows of the exhibit.
    """
    sums = _sums(coverage)
    for class_ in STREAM_CLASSES:
        found = {name: sums.get((class_, name), (0, 0)) for name in (_ACCOUNTED, *STREAM_EXAMINATIONS)}
        most = max(found.values())
        for name in (name for name, one in found.items() if one != most):
            yield _both(f"{class_}の調査（{name}）の記録が足りない", f"{class_}: rows of being {name} are missing")
    for kind, items in sorted(streams.items()):
        counted = sum(sums.get((class_, _ACCOUNTED), (0, 0))[1] for class_ in _CLASSES[kind])
        if counted < items:
            ja = f"調査の記録がない内容が{items - counted}ある（{kind}）"
            yield _both(ja, f"{kind}: {items - counted} contents have no record of being examined")


def _sums(coverage: Iterable[Row]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the bytes and items of each class and examination."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row in coverage:
        size, items = sums.get((row["class"], row["examined_by"]), (0, 0))
        sums[row["class"], row["examined_by"]] = size + row["bytes"], items + row["items"]
    return sums


def _both(ja: str, en: str) -> Text:
    return {"ja": ja, "en": en}
