"""The command line: one module per command, no logic.

Exit codes: 0 complete, 1 bug, 2 usage, settings or rules, 3 complete but something could not be examined, 4 integrity.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from pipeline.errors import TriageError

__all__ = ["main"]

COMMANDS: Final = {
    "init": "make a case folder with settings and keys",
    "register": "make a keyed index of a register; no value is kept",
    "run": "run all stages, or up to one; continues where it was stopped",
    "status": "what is done, and what could not be examined",
    "verify": "re-check every claim from the images",
    "report": "write the report",
    "show": "walk a claim, finding or file down to its bytes",
    "timeline": "what happened, in order of time; also for other tools",
    "prove": "write a proof that bytes are in an image, for a reader without it",
    "review": "accept or reject a finding or an event; the verdict is answered again",
    "timestamp": "have the ledger stamped by an authority outside (RFC 3161)",
    "reveal": "show a finding's value; the ledger records who looked",
    "export": "write a table to a file",
    "rules": "check the rules",
    "demo": "run the two synthetic cases",
}
"""The commands and what they do; each is the module of its name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``akashi``; returns the exit code.

    Only the modules of commands that the arguments name are imported: the others' engines take seconds to load.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="akashi", description="Forensic triage of lost media.")
    parser.add_argument("--rules", default=None, help="folder of rules (default: the project's)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name in given:
            import_module(f"{__name__}.{name}").add_to(command)
    options = parser.parse_args(given)
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
