"""Counts of 件 (records), 人 (people) and 世帯 (households), and what the law asks about them.

SOURCE: Act on the Protection of Personal Information, articles 26 and 68, and its enforcement rules, articles 7, 8, 43
and 44 (more than 1,000 people for a business, more than 100 for an administrative body; one person suffices for
sensitive data, for possible loss of property and for a wrongful purpose; a preliminary report in 3 to 5 days and a
final one in 30, 60 for a wrongful purpose, from when it was known). My Number Act, article 29-4: whether a My Number
is among the data comes first; where that is not known, the authority's form asks for "yes".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
SELECT exhibit, dataset, sum(records)::BIGINT AS records, sum(most)::BIGINT AS high,
       count(*) FILTER (WHERE basis LIKE 'register:%')::BIGINT AS low,
       count(DISTINCT household)::BIGINT AS households
FROM (SELECT f.exhibit, coalesce(any_value(p.dataset), '') AS dataset, any_value(p.basis) AS basis,
             any_value(p.household) AS household, greatest(max(coalesce(p.most, 1)), 1) AS most,
             count(DISTINCT f.record) AS records
      FROM findings f JOIN people p ON p.person = f.person WHERE $exhibit = '' GROUP BY f.exhibit, p.person) AS each
GROUP BY ALL ORDER BY 1, 2
"""
_TOTALS: Final = """
SELECT dataset, coalesce(sum(records), 0)::BIGINT AS records, coalesce(sum(most), 0)::BIGINT AS high,
       greatest(count(*) FILTER (WHERE basis LIKE 'register:%'), count(*) FILTER (WHERE basis = 'citizen-code'),
                count(*) FILTER (WHERE basis = 'my-number'), count(*) FILTER (WHERE basis = 'resident-code'),
                CASE WHEN coalesce(dataset, '') = '' THEN any_value(listed) ELSE 0 END)::BIGINT AS low,
       count(DISTINCT household)::BIGINT AS households,
       count(*) FILTER (WHERE household IS NULL)::BIGINT AS without_household
FROM (SELECT coalesce(dataset, '') AS dataset, records, basis, household, greatest(coalesce(most, 1), 1) AS most,
             (SELECT coalesce(max(named), 0) FROM (
                SELECT count(DISTINCT f.person) AS named FROM findings f JOIN people w ON w.person = f.person
                WHERE w.basis LIKE 'name+birth-date%' AND f.content <> '' GROUP BY f.content)) AS listed
      FROM people) AS known WHERE $exhibit = ''
GROUP BY GROUPING SETS ((dataset), ()) ORDER BY dataset NULLS LAST
"""
"""Each dataset over all exhibits, everyone once; the last row, without a dataset, is everyone. Who has an identifier of
one kind, or is a row of a register, is not counted twice; of two kinds, perhaps. People by name and birth date alone
are at least as many as one content names, for a list names each person once, and at most what their rows allow."""
_LEGAL: Final = f"""
SELECT count(DISTINCT person) FILTER (WHERE kind = 'sensitive-marker')::BIGINT AS sensitive,
       count(DISTINCT person) FILTER (WHERE kind IN {_PROPERTY})::BIGINT AS property,
       count(*) FILTER (WHERE kind = 'my-number' AND (validated OR person IS NOT NULL))::BIGINT AS numbers,
       count(*) FILTER (WHERE kind = 'my-number')::BIGINT AS possible, count(DISTINCT person)::BIGINT AS people
FROM findings WHERE exhibit = $exhibit
"""  # noqa: S608


def count_people(database: duckdb.DuckDBPyConnection, case: Case) -> dict[str, Any]:
    """Return counts by exhibit and dataset, the law's questions by exhibit, its threshold and its deadlines.

    ``low`` counts only people matched to a register; ``high`` every person told apart, and namesakes that may be
    one by name and birth date. ``totals`` are over all
    exhibits, everyone once: ``exceeds`` is the threshold's ``yes`` (the low count does), ``no`` (the high count does
    not, and every part was examined) or ``undetermined``. Deadlines run from the discovery and are ISO 8601 times;
    there are none where ``case.toml`` states no discovery.
    """
    regime, known = case.incident.regime, case.incident.discovered_at
    due = {} if known is None else {name: (known + timedelta(days=days)).isoformat() for name, days in _DAYS.items()}
    labels = sorted(exhibit.label for exhibit in case.exhibits)
    return {
        "counts": rows_of(database, _COUNT, ""), "totals": _totals(database, labels, _THRESHOLD[regime]),
        "regime": regime, "threshold": _THRESHOLD[regime],
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


def _totals(database: duckdb.DuckDBPyConnection, labels: Sequence[str], threshold: int) -> list[dict[str, Any]]:
    """Return 件, 人 and 世帯 of each dataset and of everyone, and whether they exceed the law's number."""
    whole = not any(_closed(database, label) for label in labels)

    def exceeds(row: Mapping[str, Any]) -> str:
        if row["low"] > threshold:
            return "yes"
        return "no" if row["high"] <= threshold and whole else "undetermined"

    return [row | {"exceeds": exceeds(row)} for row in rows_of(database, _TOTALS, "")]


def _my_number(database: duckdb.DuckDBPyConnection, exhibit: str, row: Mapping[str, int]) -> str:
    """Return ``yes``, ``no`` or ``undetermined``; ``no`` only where every part of the exhibit was examined."""
    if row["numbers"]:
        return "yes"
    return "undetermined" if row["possible"] or _closed(database, exhibit) else "no"


def _closed(database: duckdb.DuckDBPyConnection, exhibit: str) -> bool:
    """Tell whether any part of an exhibit was not examined."""
    coverage = rows_of(database, "SELECT * FROM coverage WHERE exhibit = $exhibit", exhibit)
    volumes = rows_of(database, "SELECT * FROM volumes WHERE exhibit = $exhibit", exhibit)
    losses = "SELECT id FROM diagnostics WHERE severity = 'loss' AND regexp_extract(address, '^[^!]*') = $exhibit"
    lost = len(rows_of(database, losses, exhibit))
    return bool(closed_parts("content", coverage, volumes, lost))
