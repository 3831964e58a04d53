"""Messages: headers, bodies and attachments (RFC 5322, RFC 2045-2047)."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Text, Trouble, whole

__all__ = ["Mail"]


@dataclass(frozen=True)
class Mail(Decoder):
    """Reads one message."""

    name: str = "mail"
    version: int = 1
    types: tuple[str, ...] = ("mail",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield headers and bodies as Text, attachments as Members."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        yield Text("headers", "\n".join(f"{key}: {_plain(value)}" for key, value in message.items()))
        for number, part in enumerate(message.walk()):
            if number >= limits.members:
                yield Trouble("limit-members", f"more than {limits.members} parts")
                return
            if not part.is_multipart():
                yield _part(part, number)


def _plain(value: object) -> str:
    try:
        return str(make_header(decode_header(str(value))))
    except (ValueError, LookupError):
        return str(value)


def _part(part: Message, number: int) -> Decoded:
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return Trouble("mail-part", f"part {number} cannot be decoded")
    name = part.get_filename()
    if name or part.get_content_maintype() != "text":
        return Member(_plain(name) if name else f"part-{number}", body)
    try:
        return Text(f"part {number}", body.decode(part.get_content_charset() or "utf-8"))
    except (UnicodeDecodeError, LookupError):
        return Member(f"part-{number}", body)
