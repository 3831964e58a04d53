"""Messages: headers, bodies and attachments (RFC 5322, RFC 2045-2047, RFC 2231), and mbox files of them (RFC 4155)."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Text, Trouble, whole
from pipeline.decoders.markup import rows_of

__all__ = ["Mail", "Mailbox"]

_ALIASES: Final = {
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "windows-31j": "cp932",
    "idna": "none", "punycode": "none",
}  # fmt: skip
"""What Japanese mailers call the Windows code page, which holds characters that JIS X 0208 lacks; and encodings of
domain names, which no body has and whose decoders take quadratic time."""
_COUNT: Final = re.compile(rb"\s{0,100}[0-9]{1,10} *\r?\n(?=[A-Za-z0-9-]+:)")
"""Line before a message of Apple Mail (.emlx): how many bytes it has; behind them are properties, as XML."""
_BOUNDARY: Final = re.compile(rb"^From [^\r\n]{0,1000}\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class Mail(Decoder):
    """Reads one message, the messages inside it too."""

    name: str = "mail"
    version: int = 2
    types: tuple[str, ...] = ("mail",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield headers and bodies as Text, attachments as Members."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        counted = _COUNT.match(data)
        data = data[counted.end() :] if counted else data
        try:
            parts = _walk(email.message_from_bytes(data, policy=email.policy.compat32), limits.members)
        except (RecursionError, MessageError, ValueError, LookupError) as error:
            yield Trouble(
                "mail-damaged", f"message is not taken apart ({type(error).__name__}); scanned as raw bytes only"
            )
            return
        for number, part in enumerate(parts):
            yield from _part(part, number)
        if len(parts) >= limits.members:
            yield Trouble("limit-members", f"more than {limits.members} parts")


def _walk(message: Message, limit: int) -> list[Message]:
    """Return the message and its parts, depth first, without recursion."""
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < limit:
        part = waiting.pop()
        found.append(part)
        inner = part.get_payload() if part.is_multipart() else []
        waiting.extend(item for item in list(inner)[::-1] if isinstance(item, Message))
    return found


def _part(part: Message, number: int) -> Iterator[Decoded]:
    lines = [f"{key}: {_header(value)}" for key, value in part.raw_items()]
    if number == 0 or part.get("from") or part.get("subject"):
        yield Text("headers" if number == 0 else f"headers {number}", "\n".join(lines))
    if part.is_multipart():
        return
    try:
        body = part.get_payload(decode=True)
        name = _header(part.get_filename() or "")
        charset = str(part.get_content_charset() or "utf-8")
    except (ValueError, LookupError, TypeError, MessageError, AssertionError):
        body, name, charset = None, "", ""
    if not isinstance(body, bytes):
        yield Trouble("mail-part", f"part {number} cannot be decoded")
    elif name or part.get_content_maintype() != "text":
        yield Member(name or f"part-{number}", body)
    else:
        yield from _body(body, charset, part.get_content_subtype(), number)


def _body(body: bytes, charset: str, subtype: str, number: int) -> Iterator[Decoded]:
    """Yield a body as text; as a Member for the raw scan, where its charset is wrong or unknown."""
    try:
        text = body.decode(_ALIASES.get(charset.lower(), charset))
    except (ValueError, LookupError):
        yield Member(f"part-{number}.{'html' if subtype == 'html' else 'txt'}", body)
        return
    yield Text(f"part {number}", text)
    if subtype == "html":
        yield from rows_of(text, f"part {number} ")


def _header(value: object) -> str:
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


@dataclass(frozen=True)
class Mailbox(Decoder):
    """Splits a mailbox at its ``From `` lines; a body line that begins so splits too, and loses nothing."""

    name: str = "mailbox"
    version: int = 1
    types: tuple[str, ...] = ("mbox",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield each message as a Member ``NNNN.eml`` at its offset."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        start, number = 0, 0
        marks = (match for match in _BOUNDARY.finditer(data) if _divides(data, match.start()))
        first = next(marks, None)
        while first is not None:
            following = next(marks, None)
            start, end = first.end(), following.start() if following else len(data)
            number, first = number + 1, following
            if number > limits.members:
                yield Trouble("limit-members", f"more than {limits.members} messages")
                return
            if end - start > limits.member_bytes:
                yield Trouble("limit-member-bytes", f"a message of {end - start} bytes exceeds {limits.member_bytes}")
            elif end > start:
                yield Member(f"{number:04}.eml", data[start:end], start)


def _divides(data: bytes, at: int) -> bool:
    """Tell whether a ``From `` line stands at the start or behind an empty line (RFC 4155 appendix A)."""
    return at == 0 or data[max(0, at - 4) : at].endswith((b"\n\n", b"\n\r\n"))
