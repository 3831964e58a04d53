"""Municipal data for judging detection: seeded, of people who do not exist, in forms the rules were not written for.

A *city* is a set of residents; its data are what an office keeps of them: the register, the tax roll, households that
get a benefit, bank accounts with the citizen code and kana only, and Zengin transfer files. Each row knows its values
by kind and where they stand in it, so that whatever is found can be judged to the byte. The decoy city is the same
size with another seed. Names and towns come from :mod:`tests.builders.people`.

Source of the 120-byte record: 全国銀行協会 総合振込 record formats (header 1, data 2, trailer 8, end 9).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pipeline.detectors.encodings import byte_forms
from tests.builders.people import Resident, generate

__all__ = ["ENCODINGS", "TABLES", "Row", "encode", "hard_negatives", "prose", "rows", "transfers", "zengin"]

ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "cp932", "cp932-ibm", "euc-jp", "iso-2022-jp")
"""``cp932-ibm`` takes the last byte form where a character has several, as Windows writes; ``cp932`` the first."""
FULL: Final = str.maketrans("0123456789-", "０１２３４５６７８９－")
OLD: Final = (("高", "髙"), ("崎", "﨑"), ("浜", "濵"), ("斎", "齋"), ("辺", "邊"), ("沢", "澤"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of text and its values: (kind, start, end) in characters."""

    text: str
    values: tuple[tuple[str, int, int], ...]


def _row(cells: Sequence[tuple[str, str]], joint: str) -> Row:
    parts, values, place = [], [], 0
    for kind, text in cells:
        if kind and text:
            values.append((kind, place, place + len(text)))
        parts.append(text)
        place += len(text) + len(joint)
    return Row(joint.join(parts), tuple(values))


def _register(one: Resident, chance: random.Random) -> Row:
    name = one.name if chance.random() < 0.5 else one.name.replace("　", " ")
    for new, old in OLD:
        name = name.replace(new, old) if chance.random() < 0.5 else name
    cells = (
        ("citizen-code", one.citizen_code), ("name", name), ("name-kana", one.kana), ("birth-date", one.birth_date),
        ("", one.sex), ("postal-code", one.postal_code), ("address", _styled(one.address, chance)),
    )  # fmt: skip
    return _row(cells, ",")


def _tax(one: Resident, chance: random.Random) -> Row:
    cells = (("citizen-code", one.citizen_code), ("name", one.name), ("", str(chance.randint(0, 40) * 100)))
    return _row((*cells, ("my-number", one.my_number)), "\t")


def _benefit(one: Resident, chance: random.Random) -> Row:
    day = date(2022, 1, 1).replace(month=chance.randint(1, 12))
    cells = (("citizen-code", one.citizen_code), ("household-number", one.household_number))
    return _row((*cells, ("name", one.name), ("phone", one.phone), ("", f"{day:%Y/%m/%d}")), ",")


def _account(one: Resident, _chance: random.Random) -> Row:
    cells = (
        ("citizen-code", one.citizen_code), ("", one.bank), ("", one.branch), ("", "1"), ("bank-account", one.account),
        ("name-kana", one.account_holder),
    )  # fmt: skip
    return _row(cells, ",")


def _styled(address: str, chance: random.Random) -> str:
    """Write the number of an address in one of the ways offices do."""
    style = chance.randrange(4)
    if style == 0:
        return address
    short = address.replace("番", "-").replace("号", "")
    return short if style == 1 else short.translate(FULL) if style == 2 else address.translate(FULL)


TABLES: Final[dict[str, tuple[str, Callable[[Resident, random.Random], Row]]]] = {
    "register": ("宛名番号,氏名,カナ氏名,生年月日,性別,郵便番号,住所", _register),
    "tax": ("宛名番号\t氏名\t均等割額\t個人番号", _tax),
    "benefit": ("統一コード,世帯番号,世帯主氏名,電話番号,申請受付日", _benefit),
    "account": ("統一コード,金融機関コード,支店コード,口座区分,口座番号,口座名義", _account),
}
"""Header and row of each table."""


def rows(table: str, count: int, seed: int) -> tuple[str, list[Row]]:
    """Return the header and the rows of a table of a city."""
    header, make = TABLES[table]
    chance = random.Random(f"{table}{seed}")
    return header, [make(one, chance) for one in generate(count, seed)]


def encode(text: str, encoding: str) -> bytes | None:
    """Return a text's bytes, or None where the encoding cannot write it; ISO-2022-JP shifts back at its end."""
    name, form = ("cp932", -1) if encoding == "cp932-ibm" else (encoding, 0)
    if encoding == "iso-2022-jp":
        return _jis(text)
    parts = [byte_forms(character, name) for character in text]
    return b"".join(part[form] for part in parts) if all(parts) else None


def _jis(text: str) -> bytes | None:
    written, shifted = b"", False
    for character in text:
        forms = [character.encode()] if character.isascii() else byte_forms(character, "iso-2022-jp")
        if not forms:
            return None
        if shifted == character.isascii():
            shifted = not shifted
            written += b"\x1b$B" if shifted else b"\x1b(B"
        written += forms[0]
    return written + (b"\x1b(B" if shifted else b"")


def zengin(count: int, seed: int) -> bytes:
    """Return a transfer file of 120-byte records: header, one record for each resident, trailer, end."""
    return transfers(generate(count, seed))


def transfers(people: Sequence[Resident]) -> bytes:
    """Return a transfer file of residents."""
    count = len(people)
    head = f"1210{'1234567890':0>10}{'ｱｶｼｼﾔｸｼﾖ':<40}0601{'0001'}{'ﾐｽﾞﾎ':<15}{'001'}{'':<15}1{'1234567'}"
    total = f"8{count:06}{count * 10000:012}"
    lines = [_fit(head), *(_fit(_transfer(one)) for one in people), _fit(total), _fit("9")]
    return b"".join(lines)


def _transfer(one: Resident) -> str:
    holder = half_width(one.account_holder)
    return f"2{one.bank}{'':<15}{one.branch}{'':<15}{'':<4}1{one.account}{holder:<30}{10000:010}0{one.citizen_code:<20}"


def _fit(record: str) -> bytes:
    return record.encode("cp932")[:120].ljust(120)


def half_width(text: str) -> str:
    """Return katakana in half width, voiced marks apart, small letters large, as banks write holders."""
    import unicodedata

    table = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)}
    marks = {"\u3099": "ﾞ", "\u309a": "ﾟ"}
    large = text.translate(str.maketrans("ャュョッァィゥェォ", "ヤユヨツアイウエオ"))
    return "".join(marks.get(part) or table.get(part, part) for part in unicodedata.normalize("NFD", large))


PROSE: Final = (
    "昨日、{name}さんから相談の電話があった。", "{town}に住む{name}氏は、生活の不安を訴えている。",
    "担当は福祉課の{name}主事が引き継いだ。", "世帯主の{name}は来月転居する予定である。",
    "{name}の長男が就職したため、世帯を分けた。", "面談には{name}様とそのご家族が同席された。",
    "申請書は{name}が窓口に持参したもの。", "会議では{name}委員が反対意見を述べた。",
)  # fmt: skip


def prose(count: int, seed: int) -> Iterator[Row]:
    """Yield sentences of case notes with a full name in each, without a space in it."""
    chance = random.Random(f"prose{seed}")
    for one in generate(count, seed):
        name = one.name.replace("　", "")
        before, _, after = chance.choice(PROSE).format(name="\0", town=one.address[:6]).partition("\0")
        yield Row(before + name + after, (("name", len(before), len(before) + len(name)),))


def hard_negatives(count: int, seed: int) -> Iterator[str]:
    """Yield lines that look like people and are none: orders, products, post codes, offices, source code."""
    chance = random.Random(f"none{seed}")
    makers: tuple[Callable[[], str], ...] = (
        lambda: f"注文番号 {chance.randrange(10**11, 10**12)} 数量 {chance.randrange(1, 99)}",
        lambda: f"商品コード:{chance.randrange(10**12, 10**13)} 山口県産みかん {chance.randrange(100, 999)}円",
        lambda: f"JANコード {chance.randrange(10**12, 10**13)}",
        lambda: f"{chance.randrange(10**6, 10**7):07},兵庫県,尼崎市,東七松町",
        lambda: f"製造番号 {chance.randrange(10**11, 10**12)} 型番 AB-{chance.randrange(1000, 9999)}",
        lambda: f"private static final long ID = {chance.randrange(10**11, 10**12)}L;",
        lambda: f"福島支店 高松営業所 長崎工場 宮崎店 {chance.randrange(1, 99)}号機",
        lambda: f"version {chance.randrange(9)}.{chance.randrange(99)}.{chance.randrange(9999)}",
        lambda: "東京大学 千葉大学 山口大学 石川県立図書館 松本市役所 中村橋駅 大森駅前",
        lambda: f"ERROR {chance.randrange(10**9, 10**10)} サーバー データ ベース 接続 タイムアウト",
    )
    for _ in range(count):
        yield chance.choice(makers)()
