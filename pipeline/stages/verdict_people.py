"""Counts of 件 (records), 人 (people) and 世帯 (households), beside the legal thresholds they are held against.

Source of the thresholds and terms: Act on the Protection of Personal Information, articles 26 and 68, and its
enforcement rules, articles 7, 8, 43 and 44.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import duckdb

from pipeline.config import Case
from pipeline.stages.verdict_tables import rows_of

__all__ = ["count_people"]

_THRESHOLD: Final = {"administrative-body": 100, "business": 1000}
_ARTICLE: Final = {
    "administrative-body": "個人情報保護法第68条・規則第43条",
    "business": "個人情報保護法第26条・規則第7条",
}
_COUNT: Final = """
SELECT e AS exhibit, coalesce(dataset, '') AS dataset, sum(records)::BIGINT AS records, count(*)::BIGINT AS high,
       count(*) FILTER (WHERE basis LIKE 'register:%')::BIGINT AS low,
       count(DISTINCT household)::BIGINT AS households
FROM (SELECT unnest(exhibits) AS e, dataset, records, basis, household FROM people) WHERE $exhibit = ''
GROUP BY ALL ORDER BY 1, 2
"""


def count_people(database: duckdb.DuckDBPyConnection, case: Case) -> dict[str, Any]:
    """Return counts by exhibit and dataset, the threshold of the regime and the deadlines from the discovery.

    ``low`` counts only people matched to a register; ``high`` every person told apart.
    """
    regime, known = case.incident.regime, case.incident.discovered_at
    days = {"preliminary": 5, "final": 30, "final-if-malicious": 60}
    due = {} if known is None else {name: (known + timedelta(days=n)).isoformat() for name, n in sorted(days.items())}
    return {
        "counts": rows_of(database, _COUNT, ""), "regime": regime, "threshold": _THRESHOLD[regime],
        "article": _ARTICLE[regime], "deadlines": due,
    }  # fmt: skip
