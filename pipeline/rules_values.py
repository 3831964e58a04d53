"""Canonical values and their keyed tags: equal values group whatever encoding, width, era or glyph they came in.

Sources: eras and their first days, 元号法 and the Cabinet orders of 1912-07-30, 1926-12-25, 1989-01-07 and 2019-04-01;
Meiji dates count from the Gregorian calendar's introduction (1873-01-01, 太政官布告第337号). Compatibility folding:
Unicode Standard Annex 15 (NFKC). Variant kanji: glyph pairs of one surname that registers use side by side.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from pipeline.characters import Characters
from pipeline.digests import cmac, cmac_many, joined

__all__ = [
    "IDENTIFIER_KINDS",
    "canonical",
    "canonical_many",
    "canonical_tags",
    "iso_date",
    "kind_key",
    "modern",
    "normalise",
    "spellings",
    "value_tag",
    "wareki_date",
]

IDENTIFIER_KINDS: Final = ("citizen-code", "my-number")

_NUMBER_KINDS: Final = frozenset(
    {"my-number", "phone", "postal-code", "credit-card", "citizen-code", "household-number", "bank-account"}
)
_ERAS: Final = {
    "M": (1867, date(1873, 1, 1), date(1912, 7, 29)),
    "T": (1911, date(1912, 7, 30), date(1926, 12, 24)),
    "S": (1925, date(1926, 12, 25), date(1989, 1, 7)),
    "H": (1988, date(1989, 1, 8), date(2019, 4, 30)),
    "R": (2018, date(2019, 5, 1), date(9999, 12, 31)),
}
_ERA_NAMES: Final = {"明治": "M", "大正": "T", "昭和": "S", "平成": "H", "令和": "R", "明": "M", "大": "T", "昭": "S"}
_ERA_CODES: Final = {**_ERA_NAMES, "平": "H", "令": "R", **{letter: letter for letter in _ERAS}}
_WAREKI: Final = re.compile(
    r"(明治?|大正?|昭和?|平成?|令和?|[MTSHR])[.\-/]?(元|\d{1,2})[年.\-/](\d{1,2})[月.\-/](\d{1,2})日?"
)
_WAREKI_SHORT: Final = re.compile(r"([MTSHR])(\d\d)(\d\d)(\d\d)")
_WESTERN: Final = re.compile(r"(\d{4})[年.\-/](\d{1,2})[月.\-/](\d{1,2})日?")
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")
_FIRST_YEAR: Final = 1873
_FEW: Final = 8
_LONG: Final = 512

_DASHES: Final = "－−‐‑‒–—―"
_WIDTH: Final[dict[int, int | str]] = {
    0x3000: 0x20,
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, _DASHES), "-"),
}
_WIDE: Final = re.compile(f"[\u3000！-～{_DASHES}]")
_FOLDED: Final = Characters(_WIDTH)
_LONG_MARK: Final = re.compile(r"ー(?<=\dー)(?=\d)")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_OLD_FORMS: Final = (
    "髙﨑𠮷邊邉濵濱澤齋齊斎嶋嶌桒德廣國眞龍櫻淵渕槇曾栁冨黑靑增瀨淸鄕寬隆壽惠榮圓檜瀧與條藏繩龜戶羽",
    "高崎吉辺辺浜浜沢斉斉斎島島桑徳広国真竜桜渕渕槙曽柳富黒青増瀬清郷寛隆寿恵栄円桧滝与条蔵縄亀戸羽",
)
_VARIANTS: Final = Characters(str.maketrans(*_OLD_FORMS))
_OLD: Final = re.compile(f"[{_OLD_FORMS[0]}]")
_NOT_NUMBER: Final = re.compile(r"[^0-9A-Za-z\0]")
_DROPPED: Final = Characters(dict.fromkeys(code for code in range(128) if _NOT_NUMBER.match(chr(code))))
_SPACES: Final = tuple(code for code in range(0x3001) if chr(code).isspace())
_AT_BORDERS: Final = re.compile(" *\0 *")
_GAP: Final = re.compile(r"[\s・･]")
_GAPS: Final = Characters(dict.fromkeys([*_SPACES, *map(ord, "・･")]))
_SMALL: Final = Characters(str.maketrans("ヶがノ之ッャュョァィゥェォ", "ケケのの" + "ツヤユヨアイウエオ"))
_HIRAGANA: Final = Characters({code: code + 0x60 for code in range(0x3041, 0x3097)})
_CHOME: Final = re.compile(r"(丁目|番地の?|番|号|の(?=\d))")
_EDGE: Final = re.compile(r"(?<![^\0])-+|-+(?![^\0])")
_KANJI_DIGITS: Final = str.maketrans("〇一二三四五六七八九", "0123456789")


def normalise(text: str) -> str:
    """Fold width and dashes one character to one, so that offsets keep their meaning."""
    if text.isascii():
        return text
    folded = _FOLDED(text) if len(text) > _LONG or _WIDE.search(text) else text
    return _LONG_MARK.sub("-", folded) if "ー" in folded else folded


@lru_cache(maxsize=1 << 16)
def iso_date(text: str) -> str | None:
    """Return YYYY-MM-DD of a Western or Japanese date, or None where there is no such day."""
    text = normalise(text).replace(" ", "")
    match = _WESTERN.fullmatch(text) or _COMPACT.fullmatch(text)
    if match is None:
        return wareki_date(text)
    year, month, day = map(int, match.groups())
    found = _day(year, month, day)
    return found.isoformat() if found and year >= _FIRST_YEAR else None


def wareki_date(text: str) -> str | None:
    """Return YYYY-MM-DD of a date counted in an era, within that era's bounds, or None."""
    match = _WAREKI.fullmatch(text) or _WAREKI_SHORT.fullmatch(text)
    if match is None:
        return None
    era, year, month, day = match.groups()
    base, first, last = _ERAS[_ERA_CODES[era]]
    found = _day(base + (1 if year == "元" else int(year)), int(month), int(day))
    return found.isoformat() if found and first <= found <= last else None


def canonical(kind: str, value: str) -> str:
    """Return the one spelling under which equal values of a kind compare."""
    text = value
    if not value.isascii():
        text = _SELECTORS.sub("", unicodedata.normalize("NFKC", normalise(value))).strip()
        if "\0 " in text or " \0" in text:  # folding has made a space: of ¨, for one
            text = _AT_BORDERS.sub("\0", text)
    if kind in _NUMBER_KINDS:
        return (_DROPPED(text) if text.isascii() else _NOT_NUMBER.sub("", text)).upper()
    if kind == "birth-date":
        return iso_date(text) or re.sub(r"\s", "", text)
    if kind == "email":
        return text.lower()
    text = modern(_GAPS(text) if len(text) > _LONG else _GAP.sub("", text))
    if kind == "name-kana":
        return _SMALL(_HIRAGANA(text))
    return _address(text) if kind == "address" else text


def canonical_many(kind: str, values: Sequence[str]) -> list[str]:
    """Return :func:`canonical` of each of many values, which hold no NUL and no white space at their ends.

    They go through it as one text: what it does to a character does not reach across a NUL.
    """
    if kind == "birth-date":
        return [iso_date(value) or canonical(kind, value) for value in values]
    return canonical(kind, "\0".join(values)).split("\0") if values else []


def modern(text: str) -> str:
    """Return a name with old and variant kanji in the form most registers use."""
    return _VARIANTS(text) if len(text) > _LONG or _OLD.search(text) else text


def spellings(text: str) -> tuple[str, ...]:
    """Return a name as written and with one kanji in each of its old or variant forms, in order."""
    pairs = tuple(zip(*_OLD_FORMS, strict=True))
    found = {text, *(text.replace(new, old) for old, new in pairs if new in text)}
    return tuple(sorted(found))


def value_tag(key: bytes, kind: str, value: str) -> str:
    """Return the keyed tag of a value: 32 hexadecimal digits, equal for equal canonical values of one kind."""
    return canonical_tags(key, kind, [canonical(kind, value)]).hex()


def canonical_tags(key: bytes, kind: str, values: Sequence[str]) -> bytes:
    """Return the keyed tags of values that are canonical already, 16 bytes each, one behind the other."""
    own = kind_key(key, kind)
    if len(values) < _FEW:
        return b"".join(cmac(own, value.encode("utf-8", "surrogatepass")) for value in values)
    return cmac_many(own, *joined(values)).tobytes()


@lru_cache(maxsize=256)
def kind_key(key: bytes, kind: str) -> bytes:
    """Return the key under which values of a kind are tagged: equal values of two kinds do not show as equal."""
    return blake2b(f"tag\x1f{kind}".encode("utf-8", "surrogatepass"), digest_size=32, key=key[:64]).digest()


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _address(text: str) -> str:
    text = re.sub(r"[〇一二三四五六七八九](?=丁目|番|号)", lambda match: match.group().translate(_KANJI_DIGITS), text)
    return _EDGE.sub("", _CHOME.sub("-", _SMALL(text))).replace("--", "-")
