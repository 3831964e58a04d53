r"""SAM: the accounts of the host, with their last log-on and how often they logged on.

SOURCE: libyal winreg-kb, "Security Accounts Manager" (``F``: last log-on at 8, password set at 24, last wrong password
at 40, relative identifier at 48, flags at 56, wrong passwords at 64, log-ons at 66; ``V``: place and length of the name
at 12, of the full name at 24, of the comment at 36, places counted from 204 on); [MS-SAMR] 2.2.1.12 (flags).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, when
from pipeline.artefacts.hive_artefact import STATE, Scene
from pipeline.artefacts.times import from_filetime

__all__ = ["accounts"]

_BASE: Final = "SAM\\Domains\\Account\\Users"
_DISABLED: Final = 0x0001
_NO_PASSWORD: Final = 0x0004


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    place: str
    detail: dict[str, str | int]
    times: tuple[tuple[Action, str, datetime | None], ...]


def accounts(scene: Scene) -> Iterator[Event]:
    """Yield each account, and the last times it logged on, failed to and was given a password.

    Raises:
        ValueError: an account's data are cut off.
    """
    named = {key.get_name() or "": when(key) for key in keys(at(scene.root, f"{_BASE}\\Names"))}
    for key in keys(at(scene.root, _BASE)):
        if key.get_name() == "Names":
            continue
        account = _account(key)
        made = named.get(account.name)
        yield Event(
            time=made, time_meaning="account made or renamed" if made else STATE, action=Action.ACCOUNT_KNOWN,
            subject=account.name, place=account.place, precision_us=1, actor=account.name, detail=account.detail,
        )  # fmt: skip
        for action, meaning, time in account.times:
            if time is not None:
                yield Event(
                    time=time, time_meaning=meaning, action=action, subject=account.name, place=account.place,
                    precision_us=1, actor=account.name, detail=account.detail,
                )  # fmt: skip


def _account(key: Any) -> _Account:
    fixed, variable = data_of(key, "F"), data_of(key, "V")
    if len(fixed) < 68 or len(variable) < 48:
        message = f"the data of account {key.get_name()} are cut off"
        raise ValueError(message)
    last, _, password, _, failed, number = struct.unpack_from("<QQQQQI", fixed, 8)
    flags, wrong, count = struct.unpack_from("<H6xHH", fixed, 56)
    name = _text(variable, 12)
    detail: dict[str, str | int] = {"account": name, "rid": number, "count": count, "wrong_passwords": wrong}
    detail["enabled"] = "no" if flags & _DISABLED else "yes"
    detail["password_needed"] = "no" if flags & _NO_PASSWORD else "yes"
    for label, place in (("full_name", 24), ("comment", 36)):
        detail |= {label: text} if (text := _text(variable, place)) else {}
    times = (
        (Action.LOGON, "last log-on", from_filetime(last)),
        (Action.LOGON_FAILED, "last wrong password", from_filetime(failed)),
        (Action.ACCOUNT_KNOWN, "password last set", from_filetime(password)),
    )
    return _Account(name, f"{_BASE}\\{key.get_name()}", detail, times)


def _text(data: bytes, at_: int) -> str:
    start, length = struct.unpack_from("<II", data, at_)
    return data[204 + start : 204 + start + min(length, 4096)].decode("utf-16-le", "replace")
