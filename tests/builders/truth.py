"""What the demo images hold, place by place, without a clear value: the answers the demo's tests compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["EXPECTED", "Place", "places_of", "truth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Residents ``first`` to ``last`` (positions in the register, half-open) stand here."""

    exhibit: str
    path: str
    first: int
    last: int
    origin: str = "allocated"
    encoding: str = "cp932"
    fields: str = "all"
    whole: bool = True


HOME: Final = "/Users/kyufu"
STICK: Final = (
    Place(exhibit="USB-01", path="/住民票一覧_2022.csv", first=0, last=1000),
    Place(exhibit="USB-01", path="/構成表_全世帯.xls", first=0, last=240),
    Place(exhibit="USB-01", path="/住民税.csv", first=0, last=900, fields="citizen-code"),
    Place(exhibit="USB-01", path="/旧_住民票.csv", first=1000, last=1060, origin="deleted"),
    Place(exhibit="USB-01", path="/給付金/申請者一覧.xlsx", first=0, last=60, encoding="utf-8"),
    Place(
        exhibit="USB-01",
        path="/給付金/通知文.docx",
        first=30,
        last=34,
        encoding="utf-8",
        fields="name,birth-date,address",
    ),
    Place(exhibit="USB-01", path="/給付金/名簿.pdf", first=30, last=42, fields="name,birth-date,address"),
    Place(exhibit="USB-01", path="/給付金/口座.zip!生保口座一覧.csv", first=900, last=960, origin="member"),
    Place(
        exhibit="USB-01",
        path="/給付金/世帯.txt",
        first=0,
        last=60,
        encoding="utf-16-le",
        fields="citizen-code,household-number,name",
    ),
    Place(exhibit="USB-01", path="/給付金/移行_euc.csv", first=60, last=110, encoding="euc_jp"),
    Place(exhibit="USB-01", path="/作業手順.txt", first=600, last=601, origin="slack", whole=False),
    Place(exhibit="USB-01", path="", first=600, last=680, origin="unallocated"),
)
STICK_LEAK: Final = (Place(exhibit="USB-01", path="/住民票一覧_2022 - コピー.csv", first=0, last=200),)
SERVER: Final = (
    Place(exhibit="SV-01", path="/srv/export/residents_utf8.csv", first=0, last=1200, encoding="utf-8"),
    Place(
        exhibit="SV-01", path="/srv/export/dump_20220510.csv", first=200, last=500, origin="deleted", encoding="utf-8"
    ),
)
LAPTOP_LEAK: Final = (
    Place(exhibit="PC-01", path=f"{HOME}/Documents/給付金/住民票一覧_2022.csv", first=0, last=1000),
    Place(
        exhibit="PC-01", path=f"{HOME}/Documents/backup.zip!住民票一覧_2022.csv", first=0, last=1000, origin="member"
    ),
    Place(exhibit="PC-01", path=f"{HOME}/Documents/買い物メモ.txt:d", first=700, last=720),
    Place(exhibit="PC-01", path=f"{HOME}/Desktop/住民票一覧_抜粋.csv", first=1100, last=1160, origin="deleted"),
    Place(
        exhibit="PC-01",
        path=f"{HOME}/AppData/Local/Mail/Outbox/0002.eml!住民票一覧.csv",
        first=0,
        last=300,
        origin="member",
    ),
)
EXPECTED: Final[dict[str, dict[str, dict[str, str]]]] = {
    "demo-clean": {
        "USB-01": {"access": "undetermined", "encryption": "confirmed"},
        "PC-01": {
            "unauthorised-copy": "not-confirmed",
            "removable-media": "not-confirmed",
            "web-upload": "not-confirmed",
            "anti-forensics": "not-confirmed",
        },
        "SV-01": {"network": "not-confirmed"},
    },
    "demo-leak": {
        "USB-01": {"access": "confirmed", "encryption": "confirmed"},
        "PC-01": {
            "unauthorised-copy": "confirmed",
            "removable-media": "indicated",
            "web-upload": "indicated",
            "mail": "confirmed",
            "staging": "confirmed",
            "anti-forensics": "indicated",
        },
        "SV-01": {"network": "confirmed"},
    },
}
"""Lowest level that the contents support per channel; how rules weigh it beyond that is the rules' business."""


def places_of(case: str) -> Sequence[Place]:
    """Return every place of a case that holds residents."""
    return (*STICK, *SERVER) if case == "demo-clean" else (*STICK, *STICK_LEAK, *SERVER, *LAPTOP_LEAK)


def truth(case: str) -> dict[str, Any]:
    """Return the truth file of a case: places, distinct residents per exhibit, expected levels."""
    found = places_of(case)
    exhibits = sorted({place.exhibit for place in found} | {"PC-01"})
    people = {
        name: {n for place in found if place.exhibit == name for n in range(place.first, place.last)}
        for name in exhibits
    }
    rows = [
        {
            "exhibit": place.exhibit,
            "path": place.path,
            "origin": place.origin,
            "encoding": place.encoding,
            "fields": place.fields,
            "first_resident": place.first,
            "residents": place.last - place.first,
            "whole_rows": place.whole,
        }
        for place in found
    ]
    return {
        "case": case,
        "register_residents": 1200,
        "residents_by_exhibit": {name: len(people[name]) for name in exhibits},
        "places": rows,
        "expected": EXPECTED[case],
    }
