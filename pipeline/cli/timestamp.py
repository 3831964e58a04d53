"""``akashi timestamp CASE``: have the ledger's head stamped by an authority (RFC 3161), or do it by hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.common import case_of, ledger_of
from pipeline.errors import SettingsError
from pipeline.review.stamps import keep_token, request_for, stamp

__all__ = ["add_to"]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--request", default=None, metavar="FILE", help="write a request for an authority asked by hand")
    how.add_argument("--token", default=None, metavar="FILE", help="keep the authority's answer")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Ask the service that is set, or write a request, or keep an answer."""
    case = case_of(options)
    try:
        if options.request is not None:
            Path(options.request).write_bytes(request_for(case))
            print(f"{options.request}: the request; keep the answer with --token")
        elif options.token is not None:
            print(keep_token(case, ledger_of(case), Path(options.token).read_bytes()))
        else:
            print(stamp(case, ledger_of(case)))
    except OSError as error:
        raise SettingsError(f"{options.request or options.token}: {error.strerror}") from error
    return 0
