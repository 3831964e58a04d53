"""How sure the facts under an answer are, on Casey's scale, from who wrote the records and how hard they are to change.

SOURCE: Eoghan Casey, "Digital Evidence and Computer Crime", 3rd edition, table 3.1: C0 contradicted by known facts, C1
highly uncertain, C2 one source that is not protected against tampering, C3 sources not enough for a firm conclusion or
with unexplained inconsistencies, C4 a protected source or several independent ones that agree, C5 several independent
and protected ones, C6 unquestionable. C6 is never given, nor C0: what contradicts stands beside the answer instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import duckdb
import yaml

from pipeline.errors import RuleError

__all__ = ["Certainty", "Family", "certainty_of", "load_families"]

_ARTEFACTS: Final = "SELECT id, exhibit, artefact FROM activity WHERE list_contains($keys, id)"
_UNKNOWN: Final = "other"


@dataclass(frozen=True, slots=True)
class Family:
    """Records that one part of a system writes; ``protected`` where its users cannot change them without a trace."""

    name: str
    protected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """A place on the scale, and the families of records that it rests on, each ``exhibit: family``."""

    scale: str
    families: tuple[str, ...]


@lru_cache(maxsize=4)
def load_families(path: Path) -> Mapping[str, Family]:
    """Return the family of each artefact and table.

    Raises:
        RuleError: the file is missing or not of its form.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            str(record): Family(str(name), bool(item["protected"]))
            for name, item in tree["families"].items() for record in item["records"]
        }  # fmt: skip
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise RuleError(f"{path}:1: families need a name, protected and records ({type(error).__name__})") from error


def certainty_of(
    database: duckdb.DuckDBPyConnection, families: Mapping[str, Family], grounds: Iterable[Mapping[str, Any]],
    exhibit: str, *, contradicted: bool,
) -> Certainty:  # fmt: skip
    """Return how sure the facts under an answer are; C1 where there are none."""
    known = {(row["table"], row["row"]) for row in grounds}
    keys = sorted(row for table, row in known if table == "activity")
    written = database.execute(_ARTEFACTS, {"keys": keys}).fetchall() if keys else []
    found = {
        (exhibit, families.get(table, Family(_UNKNOWN, protected=False))) for table, _ in known if table != "activity"
    }
    found |= {(label, families.get(artefact, Family(artefact, protected=False))) for _, label, artefact in written}
    names = tuple(sorted(f"{label}: {family.name}" for label, family in found))
    return Certainty(scale=_scale([family for _, family in found], contradicted=contradicted), families=names)


def _scale(families: list[Family], *, contradicted: bool) -> str:
    protected = sum(family.protected for family in families)
    if not families:
        return "C1"
    if contradicted:
        return "C2" if len(families) == 1 else "C3"
    if protected >= 2:
        return "C5"
    return "C4" if protected or len(families) >= 2 else "C2"
