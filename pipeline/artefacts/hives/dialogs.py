r"""NTUSER.DAT: files and folders chosen in dialogues to open and save, and the programs that showed them.

SOURCE: field use. ``OpenSavePidlMRU\<extension>`` values are lists of shell items; ``LastVisitedPidlMRU`` and
``CIDSizeMRU`` values begin with the program's name in UTF-16, the former go on with the folder's items. XP has
``OpenSaveMRU`` (text) and ``LastVisitedMRU`` (program and folder in UTF-16).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.hives.explorer import wide
from pipeline.artefacts.hives.mru import mru, time_of
from pipeline.artefacts.shell_entries import ShellEntry, joined, shell_entries

__all__ = ["chosen_files", "dialogue_programs", "entry_detail", "visited_folders"]

_BASE: Final = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\ComDlg32"


def entry_detail(entry: ShellEntry) -> dict[str, str | int]:
    """Return what a shell item says of its file or folder."""
    detail: dict[str, str | int] = {"item": entry.kind}
    if entry.record:
        detail |= {"mft_record": entry.record, "mft_sequence": entry.sequence}
    for name, time in (("target_created", entry.created), ("target_modified", entry.modified)):
        detail |= {name: time.isoformat()} if time is not None else {}
    if entry.size and entry.kind == "file":
        detail["bytes"] = entry.size
    return detail | ({"name_is": "guessed"} if entry.guessed else {})


def _chosen(scene: Scene, key: Any, item: tuple[int, str, bytes], place: str, entries: bytes) -> Iterator[Event]:
    position, name, data = item
    program = wide(data) if entries is not data else ""
    items = list(shell_entries(entries))
    if items:
        time, meaning = time_of(key, position, "last chosen")
        detail = entry_detail(items[-1]) | {"position": position} | ({"program": program} if program else {})
        yield Event(
            time=time, time_meaning=meaning, action=Action.FILE_CHOSEN, subject=joined(items), precision_us=1,
            actor=scene.owner, place=f"{_BASE}\\{place}\\{name}", detail=detail,
        )  # fmt: skip


def chosen_files(scene: Scene) -> Iterator[Event]:
    """Yield files opened from or saved to, per extension."""
    for key in keys(at(scene.root, f"{_BASE}\\OpenSavePidlMRU")):
        for item in mru(key):
            yield from _chosen(scene, key, item, f"OpenSavePidlMRU\\{key.get_name()}", item[2])
    for key in keys(at(scene.root, f"{_BASE}\\OpenSaveMRU")):
        for position, name, data in mru(key):
            yield _text(scene, key, (position, name, wide(data)), f"OpenSaveMRU\\{key.get_name()}", "")


def _text(scene: Scene, key: Any, item: tuple[int, str, str], place: str, program: str) -> Event:
    position, name, subject = item
    time, meaning = time_of(key, position, "last chosen")
    detail: dict[str, str | int] = {"position": position}
    return Event(
        time=time, time_meaning=meaning, action=Action.FILE_CHOSEN, subject=subject, precision_us=1, actor=scene.owner,
        place=f"{_BASE}\\{place}\\{name}", detail=detail | ({"program": program} if program else {}),
    )  # fmt: skip


def visited_folders(scene: Scene) -> Iterator[Event]:
    """Yield the folder that each program opened from or saved to last."""
    for place in ("LastVisitedPidlMRU", "LastVisitedPidlMRULegacy"):
        key = at(scene.root, f"{_BASE}\\{place}")
        for item in mru(key):
            yield from _chosen(scene, key, item, place, item[2][2 * len(wide(item[2])) + 2 :])
    key = at(scene.root, f"{_BASE}\\LastVisitedMRU")
    for position, name, data in mru(key):
        program, _, folder = data[:65534].decode("utf-16-le", "replace").partition("\0")
        yield _text(scene, key, (position, name, folder.split("\0")[0]), "LastVisitedMRU", program)


def dialogue_programs(scene: Scene) -> Iterator[Event]:
    """Yield the programs that showed such a dialogue."""
    key = at(scene.root, f"{_BASE}\\CIDSizeMRU")
    for position, name, data in mru(key):
        program = wide(data)
        time, meaning = time_of(key, position, "last showed a dialogue for files")
        yield Event(
            time=time, time_meaning=meaning, action=Action.PROGRAM_RUN, subject=program, precision_us=1,
            actor=scene.owner, place=f"{_BASE}\\CIDSizeMRU\\{name}", detail={"position": position, "program": program},
        )  # fmt: skip
