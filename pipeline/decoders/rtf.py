r"""Text of RTF documents (Rich Text Format 1.9.1): Japanese stands there as ``\'8a\'43`` or ``\u28023?`` only."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Text, Trouble, whole

__all__ = ["Rtf"]

_TOKEN: Final = re.compile(
    rb"\\'(?P<hex>[0-9A-Fa-f]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,9})? ?"
    rb"|\\(?P<symbol>[^a-zA-Z\r\n])|(?P<brace>[{}])|(?P<plain>[^\\{}\r\n]+)"
)
_BREAKS: Final = {b"par": "\n", b"line": "\n", b"row": "\n", b"page": "\n", b"sect": "\n", b"tab": "\t", b"cell": "\t"}
_SILENT: Final = frozenset({b"fonttbl", b"colortbl", b"stylesheet", b"themedata", b"datastore", b"latentstyles"})
_OPAQUE: Final = frozenset({b"pict", b"objdata"})
DEEPEST: Final = 1000


@dataclass(slots=True)
class _State:
    """The reader: groups that are open (``True``: not text), bytes of the code page and text so far."""

    code_page: str
    groups: list[bool] = field(default_factory=lambda: [False])
    raw: bytearray = field(default_factory=bytearray)
    text: list[str] = field(default_factory=list)
    skip: int = 0
    instead: int = 1
    opaque: int = 0

    def flush(self) -> None:
        """Turn the bytes so far into text."""
        if self.raw:
            self.text.append(self.raw.decode(self.code_page, "replace"))
            self.raw.clear()

    def add(self, data: bytes) -> None:
        r"""Take bytes of text, but for those that stand in for a character given by number (``\\uN``)."""
        taken = min(self.skip, len(data))
        self.skip -= taken
        if not self.groups[-1]:
            self.raw += data[taken:]


@dataclass(frozen=True)
class Rtf(Decoder):
    """Reads the text, cells joined by tabs; pictures and embedded objects are not read."""

    name: str = "rtf"
    version: int = 1
    types: tuple[str, ...] = ("rtf",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text per line or table row, and a Trouble where something in it was not read."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        state = _State(_code_page(data))
        for match in _TOKEN.finditer(data):
            _take(match, state)
            if len(state.groups) > DEEPEST:
                yield Trouble("rtf-damaged", f"groups are nested deeper than {DEEPEST}; the rest is not read")
                break
        state.flush()
        text = "".join(state.text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield Text(f"line {number}", line.rstrip("\t"))
        if state.opaque:
            yield Trouble("rtf-object", f"{state.opaque} pictures or embedded objects are not read")


def _code_page(data: bytes) -> str:
    r"""Return the code page: CP932 where a font has the Shift JIS set (128), else that of ``\\ansicpg``."""
    named = re.search(rb"\\ansicpg([0-9]{1,5})", data)
    name = "cp932" if b"\\fcharset128" in data or not named else f"cp{int(named.group(1))}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp932"


def _take(match: re.Match[bytes], state: _State) -> None:
    kind = match.lastgroup
    if kind == "hex":
        state.add(bytes.fromhex(match["hex"].decode()))
    elif kind == "plain":
        state.add(match["plain"])
    elif kind == "brace":
        _group(match["brace"], state)
    elif kind == "symbol":
        state.add({b"~": b" ", b"_": b"-", b"*": b"", b"-": b""}.get(match["symbol"], match["symbol"]))
    else:
        _control(match["word"], int(match["number"] or 0), state)


def _group(brace: bytes, state: _State) -> None:
    state.skip = 0
    if brace == b"{":
        state.groups.append(state.groups[-1])
    elif len(state.groups) > 1:
        state.groups.pop()


def _control(word: bytes, number: int, state: _State) -> None:
    if word in _SILENT or word in _OPAQUE:
        state.opaque += word in _OPAQUE
        state.groups[-1] = True
    elif word == b"u" and not state.groups[-1]:
        state.flush()
        state.text.append(chr(number & 0xFFFF))
        state.skip = state.instead
    elif word == b"uc":
        state.instead = min(max(number, 0), 8)
    elif word in _BREAKS and not state.groups[-1]:
        state.flush()
        state.text.append(_BREAKS[word])
