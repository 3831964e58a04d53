r"""NTUSER.DAT and UsrClass.dat: shell bags, the folders that a user opened, on removable volumes and shares too.

Each numbered value of a ``BagMRU`` key is a folder below the key's own; the key's time is that of the folder opened
last below it, and of no other.

SOURCE: Yogesh Khatri and Joachim Metz on shell bags; ``Shell`` and ``ShellNoRoam`` (XP) in NTUSER.DAT, ``Local
Settings\Software\Microsoft\Windows\Shell`` in UsrClass.dat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.hives.dialogs import entry_detail
from pipeline.artefacts.hives.mru import mru, time_of
from pipeline.artefacts.shell_entries import ShellEntry, joined, shell_entries

__all__ = ["shell_bags"]

_PLACES: Final = (
    "Software\\Microsoft\\Windows\\Shell\\BagMRU", "Software\\Microsoft\\Windows\\ShellNoRoam\\BagMRU",
    "Local Settings\\Software\\Microsoft\\Windows\\Shell\\BagMRU",
    "Local Settings\\Software\\Microsoft\\Windows\\ShellNoRoam\\BagMRU",
)  # fmt: skip
_SAME_HOST: Final = frozenset({"wsl$", "wsl.localhost"})
"""Shares of the Linux subsystem, which are this host's own."""
_DEEPEST: Final = 64
_MOST: Final = 200_000


@dataclass(slots=True)
class _Walk:
    scene: Scene
    left: int = _MOST
    above: list[ShellEntry] = field(default_factory=list)


def shell_bags(scene: Scene) -> Iterator[Event]:
    """Yield the folders of every tree of bags.

    Raises:
        ValueError: there are more folders, or deeper ones, than are read.
    """
    for place in _PLACES:
        yield from _below(_Walk(scene), at(scene.root, place), place)


def _below(walk: _Walk, key: Any, place: str) -> Iterator[Event]:
    if key is None:
        return
    if len(walk.above) > _DEEPEST:
        message = "shell bags nest deeper than they are read"
        raise ValueError(message)
    for position, name, data in mru(key):
        if not (name.isascii() and name.isdigit()):
            continue
        walk.left -= 1
        if walk.left < 0:
            message = f"more than {_MOST} shell bags"
            raise ValueError(message)
        entry = next(shell_entries(data), None) or ShellEntry(name="", kind="unknown", guessed=True)
        walk.above.append(entry)
        yield _event(walk, key, position, f"{place}\\{name}")
        yield from _below(walk, at(key, name), f"{place}\\{name}")
        walk.above.pop()


def _event(walk: _Walk, key: Any, position: int, place: str) -> Event:
    path, entry = joined(walk.above), walk.above[-1]
    time, meaning = time_of(key, position, "last opened")
    detail = entry_detail(entry) | {"position": position}
    host = path.removeprefix("\\\\").split("\\")[0] if path.startswith("\\\\") else ""
    host = "" if host.lower() in _SAME_HOST else host
    return Event(
        time=time, time_meaning=meaning, action=Action.SHARE_ACCESSED if host else Action.FOLDER_OPENED,
        subject=path or "(unreadable shell item)", place=place, precision_us=1, actor=walk.scene.owner,
        detail=detail | ({"host": host} if host else {}),
    )  # fmt: skip
