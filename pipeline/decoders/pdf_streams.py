"""Compressed streams of PDF documents (ISO 32000-1 §7.3.8), whether or not an object leads to them still.

What a document dropped stays in the file until it is written anew: earlier revisions, removed attachments. Annotations,
form fields and the document's information lie in object streams (§7.5.7), which no page shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.decoders.base import Decoded, Limits, Member, Trouble
from pipeline.decoders.inflate import inflated
from pipeline.decoders.types import type_of

__all__ = ["streams_of"]

_START: Final = re.compile(rb">>\s{0,8}stream\r?\n")
_DICTIONARY: Final = 2048
"""Bytes before the keyword in which the stream's dictionary is looked for."""
_PLAIN: Final = ("text", "unknown", "xml", "html")
_JOINED: Final = 16 << 20
_FLATE: Final = re.compile(rb"/(?:FlateDecode|Fl)\b")
_OTHER: Final = re.compile(
    rb"/(?:Image\b|XRef\b|Length[123]\b|FontFile|ICCBased|Type1C|CIDFontType0C|OpenType|FunctionType)"
)
"""Pictures, cross-references, fonts, colour profiles: no text. Page contents are kept: the text layer may lack some."""


def streams_of(data: bytes, limits: Limits) -> Iterator[Decoded]:
    """Yield what the streams that deflate hold: a Member per file, and one for runs of those without a signature."""
    joined, first, room, damaged = bytearray(), 0, limits.total_bytes, 0
    for count, (at, body, fault) in enumerate(_inflated(data, limits)):
        room -= len(body)
        damaged += bool(fault)
        if count >= limits.members or room < 0 or len(body) > limits.member_bytes:
            yield Trouble("limit-total-bytes", f"streams from offset {at} are not read")
            break
        if not body:
            continue
        if type_of(body[:4096]) in _PLAIN:
            first = first if joined else at
            joined += body + b"\n"
        else:
            yield Member(f"stream-{at}", body)
        if len(joined) > _JOINED:
            yield Member(f"streams-{first}", bytes(joined))
            joined.clear()
    if joined:
        yield Member(f"streams-{first}", bytes(joined))
    if damaged:
        yield Trouble(
            "pdf-streams", f"{damaged} streams do not unpack to their end: damaged, enciphered, or coded twice"
        )


def _inflated(data: bytes, limits: Limits) -> Iterator[tuple[int, bytes, str]]:
    """Yield where each deflated stream's keyword stands, its bytes (one more than a limit they exceed), the fault."""
    view, end = memoryview(data), 0
    for match in _START.finditer(data):
        before = data[max(match.start() - _DICTIONARY, end) : match.start()].rpartition(b" obj")[2]
        if _FLATE.search(before) and not _OTHER.search(before):
            body, fault = inflated(view[match.end() :], limits.member_bytes)
            end = match.end()
            yield match.start(), body, fault
