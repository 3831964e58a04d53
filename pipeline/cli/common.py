"""What the commands share: finding a case and its rules, and who is at the keyboard."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path
from typing import Final

from pipeline.clock import SYSTEM_CLOCK
from pipeline.config import Case, load_case
from pipeline.custody import Ledger
from pipeline.errors import SettingsError
from pipeline.keys import open_keys

__all__ = ["actor", "case_of", "ledger_of", "project_root", "rules_folder"]

_UP: Final = 2


def project_root() -> Path:
    """Return the folder that holds ``rules/`` and ``cases/``: the checkout this package runs from."""
    return Path(__file__).resolve().parents[_UP]


def rules_folder(options: argparse.Namespace) -> Path:
    """Return the rules folder asked for, or the project's.

    Raises:
        SettingsError: it is not a folder.
    """
    folder = Path(options.rules) if options.rules else project_root() / "rules"
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there are no rules; name their folder with --rules")
    return folder.resolve()


def case_of(options: argparse.Namespace) -> Case:
    """Load the case named on the command line: a folder, or the name of one under ``cases/``."""
    folder = Path(options.case)
    if not folder.exists() and (project_root() / "cases" / options.case).is_dir():
        folder = project_root() / "cases" / options.case
    return load_case(folder.resolve(), rules_folder(options))


def actor() -> str:
    """Return who runs the command, for the ledger."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def ledger_of(case: Case) -> Ledger:
    """Open the ledger of a case."""
    return Ledger(case.out, open_keys(case.keys_directory), SYSTEM_CLOCK, actor())
