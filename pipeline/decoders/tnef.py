"""Messages in Outlook's own form, ``winmail.dat`` (MS-OXTNEF): bodies, attachments, embedded messages.

SOURCE: MS-OXTNEF §2.1.3 (attributes) and §2.1.3.5 (properties); MS-OXPROPS for their identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole
from pipeline.decoders.rtf_packed import unpacked_rtf

__all__ = ["Tnef"]

_BODY: Final = 0x0002800C
_PROPERTIES: Final = frozenset({0x00069003, 0x00069005})
"""attMsgProps and attAttachment."""
_DATA: Final = 0x0006800F
_TITLE: Final = 0x00018010
_SUBJECT: Final = 0x00018004
_PACKED: Final = re.compile(rb".{4}.{4}LZFu", re.DOTALL)
_OBJECT: Final = re.compile(rb"\x78\x9f\x3e\x22")


@dataclass(frozen=True)
class Tnef(Decoder):
    """Takes a message apart, attribute by attribute."""

    name: str = "tnef"
    version: int = 1
    types: tuple[str, ...] = ("tnef",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield bodies, attachments and property streams as Members, in their order."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        count, at = 0, 6
        while at + 9 <= len(data):
            kind, length = (int.from_bytes(data[at + place : at + place + 4], "little") for place in (1, 5))
            value = data[at + 9 : at + 9 + length]
            if data[at] not in (1, 2) or len(value) < length:
                yield Trouble("tnef-damaged", "an attribute is cut off or out of place; what follows is not read")
                return
            for part in _attribute(kind, value, at, limits):
                count += 1
                if count > limits.members:
                    yield Trouble("limit-members", f"more than {limits.members} attributes")
                    return
                yield part
            at += 11 + length


def _attribute(kind: int, value: bytes, at: int, limits: Limits) -> Iterator[Decoded]:
    """Yield what an attribute at an offset holds that is text or a file."""
    if kind in {_BODY, _SUBJECT, _TITLE}:
        yield Member(f"text-{at}", value.rstrip(b"\0"), at + 9)
    elif kind == _DATA:
        yield Member(f"attachment-{at}", value, at + 9)
    elif kind in _PROPERTIES:
        yield Member(f"properties-{at}", value, at + 9)
        yield from _inside(value, at, limits)


def _inside(value: bytes, at: int, limits: Limits) -> Iterator[Decoded]:
    """Yield the rich text that is packed in properties, and the messages embedded in them."""
    for match in _PACKED.finditer(value):
        text = unpacked_rtf(value[match.start() :], limits.member_bytes)
        if text:
            yield Member(f"rtf-{at + match.start()}.rtf", text)
    for match in _OBJECT.finditer(value):
        yield Member(f"message-{at + match.start()}", value[match.start() :])
