"""Tables: a header row says what the cells of a column are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.detectors.encodings import decode, decode_line
from pipeline.detectors.hits import Table
from pipeline.rules import RuleSet, fold_header

__all__ = ["cells", "find_table"]

_HEAD: Final = 16 << 10
_ROWS: Final = 20
_MAX_COLUMNS: Final = 1000
_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')
_NOTHING: Final = re.compile("(?!)")


def find_table(head: bytes, ruleset: RuleSet) -> Table | None:
    """Return the table that the first 16 KiB of a content announce, or None; it takes two known headers."""
    encoding, text = _text(head[:_HEAD])
    for line in text.splitlines()[:_ROWS]:
        for delimiter in (",", "\t", "|", ";"):
            texts = [cell for _, _, cell in cells(line, delimiter)]
            columns = tuple(ruleset.headers.get(fold_header(text)) for text in texts)
            if len({kind for kind in columns if kind}) >= 2 and not any(map(_is_open, texts)):
                return Table(delimiter, columns, encoding)
    return None


def _is_open(cell: str) -> bool:
    """Tell whether a cell opens or closes a bracket alone, as a list of names in a statement does and a header not."""
    return cell.count("(") != cell.count(")") or cell.count("{") != cell.count("}")


def cells(line: str, delimiter: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, text) of each cell of a row, inside its quotes; a quoted cell may hold the delimiter."""
    start, size = 0, len(line)
    for _ in range(_MAX_COLUMNS):
        quoted = _QUOTED.match(line, start) if line.startswith('"', start) else None
        if quoted is not None:
            yield quoted.start(1), quoted.end(1), quoted.group(1)
            end = line.find(delimiter, quoted.end())
        else:
            end = line.find(delimiter, start)
            stop = size if end < 0 else end
            yield start, stop, line[start:stop]
        if end < 0:
            return
        start = end + 1


def _text(head: bytes) -> tuple[str, str]:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return encoding, decode(head[2:], encoding).text
    for encoding, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        if head[place : 2 * _ROWS : 2].count(0) > 2 and b"\n\0" in head[:_HEAD] + b"\0":
            return encoding, decode(head, encoding).text
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()[:_ROWS]
    return "", "\n".join(decode_line(line, _NOTHING).text for line in lines)
