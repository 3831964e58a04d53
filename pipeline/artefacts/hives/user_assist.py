r"""NTUSER.DAT: UserAssist, the programs and links that a user started from the desktop, with counts.

SOURCE: Didier Stevens, "UserAssist"; libyal winreg-kb, "User Assist". Names are ROT13; version 3 (XP) data are 16
bytes (count at 4, from 5 on; FILETIME at 8), version 5 (7 and later) 72 bytes (count at 4, focus count at 8, focus
time in ms at 12, FILETIME at 60).
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, values
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.known_folders import with_names
from pipeline.artefacts.times import from_filetime

__all__ = ["user_assist"]

_BASE: Final = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist"
_FIRST_COUNT: Final = 5


def user_assist(scene: Scene) -> Iterator[Event]:
    """Yield what was started; entries that only had the focus have no time."""
    for group in keys(at(scene.root, _BASE)):
        for name, data in values(at(group, "Count")):
            clear = codecs.decode(name, "rot13")
            if clear.startswith("UEME_CTL") or len(data) not in {16, 72}:
                continue
            stamp, detail = _counts(data)
            program = with_names(clear.partition(":")[2] if clear.startswith("UEME_") else clear)
            time = from_filetime(stamp)
            meaning = "last started" if time is not None else "no start is dated"
            yield Event(
                time=time, time_meaning=meaning, action=Action.PROGRAM_RUN, subject=program, precision_us=1,
                actor=scene.owner, place=f"{_BASE}\\{group.get_name()}\\Count\\{name}",
                detail=detail | {"program": program},
            )  # fmt: skip


def _counts(data: bytes) -> tuple[int, dict[str, str | int]]:
    if len(data) == 16:
        _, count, stamp = struct.unpack("<IIQ", data)
        return stamp, {"count": max(count - _FIRST_COUNT, 0)}
    count, focused, focus_ms = struct.unpack_from("<III", data, 4)
    return struct.unpack_from("<Q", data, 60)[0], {"count": count, "focus_count": focused, "focus_ms": focus_ms}
