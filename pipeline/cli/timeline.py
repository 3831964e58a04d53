"""``akashi timeline CASE``: what happened, in order of time; also for other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from pipeline.cli.common import case_of, ledger_of
from pipeline.config import Case
from pipeline.errors import SettingsError
from pipeline.exporters.timelines import FORMATS, body_of_file, rendered
from pipeline.review.timeline import Choice, bodies, moments, parse_moment, undated
from pipeline.store import Store, file_digest

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601; without an offset, of the case's zone")
    parser.add_argument("--to", dest="stop", metavar="TIME", help="the last moment that is wanted")
    parser.add_argument("--exhibit", default="", metavar="LABEL")
    parser.add_argument("--source", default="", metavar="ARTEFACT", help="e.g. windows-event-log, file-system")
    parser.add_argument("--action", default="", metavar="WORD", help="e.g. device-connected")
    parser.add_argument("--grep", default="", metavar="RE2", help="in subject, actor, device, detail or address")
    parser.add_argument("--files", action="store_true", help="the times of files, too")
    parser.add_argument("--undated", action="store_true", help="also what keeps no time, at the end (text, csv)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument("--out", default=None, metavar="FILE")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the timeline to the screen, or to a file and tell the ledger."""
    case = case_of(options)
    if options.exhibit:
        case.exhibit(options.exhibit)
    choice, store = _choice(options, case), Store(case.out)
    if options.out is None:
        rows = _write(sys.stdout, options, choice, store, case)
    else:
        path = Path(options.out)
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                rows = _write(file, options, choice, store, case)
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written ({error.strerror})") from error
        body = {"table": "timeline", "rows": rows, "reveal": False, "output": {path.name: file_digest(path)}}
        ledger_of(case).append("export", body)
        print(f"{path}: {rows} rows")
    left = 0 if options.undated else sum(1 for _ in undated(store, choice))
    if left:
        print(f"akashi: {left} records keep no time and are not shown; add --undated", file=sys.stderr)
    return 0


def _choice(options: argparse.Namespace, case: Case) -> Choice:
    zone, times = ZoneInfo(case.timezone), []
    for option, text in (("--from", options.start), ("--to", options.stop)):
        try:
            times.append(None if text is None else parse_moment(text, zone))
        except ValueError as error:
            raise SettingsError(f"{option} {text}: no time; write 2022-06-21T22:30+09:00 or 2022-06-21") from error
    return Choice(
        start=times[0], stop=times[1], exhibit=options.exhibit, artefact=options.source, action=options.action,
        grep=options.grep, files=options.files,
    )  # fmt: skip


def _write(sink: TextIO, options: argparse.Namespace, choice: Choice, store: Store, case: Case) -> int:
    return sum(bool(sink.write(line)) for line in _lines(options, choice, store, ZoneInfo(case.timezone)))


def _lines(options: argparse.Namespace, choice: Choice, store: Store, zone: ZoneInfo) -> Iterator[str]:
    if options.format == "bodyfile":
        if choice.files:
            yield from map(body_of_file, bodies(store, choice))
        yield from rendered(moments(store, choice.without_files()), "bodyfile", zone)
        return

    def both() -> Iterator[object]:
        yield from moments(store, choice)
        if options.undated:
            yield from undated(store, choice)

    yield from rendered(both(), options.format, zone)
