"""Text and streams hidden in other bytes by a change of form: found by trial wherever they begin, in any content.

A place is written ``FORM:START+LENGTH``, a range of the bytes it was found in; in decoded text, of its UTF-8 form, with
the text's locator and a slash before. ``reveal_hidden`` opens that range again.

Not tried: encryption, and changes of single bytes (XOR, rotation, reversed order).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pipeline.decoders.base import Limits, Member, Text, Trouble
from pipeline.decoders.hidden_codes import base64_bytes, base64_runs, hex_bytes, hex_runs
from pipeline.decoders.hidden_escapes import escaped_runs, unescaped
from pipeline.decoders.hidden_streams import deflate_bytes, deflated, stream_bytes, stream_runs
from pipeline.decoders.hidden_wide import wide_bytes, wide_runs

__all__ = ["CLOSED", "UNPACKED", "hidden_in", "hidden_in_text", "reveal_hidden"]

CLOSED: Final = frozenset({
    "7z", "bzip2", "cab", "docx", "gzip", "hibernation", "lz4", "lzh", "lzip", "lzma", "mail", "mbox", "odt",
    "ole2", "pptx",
    "rar", "tar", "xlsx", "xz", "zip", "zisofs", "zstd",
})  # fmt: skip
"""Types whose own decoder gives all they hold as parts, each of which is looked through by itself."""
UNPACKED: Final = frozenset({"pdf", "png"})
"""Types whose own decoder unpacks their streams; objects and chunks that are none are looked through for other forms:
strings of hexadecimal digits (ISO 32000-1 §7.3.4.3), ``tEXt`` with Base64."""
_PLACE: Final = re.compile(r"([a-z0-9-]+):([0-9]{1,18})\+([0-9]{1,18})")
_OPENED: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "base64": base64_bytes, "hexadecimal": hex_bytes, "escaped": unescaped, "compressed": stream_bytes,
    "deflate": deflate_bytes, "utf-32-le": wide_bytes("utf-32-le"), "utf-32-be": wide_bytes("utf-32-be"),
}  # fmt: skip


_LIKELY: Final = re.compile(
    r"[A-Za-z0-9+/_-]{32}|(?:[0-9A-Fa-f]{2}[ :,\-\t\r\n]{1,2}){15}|%[0-9A-Fa-fu]|=[89A-F?][0-9A-F]?|\\[ux23]|&#"
    r"|\+[A-Za-z0-9+/]{3}|:: [A-Za-z0-9+/]{4}"
)


def hidden_in(
    data: bytes, limits: Limits, *, bare: bool = False, streams: bool = True
) -> Iterator[Member | Trouble]:  # fmt: skip
    """Yield what is hidden in bytes, form by form, each in the order of its places.

    Args:
        data: a whole content.
        limits: of what compressed streams may unpack to.
        bare: try all of it as one deflate stream too, which has no header and no checksum.
        streams: look for compressed streams at all.
    """
    if bare:
        yield from deflated(data, limits)
    if streams:
        yield from stream_runs(data, limits)
    for form, runs in (("base64", base64_runs), ("hexadecimal", hex_runs), ("escaped", escaped_runs)):
        for start, length in runs(data):
            yield from _opened(form, data[start : start + length], start, limits.member_bytes)
    for form, start, length in wide_runs(data):
        yield from _opened(form, data[start : start + length], start, limits.member_bytes)


def _opened(form: str, run: bytes, start: int, cap: int) -> Iterator[Member | Trouble]:
    """Yield what a run holds, and whether it is cut off at the limit."""
    body = _OPENED[form](run, cap)
    if body:
        yield Member(f"{form}:{start}+{len(run)}", body)
    if len(body) >= cap:
        yield Trouble("limit-hidden", f"{form} from byte {start} on exceeds {cap} bytes; the rest is not read")


def hidden_in_text(text: Text, limits: Limits) -> Iterator[Member | Trouble]:
    """Yield what is hidden in decoded text; most texts are passed over after one look."""
    if _LIKELY.search(text.text):
        for item in hidden_in(text.text.encode("utf-8", "surrogatepass"), limits):
            yield Member(f"{text.locator}/{item.path}", item.data) if isinstance(item, Member) else item


def reveal_hidden(read: Callable[[int, int], bytes], path: str, cap: int) -> bytes | None:
    """Return what is hidden at a place, as ``hidden_in`` named it; None where it names none.

    Args:
        read: gives a range (start, length) of the content.
        path: the place.
        cap: most bytes that are returned.
    """
    match = _PLACE.fullmatch(path)
    if match is None or match.group(1) not in _OPENED:
        return None
    return _OPENED[match.group(1)](read(int(match.group(2)), int(match.group(3))), cap)
