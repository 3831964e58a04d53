"""Whether the records that would show an act are there, unbroken and cover the window: what a negative rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.records import ENCIPHERED, NOT_CALLED_FOR
from pipeline.verdict_rules import Requirement, Text

__all__ = ["Window", "closed_parts", "failing", "uncovered", "unfit"]

Row = Mapping[str, Any]
Span = tuple[datetime, datetime]
_CONTENT: Final = frozenset({"locked", "unreadable"})
_STRONG: Final = re.compile(r"(?i)bitlocker|luks[12]|filevault|apfs|veracrypt")
"""Methods that withstand without the key, as the recognised layer is named; a password on a file is not one."""
_OPEN: Final = re.compile(r"\((?:suspended|partly)\)")
"""What takes their strength: a key that lies beside the data, data that is only partly encrypted."""
_ROTATION: Final = timedelta(minutes=10)
"""Quiet time that a log rotated into the next may have between them; other gaps count however short."""
_OUTCOMES: Final = {"partial": "一部のみ調査", "not-examined": "未調査"}
_BEGIN, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """The time a negative must be shown for."""

    start: datetime
    end: datetime


def unfit(source: Row, enabled: str) -> Text | None:
    """Return why a source cannot carry a negative for any time, or None."""
    if source.get("origin", "allocated") != "allocated":
        return _both("削除済みまたは復元された記録のみ", "only a deleted or recovered record")
    if source["status"] != "read":
        return _both(f"記録が読めないか損傷している（{source['status']}）", f"status {source['status']}")
    if source["state_only"]:
        return _both("最後の状態だけの記録", "it keeps a last state only")
    if source["enabled"] == "no" or (enabled == "yes" and source["enabled"] != "yes"):
        return _both(f"記録が有効であったと言えない（{source['enabled']}）", f"enabled {source['enabled']}")
    if source["first"] is None or source["last"] is None:
        return _both("記録に時刻がない", "its records have no time")
    return None


def uncovered(sources: Sequence[Row], window: Window, enabled: str) -> list[Span]:
    """Return the stretches of the window that no fit source speaks for; a log bridges what its rotated part lacks."""
    spans = sorted(span for source in sources if unfit(source, enabled) is None for span in _spans(source))
    left, at = [], window.start
    for number, (first, last) in enumerate(spans):
        joined = number > 0 and timedelta(0) <= first - max(end for _, end in spans[:number]) <= _ROTATION
        broken = joined and any(_meets(gap, at, first) for source in sources for gap in source["gaps"] or ())
        if at < min(first, window.end) and not (joined and not broken):
            left.append((at, min(first, window.end)))
        at = max(at, last)
    return [*left, (at, window.end)] if at < window.end else left


def failing(requirement: Requirement, sources: Sequence[Row], places: Sequence[str], window: Window) -> list[Text]:
    """Return what keeps a requirement from holding; empty where it holds. Every log of its kind must be whole."""
    kind = [source for source in sources if _is_of(source, requirement)]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for source in kind:
        groups.setdefault(_log_of(source, requirement), []).append(source)
    faults = [fault for group in groups.values() for fault in _faults(group, window, requirement.enabled)]
    live = [source for source in kind if source.get("origin", "allocated") == "allocated"]
    held = {source["address"].lower().rpartition("/")[0] for source in live}
    missing = sum(place not in held for place in places)
    if missing:
        faults.append(_both(f"{missing}か所に読める記録がない", f"{missing} places have no readable record"))
    systems = {source["system"] for source in live}
    faults += [_both(f"{name}がない", f"{name} is missing") for name in requirement.systems if name not in systems]
    if not live and not requirement.optional:
        faults.append(_both("記録が見つからない", "no such record was found"))
    name = requirement.name
    return [_both(f"{name['ja']}: {fault['ja']}", f"{name['en']}: {fault['en']}") for fault in faults]


def closed_parts(negative: str, coverage: Sequence[Row], volumes: Sequence[Row], losses: int) -> list[Text]:
    """Return what was not examined of an exhibit and could hold the record that is looked for."""
    if negative == "encrypted":
        return [*_not_encrypted(volumes), *_unexamined_outside(coverage, volumes)]
    reasons = [
        _both(f"ボリュームを開けない（{row['state']}）", f"volume {row['state']}")
        for row in volumes
        if row["state"] != "open"
    ]
    reasons += _unexamined(negative, coverage)
    if losses:
        reasons.append(_both(f"読み取りの失敗が{losses}件ある", f"{losses} losses in the diagnostics"))
    if not volumes:
        reasons.append(_both("開けたボリュームがない", "no volume was opened"))
    return reasons


def _unexamined(negative: str, coverage: Sequence[Row]) -> Iterator[Text]:
    for row in coverage:
        called_for = not (row["reason"] or "").startswith(NOT_CALLED_FOR)
        if row["outcome"] != "examined" and called_for and (negative == "content" or row["examined_by"] == "listed"):
            why = f"{row['class']} {row['outcome']} ({row['examined_by']}): {row['reason']}"
            outcome = _OUTCOMES.get(row["outcome"], row["outcome"])
            yield _both(f"{row['class']}が{outcome}（{row['examined_by']}）: {row['reason']}", why)
        if row["class"] in _CONTENT:
            yield _both(f"読めない領域がある（{row['class']}）", f"{row['class']} bytes")
    done = {row["examined_by"] for row in coverage if row["outcome"] == "examined"}
    wanted = {"listed", "detected"} if negative == "content" else {"listed"}
    for name in sorted(wanted - done):
        yield _both(f"調査（{name}）が行われていない", f"nothing was {name}")


def _not_encrypted(volumes: Sequence[Row]) -> Iterator[Text]:
    """Yield what keeps a medium from being wholly encrypted; that our key opened a volume takes nothing from it."""
    if not volumes:
        yield _both("ボリュームがない", "there is no volume")
    if any(not row["encryption"] for row in volumes):
        yield _both("暗号化されていないボリュームがある", "a volume is not encrypted")
    if any(row["encryption"] and not _withstands(row["encryption"]) for row in volumes):
        yield _both("暗号化の方式が不明または弱い", "the method of encryption is unknown or weak")


def _withstands(method: str) -> bool:
    return bool(_STRONG.search(method)) and not _OPEN.search(method)


def _unexamined_outside(coverage: Sequence[Row], volumes: Sequence[Row]) -> Iterator[Text]:
    """Yield what was not examined of the bytes that anybody can read: those in no encrypted volume."""
    sealed = {row["address"] for row in volumes if row["encryption"]}
    outside = [row for row in coverage if row["volume"] not in sealed and row["class"] not in {"locked", "volume"}]
    for row in outside:
        called_for = not (row["reason"] or "").startswith(NOT_CALLED_FOR)
        if (row["outcome"] != "examined" and called_for) or row["class"] in _CONTENT:
            outcome = _OUTCOMES.get(row["outcome"], row["outcome"])
            why = f"{row['class']} {row['outcome']} ({row['examined_by']}): {row['reason']}"
            yield _both(f"{row['class']}が{outcome}（{row['examined_by']}）: {row['reason']}", why)
    for row in coverage:
        searched = row["outcome"] == "examined" or row["reason"] == ENCIPHERED
        if row["class"] == "locked" and row["examined_by"] in {"detected", "carved"} and not searched:
            ja = f"ロックされた領域に平文が残っていないか調査されていない（{row['examined_by']}）: {row['reason']}"
            why = f"locked bytes were not searched for what lies in clear ({row['examined_by']}): {row['reason']}"
            yield _both(ja, why)
    seen = {row["class"] for row in outside if row["examined_by"] == "detected"}
    for name in sorted({row["class"] for row in outside if row["examined_by"] == "accounted"} - seen):
        yield _both(f"{name}が調査されていない", f"{name} bytes were not searched")
    if not coverage:
        yield _both("調査の記録がない", "no coverage is recorded")


def _faults(group: Sequence[Row], window: Window, enabled: str) -> Iterator[Text]:
    """Yield a fault for the uncovered stretches of one log, with what disqualifies its parts."""
    left = uncovered(group, window, enabled)
    if not left:
        return
    whys = [why for source in group if (why := unfit(source, enabled)) is not None]
    spans = ", ".join(f"{_stamp(start)}/{_stamp(end)}" for start, end in left)
    ja, en = "、".join(sorted({why["ja"] for why in whys})), ", ".join(sorted({why["en"] for why in whys}))
    yield _both(
        f"期間を覆っていない {spans}{f'（{ja}）' if ja else ''}", f"does not cover {spans}{f' ({en})' if en else ''}"
    )


def _is_of(source: Row, requirement: Requirement) -> bool:
    named = not requirement.systems or source["system"] in requirement.systems
    return named and source["artefact"] in requirement.artefacts


def _log_of(source: Row, requirement: Requirement) -> tuple[str, ...]:
    """Return the log a file is part of: its channel, or its path without snapshot and rotation number."""
    if requirement.systems:
        return source["artefact"], source["system"]
    path = re.sub(r"!snapshot:\d+|@[^/!]*(?=\.journal$)", "", source["address"].lower())
    return source["artefact"], source["system"], re.sub(r"([._-]\d+)?(\.(gz|xz|bz2|zst))?$", "", path)


def _spans(source: Row) -> Iterator[Span]:
    """Yield what a source speaks for: from its first record to its last, without its gaps."""
    at, end = source["first"], source["last"]
    for gap in sorted(source["gaps"] or (), key=lambda item: (item["start"] or _BEGIN, item["end"] or _END)):
        start, stop = gap["start"] or _BEGIN, gap["end"] or _END
        if start <= end and stop >= at:
            if at < start:
                yield at, start
            at = max(at, stop)
    if at <= end:
        yield at, end


def _meets(gap: Row, start: datetime, end: datetime) -> bool:
    return (gap["start"] is None or gap["start"] <= end) and (gap["end"] is None or gap["end"] >= start)


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _both(ja: str, en: str) -> Text:
    return {"ja": ja, "en": en}
