"""Text encodings of Japanese bytes, decoded without losing a byte and with a way back from characters to bytes.

Sources: Microsoft code page 932 (the rows of NEC and IBM are double: 396 characters have more than one form, so
literals come from the decode table inverted); CP51932 for the same rows in EUC; RFC 1468 for ISO-2022-JP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, Literal

__all__ = ["Decoded", "byte_forms", "decode", "decode_bytes", "decode_line", "japanese_weight"]

_ESCAPE: Final = re.compile(rb"\x1b(?:\$[@B]|\$\([@BD]|\([BJI])")
_SURROGATE: Final = re.compile("[\udc80-\udcff]")
_EUC_TOKEN: Final = re.compile(rb"[\xa1-\xfe]{2}|\x8f[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]|[\x00-\xff]")
_NOT_EUC: Final = re.compile(rb"[\x80-\x8d\x90-\xa0]")
_KANA: Final = re.compile("[ぁ-んァ-ヴー、。]")
_COMMON: Final = re.compile("[〒ぁ-んァ-ヶー々一-龠、。（）「」・０-９　]")
_BAD: Final = re.compile("[\udc80-\udcff\ue000-\uf8ff\x80-\x9f]")
"""Characters that bytes give which are read wrongly: lone surrogates, private ones, C1 controls."""
_UTF8_RUN: Final = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){4}")
"""Four kana or kanji of UTF-8 in a row: as CP932 or EUC-JP such bytes would be a row of rare kanji."""
_TRANSFER: Final = re.compile(rb"[1249]\d{7}[ A-Z\xa6-\xdf.()/-]{30}\d{10}")
"""Account and holder of a Zengin data record, which is in single-byte kana (全国銀行協会 レコード・フォーマット)."""
_MAX_FORMS: Final = 16


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with its encoding; ``places`` are explicit byte offsets where characters do not tell their own width."""

    text: str
    encoding: str
    places: tuple[int, ...] = ()

    def byte_offset(self, index: int) -> int:
        """Return the offset, in the decoded bytes, of the character at ``index`` (or of the end)."""
        if self.encoding == "ascii":
            return index
        if self.places:
            return self.places[index]
        errors = "surrogatepass" if self.encoding.startswith("utf-16") else "surrogateescape"
        return len(self.text[:index].encode(self.encoding, errors))


def decode(raw: bytes, encoding: str) -> Decoded:
    """Decode bytes as one encoding; a byte that does not belong becomes one lone surrogate, never an error."""
    if encoding.startswith("utf-16"):
        even = raw[: len(raw) & ~1]
        return Decoded(
            even.decode(encoding, "surrogatepass") if _paired(even, encoding) else _units(even, encoding), encoding
        )
    if encoding == "euc-jp":
        return _decode_euc(raw)
    if encoding == "iso-2022-jp":
        return _decode_jis(raw)
    return Decoded(raw.decode(encoding, "surrogateescape"), encoding)


def decode_bytes(raw: bytes, encoding: str) -> str:
    """Return the text of a hit's own bytes; inside ISO-2022-JP the shift state is taken from the bytes themselves."""
    if encoding == "iso-2022-jp" and not raw.startswith(b"\x1b") and not raw.isdigit():
        raw = b"\x1b$B" + raw
    return decode(raw, encoding).text


def decode_line(raw: bytes, likely: re.Pattern[str]) -> Decoded:
    """Decode a line by trial; ``likely`` are words (names of people and places) that settle what bytes leave open."""
    if b"\x1b$" in raw:
        return _decode_jis(raw)
    if raw.isascii():
        return Decoded(raw.decode("ascii"), "ascii")
    try:
        return Decoded(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(raw, likely)


def japanese_weight(text: str) -> int:
    """Return how much a text looks like Japanese rather than like bytes read wrongly."""
    return len(_COMMON.findall(text)) + len(_KANA.findall(text)) - 3 * len(_BAD.findall(text))


@cache
def byte_forms(text: str, encoding: str) -> tuple[bytes, ...]:
    """Return every byte form a text can have in an encoding, in order; none where it cannot be written.

    ISO-2022-JP forms are bare: without the escape sequences around them.
    """
    if encoding == "cp932":
        return _products([_cp932_forms().get(character, ()) for character in text])
    if encoding == "euc-jp":
        return _products([_euc_forms(character) for character in text])
    if encoding == "iso-2022-jp":
        forms = byte_forms(text, "euc-jp")
        return tuple(bytes(byte & 0x7F for byte in form) for form in forms if len(form) == 2 * len(text))
    try:
        return (text.encode(encoding),)
    except UnicodeEncodeError:
        return ()


def _products(choices: list[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    combined = (b"".join(parts) for parts in product(*choices))
    return tuple(form for form, _ in zip(combined, range(_MAX_FORMS), strict=False))


@cache
def _cp932_forms() -> dict[str, tuple[bytes, ...]]:
    forms: dict[str, list[bytes]] = {}
    for raw in _cp932_codes():
        try:
            forms.setdefault(raw.decode("cp932"), []).append(raw)
        except UnicodeDecodeError:
            continue
    return {character: tuple(found) for character, found in forms.items()}


def _cp932_codes() -> Iterator[bytes]:
    yield from (bytes([code]) for code in range(256))
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)):
        yield from (bytes([lead, trail]) for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD)))


def _euc_forms(character: str) -> tuple[bytes, ...]:
    try:
        return (character.encode("euc_jp"),)
    except UnicodeEncodeError:
        forms = (_euc_of_cp932(form) for form in _cp932_forms().get(character, ()))
        return tuple(form for form in forms if form)


def _euc_of_cp932(form: bytes) -> bytes:
    if len(form) != 2 or form[0] > 0xEF:
        return b""
    row = (form[0] - (0x81 if form[0] < 0xA0 else 0xC1)) * 2
    cell = form[1] - (0x40 if form[1] < 0x7F else 0x41)
    return bytes([row + (cell >= 94) + 0xA1, cell % 94 + 0xA1])


def _decode_euc(raw: bytes) -> Decoded:
    text = raw.decode("euc_jp", "surrogateescape")
    if not _SURROGATE.search(text):
        return Decoded(text, "euc-jp")
    places: list[int] = []
    parts: list[str] = []
    for match in _EUC_TOKEN.finditer(raw):
        part = _euc_character(match.group())
        parts.append(part)
        places.extend(range(match.start(), match.start() + len(part)))
    return Decoded("".join(parts), "euc-jp", (*places, len(raw)))


@cache
def _euc_character(code: bytes) -> str:
    try:
        return code.decode("euc_jp")
    except UnicodeDecodeError:
        return _nec_character(code) if len(code) == 2 else code.decode("ascii", "surrogateescape")


def _nec_character(code: bytes) -> str:
    row, odd = divmod(code[0] - 0xA1, 2)
    cell = code[1] - 0xA1 + 94 * odd
    lead, trail = row + (0x81 if row < 31 else 0xC1), cell + (0x40 if cell < 63 else 0x41)
    try:
        return bytes([lead, trail]).decode("cp932")
    except UnicodeDecodeError:
        return code.decode("ascii", "surrogateescape")


def _places(text: str) -> tuple[int, ...]:
    places, offset = [0], 0
    for character in text:
        offset += _euc_width(character)
        places.append(offset)
    return tuple(places)


@cache
def _euc_width(character: str) -> int:
    if "\udc80" <= character <= "\udcff":
        return 1
    try:
        return len(character.encode("euc_jp"))
    except UnicodeEncodeError:
        return 2


def _decode_jis(raw: bytes) -> Decoded:
    parts: list[str] = []
    places: list[int] = []
    start, mode = 0, b"\x1b(B"
    for match in _ESCAPE.finditer(raw):
        _jis_segment(raw, start, match.start(), mode, parts, places)
        start, mode = match.end(), match.group()
    _jis_segment(raw, start, len(raw), mode, parts, places)
    return Decoded("".join(parts), "iso-2022-jp", (*places, len(raw)))


def _jis_segment(raw: bytes, start: int, end: int, mode: bytes, parts: list[str], places: list[int]) -> None:
    piece = raw[start:end]
    if mode in {b"\x1b$@", b"\x1b$B", b"\x1b$(@", b"\x1b$(B"}:
        even = len(piece) & ~1
        decoded = _decode_euc(bytes(byte | 0x80 for byte in piece[:even]))
        parts.append(decoded.text)
        offsets = decoded.places[:-1] or _places(decoded.text)[:-1]
        places.extend(start + offset for offset in offsets)
        return
    high = bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in piece) if mode == b"\x1b(I" else piece
    parts.append(high.decode("cp932" if mode == b"\x1b(I" else "latin-1", "replace"))
    places.extend(range(start, end))


def _decode_legacy(raw: bytes, likely: re.Pattern[str]) -> Decoded:
    if _UTF8_RUN.search(raw):
        return decode(raw, "utf-8")
    cp932 = decode(raw, "cp932")
    if (_NOT_EUC.search(raw) and not _BAD.search(cp932.text)) or _TRANSFER.search(raw):
        return cp932
    utf8 = decode(raw, "utf-8")
    euc = _decode_euc(raw)
    return max((cp932, euc, utf8), key=lambda one: _plausible(one, likely))


def _plausible(decoded: Decoded, likely: re.Pattern[str]) -> tuple[int, int]:
    return (5 * len(likely.findall(decoded.text)) + japanese_weight(decoded.text), decoded.encoding == "cp932")


def _paired(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _units(raw: bytes, encoding: str) -> str:
    order: Literal["little", "big"] = "little" if encoding.endswith("le") else "big"
    codes = (int.from_bytes(raw[index : index + 2], order) for index in range(0, len(raw), 2))
    return "".join(map(chr, codes))
