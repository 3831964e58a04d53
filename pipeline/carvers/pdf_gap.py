"""PDF documents in two pieces: the cross-reference (ISO 32000-1 §7.5.4, §7.5.8) says where objects begin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import simplejpeg

from pipeline.carvers.base import Carved, View
from pipeline.carvers.joints import Pieces, joint
from pipeline.carvers.pdf_tables import DICTIONARY, END, OBJECT, STREAM, begins_table, table_at

__all__ = ["joints_of"]

SEARCHED: Final = 16 << 20
ENDS: Final = 32
NEAR: Final = 8
"""Clusters before the end mark in which the second piece of a table begins."""
TABLES: Final = 32
_TABLE_REACH: Final = 1 << 20
"""Bytes before an end mark in which its table begins."""
_XREF: Final = re.compile(rb"(?<!start)xref\s")
_PREVIOUS: Final = re.compile(rb"/Prev\s{1,4}(\d{1,12})")
_LENGTH: Final = re.compile(rb"/Length\s{1,4}(\d{1,10})\b(?!\s{1,4}\d{1,5}\s{1,4}R)")


def joints_of(view: View, start: int, limit: int) -> Iterator[tuple[Carved, bytes]]:
    """Yield documents in two pieces that the cross-reference allows, with their bytes, the surest ones first."""
    data = view.read(start, min(limit, SEARCHED))
    for number, match in enumerate(END.finditer(data)):
        if number >= ENDS:
            return
        stated = int(match.group(1))
        yield from _broken_table(view, data, start, match)
        for place in _tables_before(data, match.start()):
            gap = place - stated
            if stated <= 0 or gap <= 0 or gap % view.cluster:
                continue
            pieces = Pieces(data, gap)
            offsets = sorted(_offsets(view, pieces, place))
            cut, sure = _cut(view, pieces, offsets, stated)
            if cut:
                end = match.end() - gap
                note = "" if sure else "where the first piece ends is not certain"
                yield Carved(start, end, "pdf", complete=sure, note=note, gap=(cut, gap)), pieces.joined(cut, 0, end)


def _broken_table(view: View, data: bytes, start: int, match: re.Match[bytes]) -> Iterator[tuple[Carved, bytes]]:
    """Yield the documents whose table begins in the first piece and ends in the second: the one that is whole."""
    stated = int(match.group(1))
    if not 0 < stated < match.start() or not begins_table(data, stated) or table_at(data, stated).end:
        return
    low = stated // view.cluster + 1
    for first in range(low, min(low + _TABLE_REACH // view.cluster, match.start() // view.cluster + 1)):
        cut = first * view.cluster
        for second in range(match.end() // view.cluster, max(first, match.end() // view.cluster - NEAR), -1):
            pieces = Pieces(data, second * view.cluster - cut)
            view.spend(match.end() - second * view.cluster + DICTIONARY)
            end = match.end() - pieces.gap
            tail = pieces.joined(cut, stated, end)
            table = table_at(tail, 0)
            if table.end and not tail[table.end : -len(match.group())].strip().startswith(b"%"):
                yield Carved(start, end, "pdf", gap=(cut, pieces.gap)), pieces.joined(cut, 0, end)
                return


def _tables_before(data: bytes, end: int) -> list[int]:
    """Return where the last cross-reference table and the last cross-reference stream before an end mark are."""
    low = max(end - _TABLE_REACH, 0)
    found = [low + match.start() for match in _XREF.finditer(data[low:end])][-1:]
    streams = [low + match.start() for match in OBJECT.finditer(data[low:end])][-1:]
    return found + [place for place in streams if begins_table(data, place)]


def _offsets(view: View, pieces: Pieces, place: int) -> set[int]:
    """Return the offsets of objects that a table, found at ``place`` in the bytes, and those before it name."""
    found: set[int] = set()
    todo, seen = [place], set[int]()
    while todo and len(seen) < TABLES:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        table = table_at(pieces.data, at)
        view.spend(64 * len(table.offsets))
        found |= table.offsets
        before = _PREVIOUS.search(table.dictionary)
        if before:
            stated = int(before.group(1))
            todo += [spot for spot in (stated, stated + pieces.gap) if begins_table(pieces.data, spot)]
    return found


def _cut(view: View, pieces: Pieces, offsets: Sequence[int], table: int) -> tuple[int, bool]:
    """Return where the first piece ends (0: not to be found) and whether the object that lies there proves it."""
    data, last, behind = pieces.data, 0, table
    for offset in [offset for offset in offsets if 0 < offset < table]:
        if OBJECT.match(data, offset):
            last = offset
        elif OBJECT.match(data, offset + pieces.gap):
            behind = offset
            break
        else:
            return 0, False
    if any(not OBJECT.match(data, offset + pieces.gap) for offset in offsets if behind < offset < table):
        return 0, False
    cuts = range((last // view.cluster + 1) * view.cluster, behind + 1, view.cluster)
    if len(cuts) <= 1:
        return (cuts[0], True) if cuts else (0, False)
    return _inside(view, pieces, last, behind, cuts)


def _inside(view: View, pieces: Pieces, start: int, end: int, cuts: Sequence[int]) -> tuple[int, bool]:
    """Return the cut inside an object whose stream is whole with it; the first one, unsure, where nothing tells."""
    for cut in cuts:
        text = pieces.joined(cut, start, min(end, start + DICTIONARY))
        stream, length = STREAM.search(text), _LENGTH.search(text)
        if stream is None:
            continue
        low = start + stream.end()
        high = pieces.data.find(b"endstream", max(low, cut) + pieces.gap, end + pieces.gap) - pieces.gap
        if length is not None and length.start() < stream.start():
            high = low + int(length.group(1))
        if high < low or not pieces.joined(cut, high, high + 16).lstrip().startswith(b"endstream"):
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
