r"""NTUSER.DAT: documents and folders that Microsoft Office remembers, trusted documents, places of reading.

SOURCE: field use. ``File MRU`` and ``Place MRU`` values are ``[F…][T<FILETIME in hexadecimal>][O…]*path``, also below
``User MRU\<account>``; ``TrustRecords`` are named by the document and begin with a FILETIME, their last four bytes are
7F FF FF FF where its content was enabled; ``Reading Locations`` hold ``File Path`` and ``Datetime`` in local time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, text_of, values
from pipeline.artefacts.hive_artefact import STATE, Scene
from pipeline.artefacts.hives.explorer import wide
from pipeline.artefacts.hives.mru import numbered, time_of
from pipeline.artefacts.times import from_filetime, from_local

__all__ = ["office_documents", "office_readings", "office_trust"]

_BASE: Final = "Software\\Microsoft\\Office"
_ITEM: Final = re.compile(r"(?:\[[FO][0-9A-Fa-f]{8}\]|\[T(?P<time>[0-9A-Fa-f]{16})\])*\*(?P<path>.*)", re.DOTALL)
_ENABLED: Final = b"\xff\xff\xff\x7f"
_LISTS: Final = (
    ("File MRU", "Item ", Action.FILE_OPENED), ("Place MRU", "Item ", Action.FOLDER_OPENED),
    ("Recent Files", "File", Action.FILE_OPENED), ("Recent File List", "File", Action.FILE_OPENED),
)  # fmt: skip


def _programs(scene: Scene) -> Iterator[tuple[str, Any]]:
    for release in keys(at(scene.root, _BASE)):
        for program in keys(release):
            yield f"{_BASE}\\{release.get_name()}\\{program.get_name()}", program


def office_documents(scene: Scene) -> Iterator[Event]:
    """Yield recent documents and folders of each program, also those of signed-in accounts."""
    for place, program in _programs(scene):
        yield from _recent(scene, program, place, "")
        for user in keys(at(program, "User MRU")):
            account = user.get_name() or ""
            yield from _recent(scene, user, f"{place}\\User MRU\\{account}", account)


def _recent(scene: Scene, above: Any, place: str, account: str) -> Iterator[Event]:
    program = place.split("\\")[4]
    for name, start, action in _LISTS:
        key = at(above, name)
        for position, value, data in numbered(key, start, 1):
            found = _ITEM.fullmatch(text := wide(data))
            stamp = from_filetime(int(found["time"], 16)) if found and found["time"] else None
            time, meaning = (stamp, "last opened") if stamp else time_of(key, position, "last opened")
            detail: dict[str, str | int] = {"program": program, "position": position}
            yield Event(
                time=time, time_meaning=meaning, action=action, subject=found["path"] if found else text,
                actor=scene.owner, place=f"{place}\\{name}\\{value}", precision_us=1,
                detail=detail | ({"account": account} if account else {}),
            )  # fmt: skip


def office_trust(scene: Scene) -> Iterator[Event]:
    """Yield documents that a user let be edited, or whose content was enabled."""
    for place, program in _programs(scene):
        below = "Security\\Trusted Documents\\TrustRecords"
        for name, data in values(at(program, below)):
            time = from_filetime(int.from_bytes(data[:8], "little")) if len(data) >= 24 else None
            enabled = data[-4:] == _ENABLED
            detail: dict[str, str | int] = {
                "program": place.split("\\")[4],
                "content_enabled": "yes" if enabled else "no",
            }
            yield Event(
                time=time, time_meaning="document trusted" if time else STATE, action=Action.FILE_OPENED, subject=name,
                actor=scene.owner, place=f"{place}\\{below}\\{name}", precision_us=1, detail=detail,
            )  # fmt: skip


def office_readings(scene: Scene) -> Iterator[Event]:
    """Yield where a user stopped reading a document, and when it was closed."""
    for place, program in _programs(scene):
        for key in keys(at(program, "Reading Locations")):
            time = _local(text_of(key, "Datetime"), scene.timezone)
            detail: dict[str, str | int] = {"program": place.split("\\")[4], "position": text_of(key, "Position")}
            yield Event(
                time=time, time_meaning="document closed" if time else STATE, action=Action.FILE_OPENED,
                subject=text_of(key, "File Path"), place=f"{place}\\Reading Locations\\{key.get_name()}",
                zone=f"local {scene.timezone}", precision_us=60_000_000, actor=scene.owner, detail=detail,
            )  # fmt: skip


def _local(text: str, timezone: str) -> datetime | None:
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return None
    return from_local(naive, timezone) if naive.tzinfo is None else None
