"""Runs of Japanese text in raw space, in each of the encodings that Japanese text is kept in.

A run has no header: it begins where bytes become possible in text and ends where they stop being. What proves it is
that it decodes strictly and that what comes out is Japanese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver
from pipeline.carvers.runs import narrow_runs, wide_runs

__all__ = ["SHORTEST", "TextRun"]

SHORTEST: Final = 128
"""Bytes of a run; shorter ones are found by the scan of raw bytes, and are no objects."""
LONGEST: Final = 16 << 20
_LEAST_JAPANESE: Final = 16
_LEAST_DISTINCT: Final = 12
_LEAST_SHARE: Final = 0.05
_CONTROLS: Final = frozenset(range(32)) - {9, 10, 12, 13, 27} | {127, 255}
"""Bytes that no text has: of the controls it has tab, line ends, form feed and escape."""
_BREAK: Final = re.compile(b"[" + re.escape(bytes(sorted(_CONTROLS))) + b"]")
_OTHERS: Final = re.compile(
    rb"\n(?=(?:Return-Path|Received|Delivered-To|Message-ID|MIME-Version|From): |From |\{\\rtf)"
)
"""Where an object that has a carver of its own begins inside a text."""
_ESCAPE: Final = re.compile(rb"\x1b\$[@B]")
_JAPANESE: Final = re.compile("[\u3005\u3007\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff]")
_WORD: Final = re.compile("[\u3005\u3007\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff]+")
_COMMON: Final = re.compile("[\u3001\u3002\u3005\u300c\u300d\u3041-\u3096\u30a1-\u30fc\uff01-\uff5e\u3000]")
_ASCII: Final = re.compile("[\x00-\x7f]")
_CLASSES: Final = bytes(0 if byte in _CONTROLS else 3 if byte >= 128 or byte == 27 else 1 for byte in range(256))
"""Bit 0: possible in text; bit 1: more than seven bits, or an escape."""
_UNITS: Final = (
    (0x09, 0x0B), (0x0D, 0x0E), (0x20, 0x7F), (0xA5, 0xA6), (0x2010, 0x2040), (0x2190, 0x2200), (0x2460, 0x2474),
    (0x2500, 0x2670), (0x3000, 0x3100), (0x3220, 0x3400), (0x4E00, 0xA000), (0xFF01, 0xFFE6),
)  # fmt: skip
"""UTF-16 units of Japanese text: from, to (excluded)."""
_HIGH_CLASSES: Final = bytes(
    3 if byte in (0x30, 0xFF) or 0x4E <= byte < 0xA0 else int(byte == 0 or 0x20 <= byte < 0x34) for byte in range(256)
)
"""High bytes of those units. Bit 0: possible in text; bit 1: kana, kanji or full-width forms."""
_WIDE: Final = (("utf-16-le", "<u2"), ("utf-16-be", ">u2"))


@dataclass(frozen=True)
class TextRun(Carver):
    """Takes what decodes in one of UTF-8, cp932, EUC-JP, ISO-2022-JP and UTF-16, at even offsets, and is Japanese."""

    name: str = "text"
    version: int = 1
    everywhere: bool = True

    def locate(self, data: bytes, start: int) -> Iterable[int]:
        """Return where runs begin that are long enough in ``data``, or that go on behind it."""
        raw, parity = np.frombuffer(data, np.uint8), start & 1
        yield from narrow_runs(raw, _CLASSES, SHORTEST)
        wide = np.frombuffer(data, "<u2", (len(data) - parity) // 2, parity) if len(data) > 1 else np.zeros(0, "<u2")
        for bad, high in ((self._bad_little, 1), (self._bad_big, 0)):
            yield from (parity + 2 * at for at in wide_runs(wide, high, _HIGH_CLASSES, bad, SHORTEST // 2))

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the run in the encoding in which most of it is Japanese."""
        found: list[tuple[float, int, int, str]] = []
        data = _bytes_run(view, start, min(limit, LONGEST))
        if len(data) >= SHORTEST:
            found += _readings(data)
        if not found and not start % 2:
            found += _wide_readings(view, start, min(limit, LONGEST), (self._bad_little, self._bad_big))
        if not found:
            return None
        _, skip, length, encoding = max(found, key=lambda item: (item[0], item[2]))
        return Carved(start + skip, length, "text", encoding=encoding)

    @cached_property
    def _bad_little(self) -> npt.NDArray[np.bool_]:
        table = np.ones(65536, np.bool_)
        for low, high in _UNITS:
            table[low:high] = False
        return table

    @cached_property
    def _bad_big(self) -> npt.NDArray[np.bool_]:
        return self._bad_little[np.arange(65536, dtype=np.uint16).byteswap()]


def _bytes_run(view: Readable, start: int, limit: int) -> bytes:
    """Return the bytes from ``start`` up to the first that no text has, or an object of another kind."""
    parts, at, step = [b""], 0, 1 << 14
    while at < limit:
        part = view.read(start + at, min(step, limit - at))
        stop = _BREAK.search(part)
        parts.append(part[: stop.start()] if stop else part)
        at += len(part)
        if stop or not part:
            break
        step = min(step * 4, 1 << 20)
    data = b"".join(parts)
    other = _OTHERS.search(data, 1)
    return data[: other.start() + 1] if other else data


def _readings(data: bytes) -> Iterator[tuple[float, int, int, str]]:
    """Yield (worth, bytes skipped, length, encoding) of the readings of a run that are Japanese."""
    encodings = ("iso2022_jp_3",) if _ESCAPE.search(data) else ("utf-8", "cp932", "euc_jp")
    for encoding in encodings:
        for skip in range({"utf-8": 4, "iso2022_jp_3": 1}.get(encoding, 2)):
            text, length = _decoded(data[skip:], encoding)
            rich = length >= SHORTEST and (encoding == "iso2022_jp_3" or _may_be(data[skip : skip + length], len(text)))
            worth = _worth(text, strict=encoding in ("cp932", "euc_jp")) if rich else 0.0
            if worth:
                name = "iso2022_jp" if encoding == "iso2022_jp_3" else encoding
                yield worth + (encoding == "utf-8"), skip, length, name
                break


def _may_be(data: bytes, characters: int) -> bool:
    """Tell whether enough bytes are not ASCII for so much Japanese: each of its characters has at least one."""
    return int(np.count_nonzero(np.frombuffer(data, np.int8) < 0)) >= max(_LEAST_JAPANESE, _LEAST_SHARE * characters)


def _decoded(data: bytes, encoding: str) -> tuple[str, int]:
    """Return the text up to the first byte that does not decode, and the bytes that it takes."""
    try:
        return data.decode(encoding), len(data)
    except UnicodeDecodeError as error:
        return data[: error.start].decode(encoding, "ignore"), error.start


def _worth(text: str, *, strict: bool) -> float:
    """Return the share of common Japanese characters in what is not ASCII, 0 where it is no Japanese text.

    Bytes of anything also decode as cp932 or EUC-JP, but to rare kanji, single ones between others, or the same again:
    most must be kana or JIS level 1, they stand together, and there are several of them.
    """
    found = _JAPANESE.findall(text)
    japanese, words = len(found), len(_WORD.findall(text))
    if japanese < _LEAST_JAPANESE or japanese < _LEAST_SHARE * len(text) or 3 * words > 2 * japanese:
        return 0.0
    if len(set(found)) < _LEAST_DISTINCT:
        return 0.0
    foreign = len(text) - len(_ASCII.findall(text))
    common = len(_COMMON.findall(text)) + _level_1(text)
    if strict and common < 0.8 * foreign:
        return 0.0
    return common / foreign


def _level_1(text: str) -> int:
    """Return how many characters are kanji of JIS X 0208 level 1 (rows 16 to 47)."""
    raw = np.frombuffer("".join(re.findall("[\u4e00-\u9fff]+", text)).encode("euc_jp", "ignore"), np.uint8)
    return int(np.count_nonzero((raw[::2] >= 0xB0) & (raw[::2] <= 0xCF))) if len(raw) % 2 == 0 else 0


def _wide_readings(
    view: Readable, start: int, limit: int, tables: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
) -> Iterator[tuple[float, int, int, str]]:
    """Yield the readings of a run as UTF-16 of each byte order."""
    data = view.read(start, min(limit, SHORTEST)) if limit >= SHORTEST else b""
    for table, (encoding, _) in zip(tables, _WIDE, strict=True):
        if len(data) < SHORTEST or table[np.frombuffer(data, "<u2")].any():
            continue
        length, step = 0, 1 << 14
        while length < limit:
            part = view.read(start + length, min(step, limit - length) & ~1)
            bad = np.flatnonzero(table[np.frombuffer(part[: len(part) & ~1], "<u2")])
            length += 2 * int(bad[0]) if len(bad) else len(part) & ~1
            if len(bad) or not part:
                break
            step = min(step * 4, 1 << 20)
        worth = _worth(view.read(start, length).decode(encoding, "replace"), strict=True)
        if worth:
            yield worth, 0, length, encoding
