"""ISO 9660 volume descriptors of every session, path tables, trees; where directories lie that no tree leads to.

Source: ECMA-119, 4th edition (8.2-8.5 volume descriptors, 9.4 path tables); Microsoft, *Joliet Specification* (escape
sequences); IEEE P1281 (SP field); *El Torito Bootable CD-ROM Format Specification* 1.0 (boot record).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.access.interfaces import Readable
from pipeline.access.iso_record import both
from pipeline.access.udf_volume import read_block
from pipeline.errors import ParseError

__all__ = ["SECTOR", "Session", "Tree", "disc_length", "find_sessions", "folder_heads"]

SECTOR: Final = 2048
_STEP: Final = 4 << 20
_MAX_DESCRIPTORS: Final = 64
_JOLIET: Final = (b"%/@", b"%/C", b"%/E")
_PRIMARY, _BOOT, _SUPPLEMENTARY, _END = 1, 0, 2, 255


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of directories: where its root lies, its names' form (``iso``, ``rock-ridge``, ``joliet``)."""

    form: str
    block: int
    size: int
    skip: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """The descriptors of one session: ``parts`` are places with names, ``space`` its size in blocks."""

    start: int
    label: str
    serial: str
    block: int
    space: int
    trees: tuple[Tree, ...]
    parts: tuple[tuple[int, int, str], ...]


def find_sessions(data: Readable, code_page: str) -> tuple[list[Session], dict[int, int]]:
    """Return sessions, the first one first, and directories by their place with their length in bytes.

    A later session's descriptors lie sixteen sectors behind its start, which only the disc's own table of contents
    tells: they are looked for in every sector. A descriptor whose root does not lie where it says is of an image
    inside the image.

    Raises:
        ParseError: there is none.
    """
    sessions: list[Session] = []
    folders: dict[int, int] = {}
    for start, raw in _pieces(data):
        sectors = np.frombuffer(raw, np.uint8).reshape(-1, SECTOR)
        folders.update(folder_heads(sectors, start))
        magic = (sectors[:, :7] == np.frombuffer(b"\x01CD001\x01", np.uint8)).all(axis=1)
        for index in np.flatnonzero(magic).tolist():
            session = _session(data, start + index * SECTOR, code_page)
            if session is not None and _holds(data, session):
                sessions.append(session)
    if not sessions:
        raise ParseError("no ISO 9660 volume descriptor leads to a root directory")
    return sessions, folders


def disc_length(data: Readable) -> int:
    """Return how many bytes of a medium the disc's own file system covers; all of them where it does not say."""
    raw = read_block(data, 16 * SECTOR, SECTOR)
    (blocks, differs), (block, _) = both(raw, 80), both(raw, 128, 2)
    length = blocks * block if raw[1:6] == b"CD001" and not differs else 0
    return min(length, data.size) if length > 17 * SECTOR else data.size


def _pieces(data: Readable) -> Iterator[tuple[int, bytes]]:
    for at in range(0, data.size - SECTOR + 1, _STEP):
        raw = read_block(data, at, min(_STEP, data.size - at))
        if raw:
            yield at, raw[: len(raw) // SECTOR * SECTOR]
            continue
        for part in range(at, min(at + _STEP, data.size - SECTOR + 1), SECTOR):  # around what cannot be read
            raw = read_block(data, part, SECTOR)
            if len(raw) == SECTOR:
                yield part, raw


def folder_heads(sectors: np.ndarray[tuple[int, int], np.dtype[np.uint8]], start: int) -> dict[int, int]:
    """Return the sectors that begin as directories do: a record of one zero byte's name that states its own place."""
    own = np.ascontiguousarray(sectors[:, 2:6]).view("<u4")[:, 0]
    there = start // SECTOR + np.arange(len(sectors))
    fits = (sectors[:, 0] >= 34) & (sectors[:, 32] == 1) & (sectors[:, 33] == 0) & (sectors[:, 25] & 2 == 2)
    found = {}
    for index in np.flatnonzero(fits & (own == there)).tolist():
        length, differs = both(sectors[index, :34].tobytes(), 10)
        if not differs and length:
            found[start + index * SECTOR] = length
    return found


def _session(data: Readable, place: int, code_page: str) -> Session | None:
    """Return the session whose primary descriptor lies at a place."""
    raw = data.read(place, SECTOR)
    block, differs = both(raw, 128, 2)
    if differs or block not in {512, 1024, 2048}:
        return None
    trees: list[Tree] = []
    parts: list[tuple[int, int, str]] = []
    label = _text(raw[40:72], code_page)
    for number in range(_MAX_DESCRIPTORS):
        at = place + number * SECTOR
        raw = read_block(data, at, SECTOR)
        if raw[1:6] != b"CD001" or len(raw) < SECTOR:
            break
        parts.append((at, SECTOR, "volume descriptor"))
        if raw[0] == _END:
            break
        if raw[0] == _BOOT and raw[7:30] == b"EL TORITO SPECIFICATION":
            parts.append((int.from_bytes(raw[71:75], "little") * SECTOR, SECTOR, "boot catalogue"))
        if raw[0] in {_PRIMARY, _SUPPLEMENTARY}:
            parts += _tables(raw, block)
            trees.append(_tree(data, raw, block))
            if trees[-1].form == "joliet":
                label = raw[40:72].decode("utf-16-be", "replace").rstrip("\0 ") or label
    space = both(data.read(place, SECTOR), 80)[0]
    serial = data.read(place, SECTOR)[813:829].decode("ascii", "replace").strip("0\0 ")
    return Session(place, label, serial, block, space, tuple(trees), tuple(dict.fromkeys(parts)))


def _text(raw: bytes, code_page: str) -> str:
    return raw.decode(code_page, "backslashreplace").rstrip("\0 ")


def _tables(raw: bytes, block: int) -> Iterator[tuple[int, int, str]]:
    length = both(raw, 132)[0]
    for at, order in ((140, "little"), (144, "little"), (148, "big"), (152, "big")):
        number = int.from_bytes(raw[at : at + 4], "little" if order == "little" else "big")
        if number and length < 1 << 26:
            yield number * block, -(-length // block) * block, "path table"


def _tree(data: Readable, raw: bytes, block: int) -> Tree:
    (number, _), (size, _) = both(raw, 158), both(raw, 166)
    number += raw[157]
    if raw[0] == _SUPPLEMENTARY and raw[88:91] in _JOLIET:
        return Tree("joliet", number, size, None)
    head = read_block(data, number * block, SECTOR)
    fields = head[34 : head[0]] if len(head) == SECTOR and head[0] > 40 else b""
    at = fields.find(b"SP\x07\x01\xbe\xef")
    if at < 0:
        return Tree("iso", number, size, None)
    return Tree("rock-ridge", number, size, fields[at + 6])


def _holds(data: Readable, session: Session) -> bool:
    """Tell whether a session's first tree begins with a directory that states its own place."""
    tree = session.trees[0]
    head = read_block(data, tree.block * session.block, 34)
    return len(head) == 34 and head[0] >= 34 and both(head, 2)[0] + head[1] == tree.block and head[33] == 0


def decoder(form: str, code_page: str) -> Callable[[bytes], str]:
    """Return what turns a record's name into text: without its version, in the form of its tree."""

    def decode(raw: bytes) -> str:
        text = raw.decode("utf-16-be", "replace") if form == "joliet" else _plain(raw, code_page)
        stem, mark, version = text.rpartition(";")
        text = stem if mark and version.isdigit() else text
        return (text[:-1] if text.endswith(".") and len(text) > 1 else text).replace("/", "\u2215")

    return decode


def _plain(raw: bytes, code_page: str) -> str:
    for encoding in ("ascii", "utf-8", code_page):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("ascii", "backslashreplace")
