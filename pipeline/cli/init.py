"""``akashi init CASE``: a new case folder with its settings and keys."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from pipeline.errors import SettingsError
from pipeline.keys import create_keys

__all__ = ["add_to"]

_TEMPLATE: Final = """\
[case]
id = "{id}"
title = "{id}"
timezone = "Asia/Tokyo"          # FAT and log local times are read in it
language = "ja"

[incident]
lost_from = 2022-06-21T22:30:00+09:00         # change: when the medium was last in hand
recovered_at = 2022-06-24T11:40:00+09:00      # change: when it was in hand again
discovered_at = 2022-06-22T15:45:00+09:00     # change: when the loss became known
regime = "administrative-body"                # or "business"

# One block per medium; image is the first segment, relative to this file.
# [[exhibit]]
# label = "USB-01"
# role = "recovered-media"         # recovered-media | workstation | server
# image = "images/usb.E01"
# authorised = ["resident-register"]

# [[dataset]]
# id = "resident-register"
# title = "住民基本台帳"
# register = "registers/residents.akr"        # akashi register build CSV --dataset resident-register --case .

[keys]
directory = "secrets"
# What opens encrypted volumes lies there too, mode 0600: passwords.txt with a key a line (`key` for any volume,
# `USB-01!part:p2 = key` for one; also by exhibit, device serial or identifier; `file:NAME` for a key file),
# BitLocker's *.BEK and saved recovery keys (*.txt), FileVault's *.wipekey. Only the kind of key is recorded.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("case", metavar="CASE", help="folder of the case; an existing case gets the keys that it lacks")
    parser.set_defaults(handle=handle)


def handle(options: argparse.Namespace) -> int:
    """Make the folder, unless there is one."""
    folder = Path(options.case)
    settings = folder / "case.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not settings.exists():
            settings.write_text(_TEMPLATE.format(id=folder.resolve().name), encoding="utf-8")
            print(f"made {settings}; name the exhibits in it")
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be made ({error.strerror})") from error
    keys = create_keys(folder / "secrets")
    print(f"keys in {folder / 'secrets'}; the ledger's public key is {keys.public_hex}")
    return 0
