r"""SOFTWARE and NTUSER.DAT: installed programs, and programs that start by themselves.

SOURCE: Microsoft documentation of ``CurrentVersion\Uninstall`` (DisplayName, DisplayVersion, Publisher, InstallDate as
YYYYMMDD, InstallLocation) and ``CurrentVersion\Run`` and ``RunOnce``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, text_of, values, when
from pipeline.artefacts.hive_artefact import Scene, state

__all__ = ["installed_programs", "started_programs"]

_VIEWS: Final = ("", "WOW6432Node\\")
_FIELDS: Final = (
    ("DisplayVersion", "version"), ("Publisher", "publisher"), ("InstallDate", "installed"),
    ("InstallLocation", "folder"), ("InstallSource", "source"),
)  # fmt: skip


def installed_programs(scene: Scene) -> Iterator[Event]:
    """Yield programs with an entry for their removal; one that was removed again has none."""
    for view in _VIEWS:
        place = f"{scene.control}{view}Microsoft\\Windows\\CurrentVersion\\Uninstall"
        for key in keys(at(scene.root, place)):
            name = text_of(key, "DisplayName")
            if name:
                detail: dict[str, str | int] = {"program": name}
                detail |= {label: text for field, label in _FIELDS if (text := text_of(key, field))}
                yield Event(
                    time=when(key), time_meaning="installed or last changed", action=Action.PROGRAM_PRESENT,
                    subject=name, place=f"{place}\\{key.get_name()}", precision_us=1, actor=scene.owner, detail=detail,
                )  # fmt: skip


def started_programs(scene: Scene) -> Iterator[Event]:
    """Yield commands that run at each log-on."""
    for view in _VIEWS:
        for name in ("Run", "RunOnce"):
            place = f"{scene.control}{view}Microsoft\\Windows\\CurrentVersion\\{name}"
            for value, data in values(at(scene.root, place)):
                command = data[:8192].decode("utf-16-le", "replace").split("\0")[0]
                detail: dict[str, str | int] = {"program": command, "at": "log-on"}
                yield state(Action.TASK_SCHEDULED, command, f"{place}\\{value}", detail, actor=scene.owner)
