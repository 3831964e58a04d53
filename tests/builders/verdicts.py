"""Small cases for the verdict: a laptop, a server and a stick with the tables a negative rests on."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipeline.config import Case, Dataset, Exhibit, Incident
from pipeline.schemas import TABLES, column_name, schema_of

__all__ = ["BACK", "EARLY", "INSIDE", "LATE", "LOST", "RULES", "Rows", "case_of", "negative_rows", "tables_of"]

RULES: Final = Path(__file__).parents[2] / "rules" / "verdict"
EARLY, LOST, INSIDE, BACK, LATE = (datetime(2022, 6, day, tzinfo=UTC) for day in (1, 21, 22, 24, 30))
Rows = dict[str, list[dict[str, Any]]]
_EMPTY: Final[dict[Any, Any]] = {pa.string(): "", pa.int64(): 0, pa.bool_(): False, pa.float64(): 0.0}
_PROFILE: Final = "pc!p1!fs:/Users/a/AppData/Local/Google/Chrome/User Data/Default"
_CHANNELS: Final = ("Security", "System", "Microsoft-Windows-Partition/Diagnostic")


def case_of(*, labels: tuple[str, str, str] = ("pc", "sv", "usb"), language: str = "ja") -> Case:
    """Return a case of a laptop, a server and a stick; the dataset may be on the last two."""
    roles = ("workstation", "server", "recovered-media")
    exhibits = tuple(
        Exhibit(
            label=label, role=role, image=Path("x"), serial=f"SERIAL-{role}",
            authorised=() if role == "workstation" else ("register",),
        )
        for label, role in zip(labels, roles, strict=True)
    )  # fmt: skip
    return Case(
        root=Path(), id="c", title="t", timezone="Asia/Tokyo", language=language,
        incident=Incident(lost_from=LOST, recovered_at=BACK, discovered_at=LOST), exhibits=exhibits,
        datasets=(Dataset(id="register", title="t", register=Path("x")),), keys_directory=Path(),
        rules_directory=RULES.parent,
    )  # fmt: skip


def negative_rows() -> Rows:
    """Return rows that carry every negative the rules allow."""
    rows: Rows = {"volumes": [], "coverage": [], "files": [], "sources": [], "activity": []}
    for label in ("pc", "sv", "usb"):
        rows["volumes"].append({"exhibit": label, "address": f"{label}!p1", "state": "open"})
        rows["files"].append(_file(label, f"{label}-f", f"{label}!p1!fs:/a.txt"))
        for by in ("listed", "detected"):
            whole = {"exhibit": label, "class": "volume", "examined_by": by, "outcome": "examined", "bytes": 1}
            rows["coverage"].append(whole | {"volume": f"{label}!p1"})
    _add(rows, "pc", "history", f"{_PROFILE}/History", "chromium-history", "Chrome")
    rows["files"].append(_file("pc", "prefs", f"{_PROFILE}/Preferences"))
    for name in _CHANNELS:
        _add(rows, "pc", f"log-{name}", f"pc!p1!fs:/Logs/{name.replace('/', '%4')}.evtx", "windows-event-log", name)
    rows["files"].append(_file("pc", "system", "pc!p1!fs:/Windows/System32/config/SYSTEM"))
    rows["files"].append(_file("sv", "passwd", "sv!p1!fs:/etc/passwd"))
    _add(rows, "sv", "syslog", "sv!p1!fs:/var/log/syslog", "system-log", "syslog")
    _add(rows, "sv", "web", "sv!p1!fs:/var/log/nginx/access.log", "web-access-log", "web server")
    _add(rows, "sv", "auth", "sv!p1!fs:/var/log/auth.log", "auth-log", "auth")
    return rows


def tables_of(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, pa.Table]:
    """Return Arrow tables of rows of which only the columns that matter are given."""
    return {name: _table(name, rows[name]) for name in sorted(rows)}


def _add(rows: Rows, exhibit: str, key: str, address: str, artefact: str, system: str) -> None:
    rows["files"].append(_file(exhibit, key, address))
    rows["sources"].append(
        {
            "exhibit": exhibit, "id": f"s-{key}", "file": key, "address": address, "artefact": artefact,
            "system": system, "first": EARLY, "last": LATE, "gaps": [], "enabled": "yes", "status": "read",
        }
    )  # fmt: skip


def _file(exhibit: str, key: str, address: str) -> dict[str, Any]:
    return {
        "exhibit": exhibit, "id": key, "address": address, "path": address.partition("fs:")[2], "kind": "file",
        "origin": "allocated", "listed_by": "own+tsk", "volume": f"{exhibit}!p1", "created": EARLY,
        "created_zone": "UTC", "modified": EARLY, "modified_zone": "UTC",
    }  # fmt: skip


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema, hints = schema_of(TABLES[name]), typing.get_type_hints(TABLES[name].row)
    optional = {column_name(key) for key, hint in hints.items() if type(None) in typing.get_args(hint)}
    base = {field.name: None if field.name in optional else _EMPTY.get(field.type) for field in schema}
    return pa.Table.from_pylist([base | dict(row) for row in rows], schema=schema)
