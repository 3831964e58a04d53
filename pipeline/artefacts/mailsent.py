"""A message that was sent, as an event: when, to how many, with what attached.

The subject and the addresses pass through the masks of the stage. Receivers outside are those whose domain is not the
sender's. SOURCE: RFC 5322 §3.6 (headers), RFC 2183 (attachments); Thunderbird's ``X-Mozilla-Status`` (bit 3: removed,
and still there until the folder is compacted).
"""

from __future__ import annotations

import email.policy
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import (
    CloseBoundaryNotFoundDefect,
    MessageError,
    MissingHeaderBodySeparatorDefect,
    StartBoundaryNotFoundDefect,
)
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.times import parse_iso

__all__ = ["MAIL_FAULTS", "Letter", "event_of", "letter_of"]

MAIL_FAULTS: Final = (MessageError, ValueError, LookupError, TypeError, RecursionError, AssertionError, AttributeError)
_MOST_PARTS: Final = 1000
_MOST_NAMED: Final = 20
_ALIASES: Final = {"shift_jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932"}
_CUT: Final = (CloseBoundaryNotFoundDefect, MissingHeaderBodySeparatorDefect, StartBoundaryNotFoundDefect)
_BREAK: Final = re.compile(rb"\r?\n\r?\n")
_REMOVED: Final = 0x0008


@dataclass(slots=True)
class Letter:
    """What is told of a message, whatever store it lies in."""

    time: datetime | None
    subject: str = ""
    sender: str = ""
    receivers: Sequence[str] = ()
    identity: str = ""
    size: int = 0
    attached: list[tuple[str, int, str]] = field(default_factory=list)
    """Name, size and SHA-1 of each attachment; no digest where it was not read."""
    state: str = ""
    whole: bool = True
    """Whether its parts end as they say."""


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip(" >").lower()


def outside(sender: str, receivers: Sequence[str]) -> int:
    """Count the receivers whose domain is neither the sender's nor below it; without a sender's domain, all."""
    own = _domain(sender) if "@" in sender else ""
    return sum(not own or (_domain(one) != own and not _domain(one).endswith(f".{own}")) for one in receivers)


def event_of(letter: Letter, place: str, owner: str, program: str) -> Event:
    """Return the event of a message that was sent."""
    detail: dict[str, str | int] = {
        "recipients": len(letter.receivers), "outside": outside(letter.sender, letter.receivers), "program": program,
        "to": ", ".join(letter.receivers[:_MOST_NAMED]), "attachments": len(letter.attached), "account": owner,
    }  # fmt: skip
    if letter.attached:
        detail["names"] = ", ".join(name for name, _, _ in letter.attached[:_MOST_NAMED])
        detail["attached_bytes"] = sum(size for _, size, _ in letter.attached)
        digests = [digest for _, _, digest in letter.attached if digest]
        detail |= {"attached_sha1": ", ".join(digests[:_MOST_NAMED])} if digests else {}
        if len(letter.attached) == 1:
            _, size, digest = letter.attached[0]
            detail |= {"bytes": size} | ({"sha1": digest} if digest else {})
    detail |= {key: value for key, value in (("message_id", letter.identity), ("state", letter.state)) if value}
    detail |= {"message_bytes": letter.size} if letter.size else {}
    return Event(
        time=letter.time, time_meaning="sent, by the sender's clock", action=Action.MAIL_SENT, subject=letter.subject,
        actor=letter.sender, place=place, detail=detail,
    )  # fmt: skip


def letter_of(data: bytes) -> Letter:
    """Return what a message says; raises one of ``MAIL_FAULTS`` where it is none."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    if not (message.get("from") or message.get("date")) or message.get("message-id") == message.get("from"):
        error = "no message: it has neither sender nor date"
        raise ValueError(error)
    status = str(message.get("x-mozilla-status", "0")).strip()
    removed = bool(int(status, 16) & _REMOVED) if status.isalnum() and len(status) <= 8 else False
    receivers = [address for _, address in getaddresses([_text(one) for one in _receivers(message)]) if address][:5000]
    senders = getaddresses([_text(message.get("from", ""))])
    return Letter(
        time=_date(message), subject=_text(message.get("subject", "")), sender=senders[0][1] if senders else "",
        receivers=receivers, identity=_text(message.get("message-id", "")).strip("<> \r\n")[:512], size=len(data),
        attached=_attached(message), state="removed, not compacted" if removed else "",
        whole=_BREAK.search(data) is not None and not any(isinstance(one, _CUT) for one in message.defects),
    )  # fmt: skip


def _receivers(message: Message) -> list[object]:
    return [value for name in ("to", "cc", "bcc") for value in message.get_all(name, [])]


def _date(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(message.get("date", "")))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parse_iso(found.isoformat()) if found.tzinfo is not None else parse_iso(f"{found.isoformat()}+00:00")


def _attached(message: Message) -> list[tuple[str, int, str]]:
    found: list[tuple[str, int, str]] = []
    waiting, seen = [message], 0
    while waiting and seen < _MOST_PARTS:
        part, seen = waiting.pop(), seen + 1
        if part.is_multipart():
            inner = part.get_payload()
            waiting.extend(one for one in reversed(list(inner)) if isinstance(one, Message))
            continue
        name = part.get_filename() or ""
        if not name and part.get_content_disposition() != "attachment":
            continue
        body = part.get_payload(decode=True)
        data = body if isinstance(body, bytes) else b""
        found.append((_text(name) or "attachment", len(data), hashlib.sha1(data, usedforsecurity=False).hexdigest()))
    return found


def _text(value: object) -> str:
    """Return a header's text: encoded words by their charset, raw bytes as UTF-8 or CP932."""
    text = str(value)
    raw = text.encode("utf-8", "surrogateescape")
    try:
        chunks = decode_header(text) if text.isascii() else [(raw, "utf-8")]
    except (MessageError, ValueError):
        return text
    return "".join(_chunk(chunk, charset) for chunk, charset in chunks)


def _chunk(chunk: bytes | str, charset: str | None) -> str:
    if isinstance(chunk, str):
        return chunk
    for name in (charset or "ascii", "utf-8", "cp932"):
        try:
            return chunk.decode(_ALIASES.get(name.lower(), name))
        except (ValueError, LookupError):
            continue
    return chunk.decode("utf-8", "backslashreplace")
