"""``akashi report CASE``: the report for the committee, or its masked edition for publication."""

from __future__ import annotations

import argparse

from pipeline.cli.common import case_of, ledger_of
from pipeline.config import LANGUAGES
from pipeline.errors import SettingsError
from pipeline.review.documents import EDITIONS, FORMATS, write_reports

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--edition", choices=EDITIONS, default="committee")
    parser.add_argument("--format", default="html", metavar="LIST", help=f"comma-separated: {', '.join(FORMATS)}")
    parser.add_argument("--lang", choices=LANGUAGES, default=None, help="default: the case's language")
    parser.add_argument("--reviewed", action="store_true", help="without what reviewers rejected")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the documents and tell the ledger."""
    case = case_of(options)
    forms = options.format.split(",")
    unknown = [form for form in forms if form not in FORMATS]
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: not a format of this version; it writes {', '.join(FORMATS)}")
    language = options.lang or case.language
    documents = write_reports(case, edition=options.edition, language=language, reviewed=options.reviewed)
    ledger_of(case).append("report", {"edition": options.edition, "documents": documents})
    for name in sorted(documents):
        print(case.out / name)
    return 0
