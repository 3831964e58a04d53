"""Counts of 件 (records), 人 (people) and 世帯 (households), and what the law asks about them.

SOURCE: Act on the Protection of Personal Information, articles 26 and 68, and its enforcement rules, articles 7, 8, 43
and 44 (more than 1,000 people for a business, more than 100 for an administrative body; one person suffices for
sensitive data, for possible loss of property and for a wrongful purpose; a preliminary report in 3 to 5 days and a
final one in 30, 60 for a wrongful purpose, from when it was known). My Number Act, article 29-4: whether a My Number
is among the data comes first; where that is not known, the authority's form asks for "yes".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import duckdb

from pipeline.config import Case
from pipeline.stages.verdict_sources import closed_parts
from pipeline.verdict_tables import rows_of

__all__ = ["count_people"]

_THRESHOLD: Final = {"administrative-body": 100, "business": 1000}
_ARTICLE: Final = {
    "administrative-body": "個人情報保護法第68条・規則第43条",
    "business": "個人情報保護法第26条・規則第7条",
}
_DAYS: Final = {"final": 30, "final-if-malicious": 60, "preliminary": 5}
_PROPERTY: Final = "('bank-account', 'credit-card')"
_COUNT: Final = """
SELECT f.exhibit, coalesce(p.dataset, '') AS dataset, count(DISTINCT f.record)::BIGINT AS records,
       count(DISTINCT p.person)::BIGINT AS high,
       count(DISTINCT p.person) FILTER (WHERE p.basis LIKE 'register:%')::BIGINT AS low,
       count(DISTINCT p.household)::BIGINT AS households
FROM findings f JOIN people p ON p.person = f.person WHERE $exhibit = ''
GROUP BY ALL ORDER BY 1, 2
"""
_LEGAL: Final = f"""
SELECT count(DISTINCT person) FILTER (WHERE kind = 'sensitive-marker')::BIGINT AS sensitive,
       count(DISTINCT person) FILTER (WHERE kind IN {_PROPERTY})::BIGINT AS property,
       count(*) FILTER (WHERE kind = 'my-number' AND (validated OR person IS NOT NULL))::BIGINT AS numbers,
       count(*) FILTER (WHERE kind = 'my-number')::BIGINT AS possible, count(DISTINCT person)::BIGINT AS people
FROM findings WHERE exhibit = $exhibit
"""  # noqa: S608


def count_people(database: duckdb.DuckDBPyConnection, case: Case) -> dict[str, Any]:
    """Return counts by exhibit and dataset, the law's questions by exhibit, its threshold and its deadlines.

    ``low`` counts only people matched to a register; ``high`` every person told apart. Deadlines run from the
    discovery and are ISO 8601 times; there are none where ``case.toml`` states no discovery.
    """
    regime, known = case.incident.regime, case.incident.discovered_at
    due = {} if known is None else {name: (known + timedelta(days=days)).isoformat() for name, days in _DAYS.items()}
    labels = sorted(exhibit.label for exhibit in case.exhibits)
    return {
        "counts": rows_of(database, _COUNT, ""), "regime": regime, "threshold": _THRESHOLD[regime],
        "article": _ARTICLE[regime], "deadlines": due,
        "legal": [_legal(database, label, _THRESHOLD[regime]) for label in labels],
    }  # fmt: skip


def _legal(database: duckdb.DuckDBPyConnection, exhibit: str, threshold: int) -> dict[str, Any]:
    """Answer for one exhibit what decides whether an incident is to be reported."""
    row = rows_of(database, _LEGAL, exhibit)[0]
    return {
        "exhibit": exhibit, "my_number": _my_number(database, exhibit, row), "sensitive_people": row["sensitive"],
        "property_people": row["property"], "people": row["people"], "over_threshold": row["people"] > threshold,
    }  # fmt: skip


def _my_number(database: duckdb.DuckDBPyConnection, exhibit: str, row: Mapping[str, int]) -> str:
    """Return ``yes``, ``no`` or ``undetermined``; ``no`` only where every part of the exhibit was examined."""
    if row["numbers"]:
        return "yes"
    coverage = rows_of(database, "SELECT * FROM coverage WHERE exhibit = $exhibit", exhibit)
    volumes = rows_of(database, "SELECT * FROM volumes WHERE exhibit = $exhibit", exhibit)
    losses = "SELECT id FROM diagnostics WHERE severity = 'loss' AND regexp_extract(address, '^[^!]*') = $exhibit"
    lost = len(rows_of(database, losses, exhibit))
    return "undetermined" if row["possible"] or closed_parts("content", coverage, volumes, lost) else "no"
