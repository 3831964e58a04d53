"""Outlook's stores of mail, contacts and appointments (MS-PST; MS-OXCMSG for the properties), by libpff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.access.outlook import FAULTS, opened_store
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Text, Trouble
from pipeline.decoders.pst_free import free_blocks
from pipeline.errors import ParseError

__all__ = ["Store"]

_TEXT, _WIDE = 0x001E, 0x001F
"""Value types of strings in the store's code page and in UTF-16 (MS-OXCDATA §2.11.1)."""
_PERMUTED: Final = 1
"""NDB_CRYPT_PERMUTE, a fixed substitution of bytes (MS-PST §2.2.2.6, §5.1)."""
_BODIES: Final = frozenset({0x007D, 0x1000, 0x1009, 0x1013, 0x3702, 0x3701})
"""Properties that are given by themselves: headers, bodies, contents of attachments (MS-OXPROPS)."""
_LONGEST: Final = 1 << 20


@dataclass(frozen=True)
class Store(Decoder):
    """Reads every item of every folder, and those that no folder holds."""

    name: str = "store"
    version: int = 1
    types: tuple[str, ...] = ("pst",)
    streams: bool = True

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield headers, properties and plain bodies as Text by message; other bodies and attachments as Members."""
        try:
            with opened_store(content) as store:
                yield from _items(store, limits)
                if store.encryption_type == _PERMUTED:
                    yield from free_blocks(content)
        except ParseError as error:
            yield Trouble("pst-damaged", str(error))


def _items(store: Any, limits: Limits) -> Iterator[Decoded]:
    """Yield what the items hold, folder by folder, without recursion; a folder that is met again is left."""
    room, count = _Room(limits.total_bytes), 0
    for message in _messages(store):
        if isinstance(message, Trouble):
            yield message
            continue
        count += 1
        if count > limits.members:
            yield Trouble("limit-members", f"more than {limits.members} items")
            return
        yield from _message(message, limits, room)


@dataclass(slots=True)
class _Room:
    left: int


def _messages(store: Any) -> Iterator[Any]:
    """Yield the messages of every folder once, then the items without a folder."""
    seen: set[int] = set()
    try:
        waiting = [store.get_root_folder()]
    except FAULTS as error:
        yield Trouble("pst-damaged", f"the folders cannot be read ({type(error).__name__})")
        waiting = []
    while waiting:
        folder = waiting.pop()
        try:
            if folder is None or folder.identifier in seen:
                continue
            seen.add(folder.identifier)
        except FAULTS as error:
            yield Trouble("pst-folder", f"a folder cannot be read ({type(error).__name__})")
            continue
        yield from _each(folder, "sub_message")
        for inner in _each(folder, "sub_folder"):
            if isinstance(inner, Trouble):
                yield inner
            else:
                waiting.append(inner)
    yield from _each(store, "orphan_item")


def _each(holder: Any, name: str) -> Iterator[Any]:
    """Yield the parts of one kind, a Trouble for each that cannot be had."""
    code = f"pst-{name.replace('_', '-')}"
    try:
        total, get = getattr(holder, f"number_of_{name}s", 0), getattr(holder, f"get_{name}", None)
    except FAULTS as error:
        yield Trouble(code, f"a list cannot be read ({type(error).__name__})")
        return
    for number in range(total):
        try:
            yield get(number) if get is not None else None
        except FAULTS as error:
            yield Trouble(code, f"an item cannot be read ({type(error).__name__})")


def _message(message: Any, limits: Limits, room: _Room) -> Iterator[Decoded]:
    try:
        place = f"message {message.identifier}"
    except FAULTS as error:
        yield Trouble("pst-message", f"a message cannot be read ({type(error).__name__})")
        return
    words, faults = _properties(message)
    if words:
        yield Text(f"{place} properties", "\t".join(words))
    for part, name in (("transport_headers", "headers"), ("plain_text_body", "body")):
        text, fault = _got(message, part)
        faults += fault
        if text:
            yield Text(f"{place} {name}", text if isinstance(text, str) else _decoded(text))
    for part, name in (("html_body", "body.html"), ("rtf_body", "body.rtf")):
        data, fault = _got(message, part)
        faults += fault
        if data:
            yield Member(f"{place}/{name}", bytes(data))
    for attachment in _each(message, "attachment"):
        yield attachment if isinstance(attachment, Trouble) else _attached(attachment, place, limits, room)
    if faults:
        yield Trouble("pst-message", f"{place}: {faults} of its parts cannot be read")


def _got(message: Any, part: str) -> tuple[Any, int]:
    try:
        return getattr(message, part, None), 0
    except FAULTS:
        return None, 1


def _attached(attachment: Any, place: str, limits: Limits, room: _Room) -> Decoded:
    try:
        size = attachment.get_size()
        name = attachment.long_filename or "attachment"
        if size > min(limits.member_bytes, room.left):
            return Trouble("limit-member-bytes", f"{place}: an attachment of {size} bytes is not read")
        data = attachment.read_buffer(size) if size else b""
    except FAULTS as error:
        return Trouble("pst-attachment", f"{place}: an attachment cannot be read ({type(error).__name__})")
    room.left -= len(data)
    return Member(f"{place}/{name}", data)


def _properties(item: Any) -> tuple[list[str], int]:
    """Return the strings among an item's properties and its recipients', and how many could not be read."""
    words: list[str] = []
    faults = 0
    holders = [item, _got(item, "recipients")[0]]
    for holder in holders:
        try:
            sets = list(holder.record_sets) if holder is not None else []
        except FAULTS:
            faults += 1
            continue
        for entries in sets:
            found, lost = _strings(entries)
            words += found
            faults += lost
    return words, faults


def _strings(record_set: Any) -> tuple[list[str], int]:
    words: list[str] = []
    faults = 0
    for number in range(record_set.number_of_entries):
        try:
            entry = record_set.get_entry(number)
            if entry.value_type not in {_TEXT, _WIDE} or entry.entry_type in _BODIES:
                continue
            raw = (entry.data or b"")[:_LONGEST]
        except FAULTS:
            faults += 1
            continue
        text = raw.decode("utf-16-le", "replace") if entry.value_type == _WIDE else _decoded(raw)
        if text.strip("\0 "):
            words.append(" ".join(text.replace("\0", " ").split()))
    return words, faults


def _decoded(raw: bytes) -> str:
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")
