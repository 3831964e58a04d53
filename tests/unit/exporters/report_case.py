"""A small case for reports: its tables, its verdict and its settings, all invented; names of files are hostile."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.config import Acquisition, Case, CustodyTransfer, Dataset, Exhibit, Incident
from pipeline.exporters.material import ReportInputs
from pipeline.schemas import TABLES, column_name
from pipeline.store import rows_to_table

JST = timezone(timedelta(hours=9))
SCRIPT = "<script>alert(1)</script>"
OVERRIDE = "report\u202excod.exe"
FORMULA = '=HYPERLINK("http://example.com")'
ADDRESS = f"EX-01!part:p1!fs:/{SCRIPT}/{OVERRIDE}"
SECRET = "value-to-mask"


def mask(text: str) -> str:
    """Stand for the case's masker."""
    return text.replace(SECRET, "[name:0123]")


def case() -> Case:
    """Return a case of two exhibits."""
    made = Acquisition(by="Examiner One", at=datetime(2022, 6, 25, 10, tzinfo=JST), tool="ewfacquire", seal="S-1")
    move = CustodyTransfer(at=datetime(2022, 6, 24, 12, tzinfo=JST), from_="Finder", to="Committee", note="sealed")
    incident = Incident(
        lost_from=datetime(2022, 6, 21, 22, 30, tzinfo=JST), recovered_at=datetime(2022, 6, 24, 11, 40, tzinfo=JST),
        discovered_at=datetime(2022, 6, 22, 15, 45, tzinfo=JST),
    )  # fmt: skip
    return Case(
        root=Path("case"), id="small", title="紛失 <事案>", timezone="Asia/Tokyo", language="ja", incident=incident,
        exhibits=(
            Exhibit(label="EX-01", role="recovered-media", image=Path("a"), serial="SERIAL77", acquired=made,
                    custody=(move,)),
            Exhibit(label="EX-02", role="server", image=Path("b")),
        ),
        datasets=(Dataset(id="register", title="台帳"),), keys_directory=Path("secrets"), rules_directory=Path("rules"),
    )  # fmt: skip


def row(table: str, /, **values: Any) -> Any:
    """Return a row of a table; what is not given is empty."""
    blank: dict[Any, Any] = {"str": "", "int": 0, "float": 0.0, "bool": False}
    made: dict[str, Any] = {}
    for one in fields(TABLES[table].row):
        if column_name(one.name) in values:
            made[one.name] = values[column_name(one.name)]
        elif one.default is MISSING:
            made[one.name] = () if str(one.type).startswith("tuple") else blank.get(str(one.type))
    return TABLES[table].row(**made)


def tables() -> dict[str, pa.Table]:
    """Return the tables of the case."""
    seen = datetime(2022, 6, 22, 12, 14, 8, tzinfo=UTC)
    rows: dict[str, list[Any]] = {
        "evidence": [
            row("evidence", exhibit="EX-01", role="recovered-media", format="ewf", size=4096, md5="a" * 32,
                sha1="b" * 40, sha256="c" * 64, recorded_md5="a" * 32, stored_sha1="d" * 40, merkle_root="e" * 64,
                verified=True),
        ],
        "volumes": [
            row("volumes", address="EX-01!part:p1", exhibit="EX-01", start=512, length=2048, file_system="exFAT",
                state="open", reader="own"),
            row("volumes", address="EX-01!part:p2", exhibit="EX-01", start=2560, length=1536, state="locked",
                encryption="BitLocker"),
        ],
        "files": [
            row("files", id="file1", exhibit="EX-01", address=ADDRESS, path=f"/{SCRIPT}/{OVERRIDE}", origin="deleted",
                modified=seen),
        ],
        "activity": [
            row("activity", id="act1", exhibit="EX-01", address="EX-01!part:p1!fs:/log!at:1", artefact="shell-history",
                time=seen, action="transfer-command", subject=f"scp {SECRET} {FORMULA}", device="DEVICE88"),
            row("activity", id="act2", exhibit="EX-01", address="EX-01!part:p1!fs:/log!at:2", artefact="shell-history",
                action="wiping-tool", subject="wipe"),
        ],
        "findings": [
            row("findings", id=f"find{number}", exhibit="EX-01", address=f"{ADDRESS}!bytes:{number}+4", file="file1",
                path=f"/{SCRIPT}", origin="deleted", kind=kind, record=f"r{number}", value_tag=f"t{number}",
                person="p1" if number < 3 else "p2")
            for number, kind in enumerate(["name", "my-number", "name", "sensitive-marker"])
        ],
        "people": [
            row("people", person="p1", dataset="register", basis="register:name", exhibits=("EX-01",), findings=3,
                records=3, household="h1"),
            row("people", person="p2", dataset="register", basis="name+birth-date", exhibits=("EX-01",), findings=1,
                records=1, household="h2"),
        ],
        "holdings": [
            row("holdings", id="h1", exhibit="EX-01", address=ADDRESS, origin="deleted", files=2, records=9, people=5,
                households=3, datasets=("register",), family="h1"),
            row("holdings", id="h2", exhibit="EX-02", address=f"EX-02!fs:/{SECRET}", origin="allocated", files=1,
                records=40, people=40, households=20, datasets=("register",), family="h1"),
        ],
        "copies": [
            row("copies", id="c1", part="h1", whole="h2", part_exhibit="EX-01", whole_exhibit="EX-02", relation="part",
                changes=("re-encoded", "filtered"), lineage=True, nearest=True, people=5, part_people=5,
                whole_people=40, part_records=9, part_records_held=9),
        ],
        "block_matches": [
            row("block_matches", id="b1", exhibit="EX-02", address="EX-02!bytes:0+4096", length=4096, blocks=8,
                **{"class": "unallocated"}, people=5, datasets=("register",)),
        ],
        "coverage": [
            row("coverage", exhibit="EX-01", **{"class": "file-content"}, bytes=100, items=1, examined_by="detected",
                outcome="examined"),
            row("coverage", exhibit="EX-01", **{"class": "file-content"}, bytes=28, items=1, examined_by="detected",
                outcome="not-examined", reason=f"over the limit: {ADDRESS}"),
        ],
        "extents": [
            row("extents", exhibit="EX-01", start=0, length=512, **{"class": "volume-metadata"}),
            row("extents", exhibit="EX-01", start=512, length=2048, **{"class": "file-content"}),
            row("extents", exhibit="EX-01", start=2560, length=1536, **{"class": "locked"}),
        ],
        "sources": [
            row("sources", id="s1", exhibit="EX-01", address="EX-01!part:p1!fs:/log", artefact="shell-history",
                system="bash", first=seen, last=seen, records=2, enabled="unknown", status="read"),
        ],
        "diagnostics": [
            row("diagnostics", id="d1", stage="volumes", address="EX-01!part:p2", code="locked", severity="loss",
                message=f"EX-01!part:p2: locked; {SECRET}"),
            row("diagnostics", id="d2", stage="entries", address=ADDRESS, code="listed-by-one", severity="note"),
        ],
        "claims": [
            row("claims", id="claim1", question="q1", exhibit="EX-01", kind="inference", level="indicated"),
            row("claims", id="claim2", question="q1", exhibit="EX-02", kind="opinion", level="undetermined"),
        ],
        "grounds": [
            row("grounds", claim="claim1", relation="supports", table=table, row=key, note="")
            for table, key in [("activity", "act1"), ("activity", "act2"), ("files", "file1"), ("findings", "find0"),
                               ("findings", "find1")]
        ],
    }  # fmt: skip
    return {name: rows_to_table(TABLES[name], held) for name, held in rows.items()}


def answer(claim: str, exhibit: str, level: str, *, uncovered: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a question's part of the verdict."""
    texts: dict[str, dict[str, Any]] = {
        "question": {"ja": "送信されたか。", "en": "Was it sent?"},
        "hypotheses": {"ja": ["業務の送信。"], "en": ["Sent for work."]},
        "limits": {"ja": ["履歴は消せる。"], "en": ["A history can be erased."]},
        "coverage": {"ja": list(uncovered), "en": list(uncovered)},
    }
    sentences = {"ja": f"{exhibit}の答え。", "en": f"Answer for {exhibit}."}
    plain = {name: text["ja"] for name, text in texts.items()} | {"sentence": sentences["ja"], "sentences": sentences}
    both = {f"{name}_by_language": text for name, text in texts.items()}
    marks = {"id": "q1", "claim": claim, "exhibit": exhibit, "channel": "network", "level": level, "strength": ""}
    return marks | plain | both


def verdict() -> dict[str, Any]:
    """Return the verdict of the case."""
    sentences = {"ja": "漏えいの疑いがある。", "en": "A leak is indicated."}
    return {
        "case": "small",
        "overall": {"level": "indicated", "sentence": sentences["ja"], "sentences": sentences},
        "questions": [
            answer("claim1", "EX-01", "indicated"),
            answer("claim2", "EX-02", "undetermined", uncovered=(f"no log at {ADDRESS}",)),
        ],
        "people": {
            "article": "個人情報保護法第68条", "regime": "administrative-body", "threshold": 100,
            "counts": [{"exhibit": "EX-01", "dataset": "register", "records": 9, "low": 1, "high": 2, "households": 2}],
            "totals": [
                {"dataset": name, "records": 9, "low": 1, "high": 2, "households": 2, "without_household": 0,
                 "exceeds": "undetermined"}
                for name in ("register", None)
            ],
            "deadlines": {"preliminary": "2022-06-27T15:45:00+09:00"},
        },
    }  # fmt: skip


def inputs(**changes: Any) -> ReportInputs:
    """Return the inputs of a report of the case."""
    given: dict[str, Any] = {
        "tables": tables(), "verdict": verdict(), "case": case(), "mask": mask, "versions": {"akashi": "0.0.0"},
        "rules": {"verdict": "f" * 64},
    }  # fmt: skip
    return ReportInputs(**given | changes)
