"""Addresses: the place of bytes, as text.

An address is an exhibit's label followed by steps, each ``kind:value``, joined by ``!``::

    EX-01!part:p2!fs:/Documents/list.csv!bytes:1042+16

It names places, never libraries or container formats. The kinds in use:

========== ===================================================== ==========================
step       value                                                 example
========== ===================================================== ==========================
part       partition of the table, in table order from 1         ``part:p2``
lv         logical volume of a volume group                      ``lv:vg0/root``
raid       array, under the first of its members                 ``raid:host:home``
ldm        volume of a Windows dynamic disk                      ``ldm:Volume1``
snapshot   snapshot of a volume, oldest first from 1             ``snapshot:1``
volume     file-system volume of a container (APFS)              ``volume:1``
fs         path inside a file system                             ``fs:/a/b.txt``
stream     named stream of the entry before it                   ``stream:Zone.Identifier``
entry      metadata number, where a path alone is not unique     ``entry:4711``
member     path inside an archive or document                    ``member:xl/sheet1.xml``
at         place in decoded text (sheet and cell, page, row)     ``at:Sheet1%21B2``
carved     carved object, offset in the exhibit + length         ``carved:1048576+3000``
slack      slack behind the entry before it                      ``slack:512+100``
bytes      offset + length inside what the steps before name     ``bytes:1042+16``
========== ===================================================== ==========================

Values are escaped: ``%``, ``!``, control characters, bidirectional controls and lone surrogates become ``%XX`` of
their UTF-8 (``surrogatepass``) bytes, so an address is always valid, printable Unicode on one line.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["at_bytes", "escape", "exhibit_of", "join", "parent_of", "steps_of", "unescape"]

_UNSAFE: Final = re.compile(
    "[%!\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def escape(value: str) -> str:
    """Return the value of a step as an address holds it."""
    return _UNSAFE.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogatepass")), value
    )


def unescape(value: str) -> str:
    """Return the value of a step as it was before escaping."""
    if "%" not in value:
        return value
    raw = re.sub(
        rb"%([0-9A-F]{2})", lambda match: bytes([int(match.group(1), 16)]), value.encode("utf-8", "surrogatepass")
    )
    return raw.decode("utf-8", "surrogatepass")


def join(base: str, kind: str, value: str) -> str:
    """Append the step ``kind:value`` to an address (or to a bare exhibit label)."""
    return f"{base}!{kind}:{escape(value)}"


def at_bytes(base: str, start: int, length: int) -> str:
    """Address ``length`` bytes from ``start`` of what ``base`` names."""
    return f"{base}!bytes:{start}+{length}"


def exhibit_of(address: str) -> str:
    """Return the exhibit's label."""
    return address.split("!", 1)[0]


def parent_of(address: str) -> str:
    """Return the address without its last step; an exhibit is its own parent."""
    head, separator, _ = address.rpartition("!")
    return head if separator else address


def steps_of(address: str) -> tuple[tuple[str, str], ...]:
    """Return the steps behind the exhibit as (kind, unescaped value) pairs."""
    pairs = (step.partition(":") for step in address.split("!")[1:])
    return tuple((kind, unescape(value)) for kind, _, value in pairs)
