"""The scanner: raw bytes or decoded text in, hits out.

Prefilter on bytes → lines around anchors → decoding with a way back to bytes → rules → context → hits. What a hit is
depends on bytes within 4 KiB of it (and the content's table) alone, never on pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from pipeline.detectors.anchors import TRACKS, Prefilter
from pipeline.detectors.batches import Found
from pipeline.detectors.candidates import Candidate
from pipeline.detectors.columns import TableReader
from pipeline.detectors.encodings import Decoded, decode, decode_line, japanese_weight
from pipeline.detectors.frames import Framed
from pipeline.detectors.hits import OVERLAP, Hit, Table, Window, shape_of
from pipeline.detectors.lines import Segment, all_segments, chosen_segments, segments
from pipeline.detectors.scoring import Judge, Text
from pipeline.detectors.tables import find_table
from pipeline.rules import RuleSet
from pipeline.rules_values import canonical, normalise

__all__ = ["Scanner"]

_PAGE: Final = 1 << 20
_SYNC: Final = re.compile(rb"[\x00-\x3f]")
_SYNC_REACH: Final = 256
_LIKELY_SURNAMES: Final = 500


@dataclass(frozen=True, slots=True)
class _Line:
    """A decoded segment: ``base`` is the window offset of its first decoded byte."""

    segment: Segment
    base: int
    decoded: Decoded

    def place(self, index: int) -> int:
        return self.base + self.decoded.byte_offset(index)


@dataclass(frozen=True)
class Scanner:
    """Finds personal data by the rules of a set. Build one per process and keep it."""

    ruleset: RuleSet

    def table(self, head: bytes) -> Table | None:
        """Return the table that the beginning of a content announces, for every window of that content."""
        return find_table(head, self.ruleset)

    def scan(self, window: Window) -> list[Hit]:
        """Return the hits that start in the page of a window, in order; offsets are bytes of the content."""
        anchors = self._prefilter(TRACKS).anchors(window.data)
        table = window.table
        found = [hit for track in range(len(TRACKS)) if not _reads(table, track)
                 for hit in self._strays(window, anchors[track], track)]  # fmt: skip
        if table is not None:
            track = TRACKS.index(table.encoding or TRACKS[0])
            found += self._table_hits(window, all_segments(window, track), track)
        return _merge(_untwinned(found))

    def sweep(self, window: Window) -> Found:
        """Return what :meth:`scan` returns; the rows of a table are read by columns where they can be."""
        table = window.table
        if table is None:
            return Found(self.scan(window))
        others = tuple(name for number, name in enumerate(TRACKS) if not _reads(table, number))
        anchors = self._prefilter(others).anchors(window.data)
        if any(self._strays(window, anchors[track], track) for track in range(len(TRACKS))):
            return Found(self.scan(window))
        columns, lines, left = self._reader.read(window, table)
        track = TRACKS.index(table.encoding or TRACKS[0])
        return Found(_merge(self._table_hits(window, chosen_segments(window, lines, left, track), track)), columns)

    def _strays(self, window: Window, anchors: Sequence[int], track: int) -> list[Hit]:
        """Return the hits on lines with anchors, where the lines of a track are no table's.

        Beside a table in UTF-16 nothing is read in the other byte order one byte off: these are its own characters.
        """
        if track and window.table is not None and window.table.encoding:
            anchors = [anchor for anchor in anchors if (window.start + anchor) % 2]
        framed = Framed.around(window.data, anchors, track)
        parts = segments(window, framed.anchors, track)
        lines = [line for part in parts if (line := self._decode(window, part, track)) is not None]
        return list(self._hits(window, lines, None, framed))

    def _table_hits(self, window: Window, parts: Iterable[Segment], track: int) -> list[Hit]:
        """Return the hits on lines of the window's table."""
        lines = [line for part in parts if (line := self._decode(window, part, track)) is not None]
        return list(self._hits(window, lines, window.table, Framed()))

    def scan_content(self, data: bytes) -> Iterator[Hit]:
        """Yield the hits of a whole content, page by page."""
        table = self.table(data)
        for start in range(0, len(data), _PAGE):
            low, high = max(0, start - OVERLAP), start + _PAGE
            piece = data[low : high + OVERLAP]
            yield from self.sweep(Window(data=piece, start=low, own_start=start, own_end=high, table=table)).all()

    def scan_text(self, text: str, table: Table | None = None) -> list[Hit]:
        """Return the hits of decoded text; offsets are characters."""
        parts = text.splitlines(keepends=True) or [text]
        starts = [0]
        for part in parts[:-1]:
            starts.append(starts[-1] + len(part))
        flat = "".join(part[:-1] + "\n" if part[-1:] in _LINE_ENDS else part for part in parts)
        framed = Framed() if table else Framed.inside(text)
        every = [True] * len(starts)
        found = Text(normalise(flat), starts, every, rows=framed.rows(starts), linked=every)
        return [_text_hit(text, found, one, framed) for one in self._judge.hits(found, table)]

    def candidates(self, text: str) -> list[Candidate]:
        """Return what the rules match in normalised text before context decides, for masking."""
        return list(self._judge.candidates(text))

    def _decode(self, window: Window, segment: Segment, track: int) -> _Line | None:
        raw, base = window.data[segment.start : segment.end], segment.start
        if not raw:
            return None
        if track and (segment.start + window.start == 1 or len(window.data) - segment.end == 1):
            return None  # the other byte order, read one byte off: its first or last character is cut
        if track:
            return _Line(segment, base, decode(raw, TRACKS[track]))
        if not segment.whole and segment.start:
            skip = self._synchronise(raw)
            raw, base = raw[skip:], base + skip
        return _Line(segment, base, decode_line(raw, self._likely))

    def _synchronise(self, raw: bytes) -> int:
        match = _SYNC.search(raw, 0, _SYNC_REACH)
        if match:
            return match.end()
        return max((0, 1), key=lambda skip: japanese_weight(decode_line(raw[skip:], self._likely).text))

    def _hits(self, window: Window, lines: list[_Line], table: Table | None, framed: Framed) -> Iterator[Hit]:
        if not lines:
            return
        text = _join(window.data, lines, framed)
        for one in self._judge.hits(text, table):
            index = text.line_of(one.start)
            line, low = lines[index], text.starts[index]
            if one.end - low > len(line.decoded.text):
                continue
            start = line.place(one.start - low)
            if not line.segment.own_start <= start < line.segment.own_end or not window.owns(window.start + start):
                continue
            end = line.place(one.end - low)
            value = line.decoded.text[one.start - low : one.end - low]
            record = line.segment.start if line.segment.whole else line.segment.own_start
            record = _placed(lines, text, one.record[0]) if one.record else framed.record(start, record)
            yield _hit(one, value, (window.start + start, end - start), line.decoded.encoding, window.start + record)

    def _prefilter(self, tracks: tuple[str, ...]) -> Prefilter:
        """Return the prefilter of some tracks; each is built once."""
        if tracks not in self._prefilters:
            self._prefilters[tracks] = self._prefilters[TRACKS].only(tuple(map(TRACKS.index, tracks)))
        return self._prefilters[tracks]

    @cached_property
    def _prefilters(self) -> dict[tuple[str, ...], Prefilter]:
        return {TRACKS: Prefilter(self.ruleset)}

    @cached_property
    def _reader(self) -> TableReader:
        return TableReader(self.ruleset, self._judge.matcher, self._likely)

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.ruleset)

    @cached_property
    def _likely(self) -> re.Pattern[str]:
        surnames = (line.split("\t")[0] for line in self.ruleset.lists["surnames.txt"][:_LIKELY_SURNAMES])
        prefectures = sorted({line.split("\t")[0] for line in self.ruleset.lists["municipalities.txt"]})
        return re.compile("|".join([*(name for name in surnames if len(name) > 1), *prefectures]))


def _reads(table: Table | None, track: int) -> bool:
    """Tell whether all lines of a track are rows of a table."""
    return table is not None and (table.encoding or TRACKS[0]) == TRACKS[track]


_LINE_ENDS: Final = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def _placed(lines: list[_Line], text: Text, index: int) -> int:
    """Return where a character of joined lines lies in the window."""
    line = text.line_of(index)
    return lines[line].place(index - text.starts[line])


def _join(data: bytes, lines: list[_Line], framed: Framed) -> Text:
    starts, place = [], 0
    for line in lines:
        starts.append(place)
        place += len(line.decoded.text) + 1
    gaps = [(before.segment.end, after.segment.start) for before, after in pairwise(lines)]
    near = [end - start <= 4 for start, end in gaps]
    linked = [
        close and max(data.count(mark, *gap) for mark in (b"\n", b"\r")) < 2
        for close, gap in zip(near, gaps, strict=True)
    ]
    silent = frozenset(number for number, line in enumerate(lines) if line.segment.own_start == line.segment.own_end)
    text = normalise("\n".join(_flat(line.decoded.text) for line in lines))
    rows = framed.rows([line.segment.start for line in lines])
    return Text(text, starts, [False, *near], silent, rows, [False, *linked])


def _flat(text: str) -> str:
    return text.replace("\n", " ") if "\n" in text else text


def _hit(one: Candidate, value: str, place: tuple[int, int], encoding: str, record: int) -> Hit:
    return Hit(
        kind=one.rule.kind,
        rule=one.rule.id,
        start=place[0],
        length=place[1],
        encoding=encoding,
        value=canonical(one.rule.kind, value),
        shape=shape_of(value),
        validated=bool(one.rule.validate),
        score=one.score,
        record_start=record,
        by_word=one.by_word,
        by_column=one.by_column,
        by_row=one.by_row,
    )


def _text_hit(text: str, found: Text, one: Candidate, framed: Framed) -> Hit:
    line = found.starts[found.line_of(one.start)]
    record = one.record[0] if one.record else framed.record(one.start, line)
    return _hit(one, text[one.start : one.end], (one.start, one.end - one.start), "text", record)


def _untwinned(hits: list[Hit]) -> list[Hit]:
    """Drop hits in UTF-16 at odd places whose characters the other byte order has at even ones, a byte off.

    ASCII between zeros reads alike in both orders; units of a content stand at even places.
    """
    wide = [hit for hit in hits if hit.encoding in TRACKS[1:]]
    even = {(hit.kind, hit.start, hit.length) for hit in wide if hit.start % 2 == 0}
    twins = {
        (hit.kind, hit.start, hit.length) for hit in wide
        if hit.start % 2 and even & {(hit.kind, hit.start - 1, hit.length), (hit.kind, hit.start + 1, hit.length)}
    }  # fmt: skip
    return [hit for hit in hits if hit.encoding not in TRACKS[1:] or (hit.kind, hit.start, hit.length) not in twins]


def _merge(hits: Iterable[Hit]) -> list[Hit]:
    """Keep one of the hits of a kind that overlap: the first of the longest, as read in the first fitting track."""
    order: Callable[[Hit], tuple[int, int, str, str]] = lambda hit: (hit.start, -hit.length, hit.kind, hit.encoding)  # noqa: E731
    kept: list[Hit] = []
    reached: dict[str, int] = {}
    for hit in sorted(hits, key=order):
        if hit.start >= reached.get(hit.kind, 0):
            kept.append(hit)
            reached[hit.kind] = hit.start + hit.length
    return kept
