"""PDF documents in two pieces: the cross-reference (ISO 32000-1 §7.5.4, §7.5.8) says where objects begin."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import simplejpeg

from pipeline.carvers.base import Carved, View
from pipeline.carvers.joints import Pieces, joint

__all__ = ["END", "joints_of"]

SEARCHED: Final = 16 << 20
ENDS: Final = 32
TABLES: Final = 32
MOST: Final = 1 << 18
"""Objects of one document that are followed."""
END: Final = re.compile(rb"startxref\s{1,4}(\d{1,12})\s{1,4}%%EOF(?:\r\n|\r|\n)?")
_XREF: Final = re.compile(rb"(?<!start)xref\s")
_OBJECT: Final = re.compile(rb"\d{1,10} \d{1,5} obj\b")
_ROW: Final = re.compile(rb"(\d{10}) \d{5} ([nf])")
_SECTION: Final = re.compile(rb"\s{0,4}(\d{1,10}) (\d{1,7})\s{1,4}")
_PREVIOUS: Final = re.compile(rb"/Prev\s{1,4}(\d{1,12})")
_WIDTHS: Final = re.compile(rb"/W\s{0,4}\[\s{0,4}(\d)\s{1,4}(\d)\s{1,4}(\d)\s{0,4}\]")
_STREAM: Final = re.compile(rb"stream\r?\n")
_LENGTH: Final = re.compile(rb"/Length\s{1,4}(\d{1,10})\b(?!\s{1,4}\d{1,5}\s{1,4}R)")
_COLUMNS: Final = re.compile(rb"/Columns\s{1,4}(\d{1,3})\b")
_DICTIONARY: Final = 4096


def joints_of(view: View, start: int, limit: int) -> Iterator[tuple[Carved, bytes]]:
    """Yield documents in two pieces that the cross-reference allows, with their bytes, the surest ones first."""
    data = view.read(start, min(limit, SEARCHED))
    for number, match in enumerate(END.finditer(data)):
        if number >= ENDS:
            return
        stated = int(match.group(1))
        for place in _tables_before(data, match.start()):
            gap = place - stated
            if stated <= 0 or gap <= 0 or gap % view.cluster:
                continue
            pieces = Pieces(data, gap)
            offsets = sorted(_offsets(view, pieces, place, gap))
            cut, sure = _cut(view, pieces, offsets, stated)
            if cut:
                end = match.end() - gap
                note = "" if sure else "where the first piece ends is not certain"
                yield Carved(start, end, "pdf", complete=sure, note=note, gap=(cut, gap)), pieces.joined(cut, 0, end)


def _tables_before(data: bytes, end: int) -> list[int]:
    """Return where the last cross-reference table and the last cross-reference stream before an end mark are."""
    low = max(end - (1 << 20), 0)
    found = [low + match.start() for match in _XREF.finditer(data[low:end])][-1:]
    streams = [low + match.start() for match in _OBJECT.finditer(data[low:end])][-1:]
    return found + [place for place in streams if b"/XRef" in data[place : place + _DICTIONARY]]


def _offsets(view: View, pieces: Pieces, place: int, gap: int) -> set[int]:
    """Return the offsets of objects that a table, found at ``place`` in the bytes, and those before it name."""
    found: set[int] = set()
    todo, seen = [place], set[int]()
    while todo and len(seen) < TABLES and len(found) < MOST:
        at = todo.pop()
        if at in seen or at >= len(pieces.data):
            continue
        seen.add(at)
        plain = pieces.data.startswith(b"xref", at)
        rows, text = _plain(pieces.data, at) if plain else _packed(pieces.data, at)
        view.spend(64 * len(rows))
        found |= rows
        before = _PREVIOUS.search(text)
        if before:
            stated = int(before.group(1))
            todo += [spot for spot in (stated, stated + gap) if _begins_table(pieces.data, spot)]
    return found


def _begins_table(data: bytes, at: int) -> bool:
    return data.startswith(b"xref", at) or (bool(_OBJECT.match(data, at)) and b"/XRef" in data[at : at + _DICTIONARY])


def _plain(data: bytes, at: int) -> tuple[set[int], bytes]:
    """Return the offsets of a table and its trailer (§7.5.4)."""
    at += 4
    found: set[int] = set()
    while (section := _SECTION.match(data, at)) and len(found) < MOST:
        rows = data[section.end() : section.end() + 20 * int(section.group(2))]
        found |= {int(row.group(1)) for row in _ROW.finditer(rows) if row.group(2) == b"n"}
        at = section.end() + len(rows)
        if not rows:
            break
    return found, data[at : at + _DICTIONARY]


def _packed(data: bytes, at: int) -> tuple[set[int], bytes]:
    """Return the offsets of a cross-reference stream and its dictionary (§7.5.8), none where it is not understood."""
    stream = _STREAM.search(data, at, at + _DICTIONARY)
    if stream is None:
        return set(), b""
    text = data[at : stream.start()]
    widths = _WIDTHS.search(text)
    if widths is None or b"/FlateDecode" not in text:
        return set(), text
    one, two, three = (int(value) for value in widths.groups())
    width = one + two + three
    try:
        body = zlib.decompressobj().decompress(data[stream.end() : stream.end() + (4 << 20)], MOST * max(width + 1, 2))
    except zlib.error:
        return set(), text
    rows = _rows(body, width, predicted=b"/Predictor" in text and bool(_COLUMNS.search(text)))
    if rows is None or not 1 <= two <= 8 or one > 1:
        return set(), text
    rows = rows[rows[:, 0] == 1] if one else rows
    values = np.zeros(len(rows), np.int64)
    for column in range(one, one + two):
        values = (values << 8) | rows[:, column]
    return {int(value) for value in values}, text


def _rows(body: bytes, width: int, *, predicted: bool) -> Any:
    """Return the rows of a stream with the PNG predictor undone (§7.4.4.4: none and up), None for others."""
    step = width + predicted
    if not step or len(body) < step:
        return None
    rows = np.frombuffer(body[: len(body) // step * step], np.uint8).reshape(-1, step)
    if not predicted:
        return rows
    if (rows[:, 0] == 2).all():
        return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    return rows[:, 1:] if not rows[:, 0].any() else None


def _cut(view: View, pieces: Pieces, offsets: Sequence[int], table: int) -> tuple[int, bool]:
    """Return where the first piece ends (0: not to be found) and whether the object that lies there proves it."""
    data, last, behind = pieces.data, 0, table
    for offset in [offset for offset in offsets if 0 < offset < table]:
        if _OBJECT.match(data, offset):
            last = offset
        elif _OBJECT.match(data, offset + pieces.gap):
            behind = offset
            break
        else:
            return 0, False
    if any(not _OBJECT.match(data, offset + pieces.gap) for offset in offsets if behind < offset < table):
        return 0, False
    cuts = range((last // view.cluster + 1) * view.cluster, behind + 1, view.cluster)
    if len(cuts) <= 1:
        return (cuts[0], True) if cuts else (0, False)
    return _inside(view, pieces, last, behind, cuts)


def _inside(view: View, pieces: Pieces, start: int, end: int, cuts: Sequence[int]) -> tuple[int, bool]:
    """Return the cut inside an object whose stream is whole with it; the first one, unsure, where nothing tells."""
    for cut in cuts:
        text = pieces.joined(cut, start, min(end, start + _DICTIONARY))
        stream, length = _STREAM.search(text), _LENGTH.search(text)
        if stream is None or length is None or length.start() > stream.start():
            continue
        low = start + stream.end()
        high = low + int(length.group(1))
        if not pieces.joined(cut, high, high + 16).lstrip().startswith(b"endstream"):
            continue
        kept = [place for place in cuts if place >= cut]
        found = _proved(view, pieces, text[: stream.start()], (low, high), kept)
        return (found, True) if found else (cuts[0], False)
    return cuts[0], False


def _proved(view: View, pieces: Pieces, text: bytes, span: tuple[int, int], cuts: Sequence[int]) -> int | None:
    """Return the cut with which a stream's own check passes: that of zlib, or a picture that decodes."""
    if b"/DCTDecode" in text and b"/FlateDecode" not in text:
        sound = []
        for cut in cuts:
            body = pieces.joined(cut, *span)
            view.spend(4 * len(body))
            if _decodes(body):
                sound.append(cut)
        return sound[0] if len(sound) == 1 else None
    if b"/FlateDecode" not in text:
        return None
    return joint(view, pieces, cuts, span=span, wbits=15, fits=lambda size, crc: size > 0 or crc == 0)


def _decodes(data: bytes) -> bool:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > 512 * len(data):
            return False
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_factor=8, min_height=1, min_width=1, strict=True)
    except ValueError:
        return False
    return True
