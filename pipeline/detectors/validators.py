"""Named validators: each can refuse a value, none can find one.

Sources: 総務省令第85号(平成26年)第5条 (個人番号), ISO/IEC 7812-1 annex B (Luhn) and its issuer ranges, 電気通信番号計画
(telephone numbers), RFC 1035 with IANA's reserved names (host names).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.characters import Characters
from pipeline.detectors.texts import Texts
from pipeline.rules_values import iso_date

__all__ = ["VALIDATORS", "valid_many"]

_MY_NUMBER_WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_NOT_DIGIT: Final = re.compile(r"\D")
_DROPPED: Final = Characters(dict.fromkeys(code for code in range(1, 128) if not chr(code).isdecimal()))
_ONE_DIGIT: Final = r"\A(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)\z"
_ONE_BEHIND: Final = r"\A[0-9]{2}(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)\z"
_DIGIT_PHONE: Final = re.compile(r"0[1-9]\d{8}|0[5-9]0[1-9]\d{7}")
_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|2(?:2[2-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}"
)
_FILE_ENDINGS: Final = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "css",
        "js",
        "ts",
        "py",
        "pyc",
        "rb",
        "so",
        "dll",
        "exe",
        "html",
        "htm",
        "xml",
        "json",
        "txt",
        "md",
        "yml",
        "yaml",
        "toml",
        "ini",
        "log",
        "zip",
        "gz",
    ]
)
_CODES: Final = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bw "
    "by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu "
    "fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in "
    "io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me "
    "mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf "
    "pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv "
    "sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye "
    "yt za zm zw "
)
_COUNTRIES: Final = frozenset(_CODES.split())
"""Country codes of the root zone (IANA root zone database)."""
_TELLING: Final = 12
_SHORTEST: Final = 8
"""Characters of an address that say enough by themselves, and that even a short one has."""
_TLD_LONGER: Final = frozenset(
    [
        "com",
        "net",
        "org",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "name",
        "pro",
        "museum",
        "coop",
        "aero",
        "jobs",
        "mobi",
        "travel",
        "post",
        "asia",
        "app",
        "dev",
        "xyz",
        "online",
        "site",
        "shop",
        "tokyo",
        "osaka",
        "nagoya",
        "kyoto",
        "okinawa",
        "yokohama",
        "company",
        "email",
        "cloud",
        "tech",
    ]
)


def _all_same(value: str) -> bool:
    digits = _NOT_DIGIT.sub("", value)
    return len(set(digits)) > 1 or not digits


def _my_number(value: str) -> bool:
    digits = [int(character) for character in _NOT_DIGIT.sub("", value)]
    if len(digits) != 12:
        return False
    remainder = sum(weight * digit for weight, digit in zip(_MY_NUMBER_WEIGHTS, digits, strict=False)) % 11
    return digits[11] == (0 if remainder <= 1 else 11 - remainder)


def _card(value: str) -> bool:
    digits = _NOT_DIGIT.sub("", value)
    if not _ISSUERS.fullmatch(digits):
        return False
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _phone(value: str) -> bool:
    digits = _NOT_DIGIT.sub("", value)
    if value.startswith("+81"):
        digits = "0" + digits[2:]
    return bool(_DIGIT_PHONE.fullmatch(digits)) and len(set(digits[2:])) > 1


def _email(value: str) -> bool:
    local, _, host = value.rpartition("@")
    labels = host.split(".")
    ending = labels[-1].lower()
    known = len(labels) > 1 and (ending in _TLD_LONGER or ending in _COUNTRIES)
    plain = ".." not in value and not local.startswith(".") and ending not in _FILE_ENDINGS
    return known and plain and (len(value) >= _TELLING or _is_short_address(value, host, labels[-2]))


def _is_short_address(value: str, host: str, domain: str) -> bool:
    """Tell a short address from what random bytes hold by chance (32 in a GB by the form alone)."""
    return len(value) >= _SHORTEST and len(domain) > 1 and host in {host.lower(), host.upper()}


def _date(value: str) -> bool:
    found = iso_date(value)
    return found is not None


VALIDATORS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "all-same": _all_same,
        "card": _card,
        "date": _date,
        "email": _email,
        "mod11-mynumber": _my_number,
        "phone": _phone,
    }
)


def valid_many(names: Sequence[str], texts: Texts) -> NDArray[np.bool_]:
    """Return, for each of many values, whether every named validator accepts it."""
    found = np.ones(texts.count, dtype=bool)
    for name in names:
        many = _MANY.get(name) if texts.count and (texts.joined.isascii() or name == "email") else None
        one = VALIDATORS[name]
        found &= many(texts) if many else np.fromiter(map(one, texts.list()), np.bool_, texts.count)
    return found


def _digits(texts: Texts) -> Texts:
    return Texts(_DROPPED(texts.joined), texts.count)


def _all_same_many(texts: Texts) -> NDArray[np.bool_]:
    return ~np.asarray(pc.match_substring_regex(_digits(texts).array(), _ONE_DIGIT))


def _phone_many(texts: Texts) -> NDArray[np.bool_]:
    if "+" in texts.joined:
        return np.fromiter(map(_phone, texts.list()), np.bool_, texts.count)
    digits = _digits(texts).array()
    known = pc.match_substring_regex(digits, rf"\A(?:{_DIGIT_PHONE.pattern})\z")
    return np.asarray(pc.and_not(known, pc.match_substring_regex(digits, _ONE_BEHIND)))


class _Endings(dict[str, bool]):
    """Whether what stands behind the last dot of a long address without odd dots makes it one."""

    def __missing__(self, ending: str) -> bool:
        found = self[ending] = "@" not in ending and _email(f"long.enough@example.{ending}")
        return found


def _email_many(texts: Texts) -> NDArray[np.bool_]:
    endings, odd = _Endings(), ".." in texts.joined or "\0." in f"\0{texts.joined}"
    found = (
        endings[value[value.rfind(".") + 1 :]] if len(value) >= _TELLING and not odd else _email(value)
        for value in texts.list()
    )
    return np.fromiter(found, np.bool_, texts.count)


def _my_number_many(texts: Texts) -> NDArray[np.bool_]:
    digits, borders = _digits(texts).packed()
    found = np.diff(borders) == len(_MY_NUMBER_WEIGHTS) + 1
    numbers = digits[borders[:-1][found][:, None] + np.arange(len(_MY_NUMBER_WEIGHTS) + 1)].astype(np.int64) - ord("0")
    rest = numbers[:, :-1] @ np.array(_MY_NUMBER_WEIGHTS) % 11
    good: NDArray[np.bool_] = np.diff(borders) == len(_MY_NUMBER_WEIGHTS) + 1
    good[found] = numbers[:, -1] == np.where(rest <= 1, 0, 11 - rest)
    return good


_MANY: Final[Mapping[str, Callable[[Texts], NDArray[np.bool_]]]] = MappingProxyType(
    {"all-same": _all_same_many, "email": _email_many, "mod11-mynumber": _my_number_many, "phone": _phone_many}
)
"""Validators that judge many values in one go; each says what its namesake says of ASCII."""
