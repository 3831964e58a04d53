"""What is hidden in a content's bytes by a change of form: compressed streams, Base64, escapes, UTF-32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import pyarrow as pa

from pipeline import config
from pipeline.access.interfaces import Readable
from pipeline.decoders import UNPACKED, Limits, Member, Trouble, hidden_in
from pipeline.records import NOT_CALLED_FOR, Severity
from pipeline.stages.base import RowOf

__all__ = ["HIDDEN", "Budget", "bounds", "holds_archive", "new_rows", "peeked", "searched", "whole_budget"]

HIDDEN: Final = "hidden"
"""Flag of a file entry that stands for a run of other bytes inside its parent, not for a named member."""
PIECE: Final = 64 << 20
"""Bytes of a content too large to keep that are searched at once."""
OVERLAP: Final = 8 << 20
"""Bytes behind a piece within which what begins in it may end."""
_TRIES: Final = 10_000
_WHOLE: Final = ("compressed", "base64", "hexadecimal")
"""Forms whose runs may hold what a part of does not show; text in UTF-32 goes on in the next piece as it is."""


@dataclass(slots=True)
class Budget:
    """What is left of the limits for one listed stream, over all levels."""

    members: int
    total: int
    pictures: int


def whole_budget(case: config.Case) -> Budget:
    """Return what the limits of a case allow for one listed stream."""
    return Budget(case.limits.members, case.limits.total_bytes, case.ocr.pictures)


def bounds(case: config.Case, left: Budget, passwords: tuple[bytes, ...] = ()) -> Limits:
    """Return what decoders may give, of what the case allows and what is left of it."""
    limits = case.limits
    return Limits(
        depth=limits.member_depth, members=max(left.members, 0), member_bytes=limits.member_bytes,
        total_bytes=max(left.total, 0), ratio=limits.ratio, passwords=passwords, pictures=max(left.pictures, 0),
        ocr=case.ocr,
    )  # fmt: skip


def searched(content: Readable, limits: Limits, kind: str) -> Iterator[Member | Trouble]:
    """Yield what is hidden in a content of any size and some type, at its offsets in the whole."""
    streams = kind not in UNPACKED
    if content.size <= PIECE + OVERLAP:
        yield from hidden_in(content.read(0, content.size), limits, bare=kind == "unknown", streams=streams)
        return
    for start in range(0, content.size, PIECE):
        data = content.read(start, PIECE + OVERLAP)
        for item in hidden_in(data, limits, streams=streams):
            if isinstance(item, Trouble):
                yield item
                continue
            form, _, place = item.path.partition(":")
            first, _, length = place.partition("+")
            if int(first) >= PIECE and start + PIECE < content.size:
                continue
            yield Member(f"{form}:{start + int(first)}+{length}", item.data)
            if form in _WHOLE and int(first) + int(length) == len(data) and start + len(data) < content.size:
                yield Trouble("limit-hidden", f"{form} data at byte {start + int(first)} is read in part")


def holds_archive(content: Readable) -> bool:
    """Tell whether a ZIP lies in a content: an end record leads back to a directory (APPNOTE 4.3.16, 4.3.12).

    Of a content that has more end records than may be looked at, it is taken for granted.
    """
    tries = 0
    for start in range(0, content.size, PIECE):
        data = content.read(start, min(PIECE + 21, content.size - start))
        at = data.find(b"PK\5\6")
        while at >= 0:
            tries += 1
            size = int.from_bytes(data[at + 12 : at + 16], "little")
            listed = size <= start + at and content.read(start + at - size, 4) == b"PK\1\2"
            if listed or tries > _TRIES:
                return True
            at = data.find(b"PK\5\6", at + 4)
    return False


def peeked(parts: Iterator[Member | Trouble]) -> tuple[bool, Iterator[Member | Trouble]]:
    """Return whether there is anything, and all of it."""
    first = list(islice(parts, 1))
    return bool(first), chain(first, parts)


def new_rows(rows: Iterable[RowOf], seen: set[tuple[str, str]]) -> list[RowOf]:
    """Return the rows of a hidden member where it shows what was not seen around it, or cannot be read; else none.

    A record is kept whole when one of its values is new, for its other values are what tie it to a person.
    """
    kept = list(rows)
    values = [value for table, row in kept if table == "detections" for value in _values(row)]
    fresh = {record for record, *value in values if tuple(value) not in seen}
    if not fresh and not any(_is_loss(table, row) for table, row in kept):
        return []
    return [
        (table, row) for table, row in kept if table != "detections" or any(one[0] in fresh for one in _values(row))
    ]


def _values(row: Any) -> list[tuple[str, str, str]]:
    """Return (record, kind, tag) of findings, of one or of a page."""
    if isinstance(row, pa.RecordBatch):
        columns = (row.column(name).to_pylist() for name in ("record", "kind", "value_tag"))
        return list(zip(*columns, strict=True))
    return [(row.record, row.kind, row.value_tag)]


def _is_loss(table: str, row: Any) -> bool:
    """Tell whether a row says that something could not be read."""
    if table == "examinations":
        return bool(row.outcome != "examined" and not row.reason.startswith(NOT_CALLED_FOR))
    return table == "diagnostics" and row.severity in {Severity.LOSS, Severity.WARNING}
