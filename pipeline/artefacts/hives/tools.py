r"""NTUSER.DAT and UsrClass.dat: programs that pack, wipe and show files, as they remember themselves.

SOURCE: field use. 7-Zip ``Compression\ArcHistory`` and its like are strings in UTF-16 one behind the other; WinRAR
numbers values, 0 the last used; ``Applets\Paint\Recent File List`` likewise from ``File1`` on; CCleaner writes
``UpdateKey`` in local time; SysInternals tools write ``EulaAccepted`` at their first start; ``MuiCache`` names a
program's file before ``.FriendlyAppName``; ``FeatureUsage`` counts uses of the task bar.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of, values, when
from pipeline.artefacts.hive_artefact import STATE, Scene, state
from pipeline.artefacts.hives.explorer import wide
from pipeline.artefacts.hives.mru import numbered, time_of
from pipeline.artefacts.known_folders import with_names
from pipeline.artefacts.times import from_local

__all__ = [
    "applet_files", "ccleaner", "feature_usage", "named_programs", "seven_zip", "sysinternals", "winrar",
]  # fmt: skip

_SEVEN: Final = (
    ("Compression", "ArcHistory", Action.ARCHIVE_COMMAND, "archive made"),
    ("Extraction", "PathHistory", Action.FOLDER_OPENED, "folder unpacked to"),
    ("FM", "FolderHistory", Action.FOLDER_OPENED, "folder shown"),
    ("FM", "CopyHistory", Action.FOLDER_OPENED, "folder copied to"),
    ("FM", "PanelPath0", Action.FOLDER_OPENED, "folder shown last"),
    ("FM", "PanelPath1", Action.FOLDER_OPENED, "folder shown last"),
)  # fmt: skip
_RAR: Final = (
    ("ArcHistory", Action.FILE_OPENED, "archive opened"),
    ("DialogEditHistory\\ArcName", Action.ARCHIVE_COMMAND, "archive made"),
    ("DialogEditHistory\\ExtrPath", Action.FOLDER_OPENED, "folder unpacked to"),
)
_WIPERS: Final = frozenset({"sdelete"})
_AT_ONCE: Final = timedelta(seconds=2)
_MANY: Final = 4
_STAMPS: Final = ("%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")


def seven_zip(scene: Scene) -> Iterator[Event]:
    """Yield archives made and folders shown by 7-Zip."""
    for folder, name, action, shows in _SEVEN:
        key, place = at(scene.root, f"Software\\7-Zip\\{folder}"), f"Software\\7-Zip\\{folder}\\{name}"
        texts = data_of(key, name)[: 1 << 20].decode("utf-16-le", "replace").split("\0")
        for position, text in enumerate(text for text in texts if text):
            detail: dict[str, str | int] = {"program": "7-zip", "position": position, "shows": shows}
            yield state(action, text, f"{place}\\{position}", detail, actor=scene.owner)


def winrar(scene: Scene) -> Iterator[Event]:
    """Yield archives opened and made, and folders unpacked to, by WinRAR."""
    for folder, action, shows in _RAR:
        place = f"Software\\WinRAR\\{folder}"
        key = at(scene.root, place)
        for position, name, data in numbered(key, "", 0):
            time, meaning = time_of(key, position)
            yield Event(
                time=time, time_meaning=meaning, action=action, subject=wide(data), actor=scene.owner, precision_us=1,
                place=f"{place}\\{name}", detail={"program": "winrar", "position": position, "shows": shows},
            )  # fmt: skip


def ccleaner(scene: Scene) -> Iterator[Event]:
    """Yield that CCleaner ran for this user: its choice of what to wipe, and its last look for updates."""
    place = "Software\\Piriform\\CCleaner"
    key = at(scene.root, place)
    chosen = [name[5:] for name, data in values(key) if name.startswith("(App)") and wide(data).lower() == "true"]
    if key is None:
        return
    detail: dict[str, str | int] = {"program": "ccleaner", "wipes": ", ".join(sorted(chosen))[:4000]}
    yield state(Action.WIPING_TOOL, "CCleaner is set up", place, detail, actor=scene.owner)
    looked = text_of(key, "UpdateKey")
    if looked:
        time = _stamp(looked, scene.timezone)
        yield Event(
            time=time, time_meaning="looked for an update" if time else STATE, action=Action.WIPING_TOOL,
            subject="CCleaner looked for an update", place=f"{place}\\UpdateKey", zone=f"local {scene.timezone}",
            actor=scene.owner, detail={"program": "ccleaner", "written": looked},
        )  # fmt: skip


def _stamp(text: str, timezone: str) -> datetime | None:
    for layout in _STAMPS:
        try:
            return from_local(datetime.strptime(text, layout), timezone)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def sysinternals(scene: Scene) -> Iterator[Event]:
    """Yield tools whose licence was accepted: at a first start, or for many tools at once by a script."""
    base = "Software\\SysInternals"
    tools = [key for key in keys(at(scene.root, base)) if number_of(key, "EulaAccepted")]
    times = [time for key in tools if (time := when(key)) is not None]
    for key in tools:
        name, time = key.get_name() or "", when(key)
        together = sum(abs(other - time) <= _AT_ONCE for other in times) if time is not None else 0
        alone = together < _MANY
        wiper = name.lower() in _WIPERS and alone
        action = Action.WIPING_TOOL if wiper else Action.PROGRAM_RUN if alone else Action.PROGRAM_PRESENT
        detail: dict[str, str | int] = {"program": name, "accepted_together": together}
        if not alone:
            detail["shows"] = "licences of many tools were accepted at once; no start is shown"
        # A tool that keeps settings here writes them at each end, which moves the time of the key.
        meaning = "licence accepted" if key.get_number_of_values() == 1 else "licence accepted or settings last written"
        yield Event(
            time=time, time_meaning=meaning, action=action, subject=name, actor=scene.owner, precision_us=1,
            place=f"{base}\\{name}\\EulaAccepted", detail=detail,
        )  # fmt: skip


def applet_files(scene: Scene) -> Iterator[Event]:
    """Yield recent files of Paint and WordPad."""
    base = "Software\\Microsoft\\Windows\\CurrentVersion\\Applets"
    for program in keys(at(scene.root, base)):
        key, place = at(program, "Recent File List"), f"{base}\\{program.get_name()}\\Recent File List"
        for position, name, data in numbered(key, "File", 1):
            time, meaning = time_of(key, position, "last opened")
            yield Event(
                time=time, time_meaning=meaning, action=Action.FILE_OPENED, subject=wide(data), actor=scene.owner,
                place=f"{place}\\{name}", precision_us=1, detail={"program": program.get_name(), "position": position},
            )  # fmt: skip


def feature_usage(scene: Scene) -> Iterator[Event]:
    """Yield how often programs were started from, switched to or shown in the task bar."""
    base = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\FeatureUsage"
    for feature in keys(at(scene.root, base)):
        kind = feature.get_name() or ""
        for name, data in values(feature):
            detail: dict[str, str | int] = {"program": with_names(name), "count": _count(data), "feature": kind}
            yield state(Action.PROGRAM_RUN, with_names(name), f"{base}\\{kind}\\{name}", detail, actor=scene.owner)


def _count(data: bytes) -> int:
    return int.from_bytes(data[:4], "little")


def named_programs(scene: Scene) -> Iterator[Event]:
    """Yield programs whose name the shell showed, normally when they were started."""
    for base in ("", "Software\\Classes\\"):
        place = f"{base}Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache"
        for name, data in values(at(scene.root, place)):
            if name.endswith(".FriendlyAppName"):
                yield _named(scene, name.removesuffix(".FriendlyAppName"), wide(data), place)


def _named(scene: Scene, program: str, shown: str, place: str) -> Event:
    detail: dict[str, Any] = {"program": program, "shown_as": shown}
    return state(Action.PROGRAM_RUN, program, f"{place}\\{program}", detail, actor=scene.owner)
