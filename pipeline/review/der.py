"""Just enough of DER to put the certificates of a time-stamp token in order.

SOURCE: ITU-T X.690 8.1 (tags and lengths) and 11.6 (a SET OF is sorted); RFC 3161 2.4.2 and RFC 5652 5.1 (where the
certificates stand); RFC 5652 5.4: no signature covers them, and many authorities leave them in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["with_sorted_certificates"]

_PATH: Final = (1, 1, 0)
"""From the response: its token (ContentInfo), the content's wrapper, the SignedData in it."""
_CERTIFICATES: Final = 0xA0
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class _Part:
    tag: int
    start: int
    body: int
    end: int


def with_sorted_certificates(token: bytes) -> bytes:
    """Return a time-stamp response whose certificates stand in the order of DER; what is none, as it is."""
    try:
        part = _part(token, 0, len(token))
        for position in _PATH:
            part = _children(token, part)[position]
        held = next(child for child in _children(token, part) if child.tag == _CERTIFICATES)
        ordered = sorted(token[child.start : child.end] for child in _children(token, held))
    except (IndexError, ValueError, StopIteration):
        return token
    return token[: held.body] + b"".join(ordered) + token[held.end :]


def _children(data: bytes, parent: _Part) -> list[_Part]:
    found: list[_Part] = []
    at = parent.body
    while at < parent.end and len(found) < _MOST:
        found.append(_part(data, at, parent.end))
        at = found[-1].end
    if at != parent.end:
        raise ValueError("too many parts")
    return found


def _part(data: bytes, at: int, end: int) -> _Part:
    """Read one tag and length; of several bytes, at most four."""
    length, body = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("no definite length")
        length, body = int.from_bytes(data[body : body + count], "big"), body + count
    if body + length > end:
        raise ValueError("longer than what holds it")
    return _Part(tag=data[at], start=at, body=body, end=body + length)
