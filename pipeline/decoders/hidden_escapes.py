r"""Text with its characters escaped, a region at a time, so that what stands between them keeps its place in a record.

Forms: percent (RFC 3986 §2.1, and ``%uXXXX`` of ECMA-262 B.2.1), quoted-printable (RFC 2045 §6.7), ``\uXXXX``,
``\xXX`` and octal of ECMA-262 §12.9.4, JSON (RFC 8259 §7) and C, character references (HTML §13.1.4), UTF-7 (RFC 2152),
encoded words (RFC 2047 §2) and the Base64 values of LDIF (RFC 2849).
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator
from typing import Final

from pipeline.decoders.hidden_pairs import Pairs

__all__ = ["escaped_runs", "unescaped"]

_GAP: Final = 512
"""Bytes without an escape that end a region."""
_REACH: Final = 1024
"""Bytes before and behind the escapes of a region that are searched for the ends of their lines."""
_LONGEST: Final = 4 << 20
_UTF_7: Final = rb"\+[A-Za-z0-9+/]{3,100}+(?:-|(?![A-Za-z0-9+/-]))"
_FORMS: Final[tuple[tuple[bytes, int, bytes], ...]] = (
    (rb"%", 4, rb"%[89A-Fa-f][0-9A-Fa-f]|(?:%[0-7][0-9A-Fa-f]){4}"),
    (rb"=", 4, rb"=[89A-F][0-9A-F]"),
    (rb"\u", 2, rb"\\u\{?[0-9A-Fa-f]{4}"),
    (rb"%u", 2, rb"%u[0-9A-Fa-f]{4}"),
    (rb"\x", 4, rb"\\x[0-9A-Fa-f]{2}"),
    (b"\\", 4, rb"\\[23][0-7]{2}"),
    (rb"&#", 2, rb"&#(?:[0-9]{2,7}|[xX][0-9A-Fa-f]{2,6});"),
    (rb"+", 2, _UTF_7),
    (rb"=?", 1, rb"=\?[A-Za-z0-9_.:*-]{1,40}\?[BbQq]\?[!->@-~]{4,1000}\?="),
    (rb":: ", 1, rb":: [A-Za-z0-9+/]{4,}={0,2}(?=\r?\n|$)"),
)
"""(literal that must occur, escapes that make a region, pattern)"""
_ANY: Final = re.compile(b"|".join(pattern for _, _, pattern in _FORMS))
_HEX: Final = b"0123456789ABCDEFabcdef"
_SECOND: Final = {
    b"%": _HEX + b"u", b"=": b"89ABCDEF?", b"\\": b"ux23", b"&": b"#", b":": b":",
    b"+": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
}  # fmt: skip
_BEGINS: Final = Pairs(first + bytes([second]) for first, seconds in _SECOND.items() for second in seconds)
_PERCENT: Final = re.compile(rb"%u([0-9A-Fa-f]{4})|%([0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})\+(?=%[0-9A-Fa-f]{2})")
_QUOTED: Final = re.compile(rb"=(?:([0-9A-F]{2})|[ \t]*\r?\n)")
_BACKSLASH: Final = re.compile(
    rb"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|([nrt\"/\\]))"
)
_REFERENCE: Final = re.compile(rb"&#(?:([0-9]{1,7})|[xX]([0-9A-Fa-f]{1,6}));")
_SHIFTED: Final = re.compile(_FORMS[7][2])
_WORD: Final = re.compile(rb"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[^?]{0,20})?\?([BbQq])\?([!->@-~]{4,1000})\?=")
_LDIF: Final = re.compile(_FORMS[9][2])
_PLAIN: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def escaped_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of regions, to the ends of their lines; one ends where another begins at the latest."""
    reached = 0
    for start, end in _regions(_marks(data)):
        low = max(reached, _line_start(data, start))
        reached = min(_line_end(data, end), low + _LONGEST + _REACH)
        region = data[low:reached]
        if any(_enough(region, wanted, pattern) for literal, wanted, pattern in _FORMS if literal in region):
            yield low, reached - low


def _marks(data: bytes) -> list[tuple[int, int]]:
    """Return (start, end) of escapes one behind the other."""
    marks, reached = [], 0
    for place in _BEGINS.places(data):
        match = _ANY.match(data, place) if place >= reached else None
        if match:
            reached = match.end()
            marks.append((place, reached))
    return marks


def _regions(marks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of escapes that lie near each other."""
    if not marks:
        return
    start, end = marks[0]
    for low, high in marks:
        if low - end > _GAP or high - start > _LONGEST:
            yield start, end
            start = low
        end = max(end, high)
    yield start, end


def _line_start(data: bytes, at: int) -> int:
    low = max(at - _REACH, 0)
    return max(data.rfind(b"\n", low, at) + 1, data.rfind(b"\0", low, at) + 1, low)


def _line_end(data: bytes, at: int) -> int:
    high = min(at + _REACH, len(data))
    ends = [place for mark in (b"\n", b"\0") if (place := data.find(mark, at, high)) >= 0]
    return min(ends, default=high)


def _enough(region: bytes, wanted: int, pattern: bytes) -> bool:
    return any(number + 1 >= wanted for number, _ in enumerate(re.finditer(pattern, region)))


def unescaped(region: bytes, cap: int) -> bytes:
    """Return a region with each form resolved that it holds; empty where nothing changes."""
    write = _writer(region)
    steps: tuple[Callable[[bytes], bytes], ...] = (
        lambda text: _WORD.sub(lambda match: _word(match, write), text),
        lambda text: _LDIF.sub(_value, text),
        lambda text: _QUOTED.sub(lambda match: _byte(match.group(1)), text),
        lambda text: _REFERENCE.sub(lambda match: _reference(match, write), text),
        lambda text: _PERCENT.sub(lambda match: _percent(match, write), text),
        lambda text: _paired(_BACKSLASH.sub(lambda match: _backslash(match, write), text)),
        lambda text: _SHIFTED.sub(lambda match: _shifted(match, write), text),
    )
    groups = ((8,), (9,), (1,), (6,), (0, 3), (2, 4, 5), (7,))
    result = region
    for step, forms in zip(steps, groups, strict=True):
        if any(_FORMS[form][0] in result and _enough(result, *_FORMS[form][1:]) for form in forms):
            result = step(result)
    return b"" if result == region else result[:cap]


def _writer(region: bytes) -> Callable[[str], bytes]:
    """Return how characters are written: as the bytes around them are encoded."""
    for encoding in ("utf-8", "cp932"):
        try:
            region.decode(encoding)
        except UnicodeDecodeError:
            continue
        return lambda text: _encoded(text, encoding)
    return lambda text: text.encode("utf-8", "surrogatepass")


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _byte(digits: bytes | None) -> bytes:
    return bytes([int(digits, 16)]) if digits else b""


def _character(code: int, write: Callable[[str], bytes], otherwise: bytes) -> bytes:
    return write(chr(code)) if code <= 0x10FFFF else otherwise


def _reference(match: re.Match[bytes], write: Callable[[str], bytes]) -> bytes:
    decimal, hexadecimal = match.groups()
    return _character(int(decimal) if decimal else int(hexadecimal, 16), write, match.group())


def _percent(match: re.Match[bytes], write: Callable[[str], bytes]) -> bytes:
    wide, narrow = match.groups()
    if wide:
        return _character(int(wide, 16), write, match.group())
    return _byte(narrow) if narrow else b" "


def _backslash(match: re.Match[bytes], write: Callable[[str], bytes]) -> bytes:
    braced, wide, narrow, octal, plain = match.groups()
    if braced or wide:
        return _character(int(braced or wide, 16), write, match.group())
    if narrow or octal:
        return bytes([int(narrow, 16) if narrow else int(octal, 8)])
    return _PLAIN.get(plain, plain)


def _paired(text: bytes) -> bytes:
    """Return text with the halves of characters beyond the first plane joined (Unicode Standard §3.9, D91)."""
    if b"\xed" not in text:
        return text
    try:
        whole = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return text
    joined = _SURROGATES.sub(lambda pair: pair.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"), whole)
    return joined.encode("utf-8", "surrogatepass")


def _shifted(match: re.Match[bytes], write: Callable[[str], bytes]) -> bytes:
    """Return characters of UTF-7, where they are Japanese: the form occurs by chance in other code."""
    try:
        text = match.group().decode("utf-7")
    except UnicodeDecodeError:
        return match.group()
    japanese = all("\u3000" <= character <= "\u9fff" or character > "\uf8ff" for character in text)
    return write(text) if japanese else match.group()


def _word(match: re.Match[bytes], write: Callable[[str], bytes]) -> bytes:
    charset, form, body = match.groups()
    try:
        raw = base64.b64decode(body) if form in b"Bb" else quopri.decodestring(body, header=True)
        return write(raw.decode(charset.decode("ascii")))
    except (ValueError, LookupError):
        return match.group()


def _value(match: re.Match[bytes]) -> bytes:
    body = match.group()[3:].rstrip(b"=")
    try:
        return b": " + binascii.a2b_base64(body + b"=" * (-len(body) % 4))
    except binascii.Error:
        return match.group()
