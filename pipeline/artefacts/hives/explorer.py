r"""NTUSER.DAT: what a user opened, typed, ran and searched for in the Explorer, and whether it was remembered at all.

SOURCE: field use. ``RecentDocs`` values hold a name in UTF-16 and a shell item of its link; ``RunMRU`` values end in
``\1``; ``TypedURLsTime`` holds FILETIMEs; ``Search\RecentApps`` holds LastAccessedTime (FILETIME) and LaunchCount.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.history import page_event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of
from pipeline.artefacts.hive_artefact import Scene, setting
from pipeline.artefacts.hives.mru import mru, numbered, time_of
from pipeline.artefacts.times import from_filetime

__all__ = ["recent_apps", "recent_documents", "remembering", "run_commands", "searches", "typed_paths", "typed_urls"]

_EXPLORER: Final = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
_SETTINGS: Final = (
    (f"{_EXPLORER}\\Advanced", "Start_TrackDocs", "recent-documents", 0),
    (f"{_EXPLORER}\\Advanced", "Start_TrackProgs", "user-assist", 0),
    ("Software\\Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer", "NoRecentDocsHistory", "recent-documents", 1),
    (
        "Software\\Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer", "ClearRecentDocsOnExit", "recent-documents",
        1,
    ),
    ("Software\\Microsoft\\Internet Explorer\\Privacy", "ClearBrowsingHistoryOnExit", "internet-explorer", 1),
)  # fmt: skip
"""Key, value, what it governs, and the value that switches it off."""


def wide(data: bytes) -> str:
    """Return the text at the start of data, at most 32,767 characters."""
    return data[:65534].decode("utf-16-le", "replace").split("\0")[0]


def recent_documents(scene: Scene) -> Iterator[Event]:
    """Yield recent documents: all of them in one order, then per extension."""
    root = at(scene.root, f"{_EXPLORER}\\RecentDocs")
    folders = {wide(data) for _, _, data in mru(at(root, "Folder"))}
    for key, place in ((root, "RecentDocs"), *((key, f"RecentDocs\\{key.get_name()}") for key in keys(root))):
        for position, name, data in mru(key):
            subject = wide(data)
            time, meaning = time_of(key, position, "last opened")
            action = Action.FOLDER_OPENED if subject in folders else Action.FILE_OPENED
            if subject:
                yield Event(
                    time=time, time_meaning=meaning, action=action, subject=subject, precision_us=1, actor=scene.owner,
                    place=f"{_EXPLORER}\\{place}\\{name}", detail={"position": position},
                )  # fmt: skip


def typed_paths(scene: Scene) -> Iterator[Event]:
    """Yield what was typed into the Explorer's address bar."""
    key = at(scene.root, f"{_EXPLORER}\\TypedPaths")
    for position, name, data in numbered(key, "url", 1):
        yield _typed(scene, key, position, f"{_EXPLORER}\\TypedPaths\\{name}", wide(data))


def _typed(scene: Scene, key: Any, position: int, place: str, text: str) -> Event:
    time, meaning = time_of(key, position, "last typed")
    return Event(
        time=time, time_meaning=meaning, action=Action.PATH_TYPED, subject=text, place=place, precision_us=1,
        actor=scene.owner, detail={"position": position},
    )  # fmt: skip


def typed_urls(scene: Scene) -> Iterator[Event]:
    """Yield addresses typed into Internet Explorer, with their own times where there are any."""
    browser = "Software\\Microsoft\\Internet Explorer"
    key, times = at(scene.root, f"{browser}\\TypedURLs"), at(scene.root, f"{browser}\\TypedURLsTime")
    for position, name, data in numbered(key, "url", 1):
        own = from_filetime(int.from_bytes(data_of(times, name)[:8], "little"))
        place, text = f"{browser}\\TypedURLs\\{name}", wide(data)
        if "://" in text:
            yield page_event(text, own or time_of(key, position)[0], place, scene.owner, "typed")
        else:
            yield _typed(scene, key, position, place, text)


def run_commands(scene: Scene) -> Iterator[Event]:
    """Yield commands of the Run dialogue."""
    key = at(scene.root, f"{_EXPLORER}\\RunMRU")
    for position, name, data in mru(key):
        text = wide(data).removesuffix("\\1")
        time, meaning = time_of(key, position, "last run")
        yield Event(
            time=time, time_meaning=meaning, action=action_of(text), subject=mask_secrets(text), precision_us=1,
            actor=scene.owner, place=f"{_EXPLORER}\\RunMRU\\{name}", detail={"position": position},
        )  # fmt: skip


def searches(scene: Scene) -> Iterator[Event]:
    """Yield words searched for in the Explorer, and in the search assistant of XP."""
    root = at(scene.root, f"{_EXPLORER}\\WordWheelQuery")
    for key, place in ((root, ""), *((key, f"\\{key.get_name()}") for key in keys(root))):
        for item in mru(key):
            yield _search(scene, key, item, f"{_EXPLORER}\\WordWheelQuery{place}")
    old = "Software\\Microsoft\\Search Assistant\\ACMru"
    for key in keys(at(scene.root, old)):
        for item in numbered(key, "", 0):
            yield _search(scene, key, item, f"{old}\\{key.get_name()}")


def _search(scene: Scene, key: Any, item: tuple[int, str, bytes], place: str) -> Event:
    position, name, data = item
    time, meaning = time_of(key, position, "last searched for")
    return Event(
        time=time, time_meaning=meaning, action=Action.SEARCHED, subject=wide(data), precision_us=1, actor=scene.owner,
        place=f"{place}\\{name}", detail={"position": position},
    )  # fmt: skip


def recent_apps(scene: Scene) -> Iterator[Event]:
    """Yield programs and files of the search menu of Windows 10 up to 1803."""
    base = "Software\\Microsoft\\Windows\\CurrentVersion\\Search\\RecentApps"
    for app in keys(at(scene.root, base)):
        place, program = f"{base}\\{app.get_name()}", text_of(app, "AppId")
        detail: dict[str, str | int] = {"program": program, "count": number_of(app, "LaunchCount") or 0}
        yield Event(
            time=from_filetime(number_of(app, "LastAccessedTime") or 0), time_meaning="last run", precision_us=1,
            action=Action.PROGRAM_RUN, subject=program, actor=scene.owner, place=place, detail=detail,
        )  # fmt: skip
        for item in keys(at(app, "RecentItems")):
            yield Event(
                time=from_filetime(number_of(item, "LastAccessedTime") or 0), time_meaning="last opened",
                action=Action.FILE_OPENED, subject=text_of(item, "Path"), actor=scene.owner, precision_us=1,
                place=f"{place}\\RecentItems\\{item.get_name()}", detail={"program": program},
            )  # fmt: skip


def remembering(scene: Scene) -> Iterator[Event]:
    """Yield the settings by which a user's recent documents and programs are remembered or not."""
    for place, name, governs, off in _SETTINGS:
        key = at(scene.root, place)
        value = number_of(key, name)
        if value is not None:
            switched = "off" if bool(value) == bool(off) else "on"
            detail: dict[str, str | int] = {"governs": governs, "state": switched, "value": value}
            yield setting(name, key, f"{place}\\{name}", detail)
