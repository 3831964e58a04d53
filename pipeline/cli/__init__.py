"""The command line: one module per command, no logic.

Exit codes: 0 complete, 1 bug, 2 usage, settings or rules, 3 complete but something could not be examined, 4 integrity.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pipeline.cli import demo, export, init, prove, register, report, reveal, rules, run, show, status, verify
from pipeline.errors import TriageError

__all__ = ["main"]

COMMANDS = (init, register, run, status, verify, report, show, prove, reveal, export, rules, demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``akashi``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="akashi", description="Forensic triage of lost media.")
    parser.add_argument("--rules", default=None, help="folder of rules (default: the project's)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.handle(options)
    except TriageError as error:
        print(f"akashi: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has enough
        return 0
    except KeyboardInterrupt:
        print("akashi: stopped; run the same command again to continue", file=sys.stderr)
        return 130
    return code
