r"""SYSTEM: programs that the background and desktop activity moderators (BAM, DAM) saw, per user.

SOURCE: field use (Windows 10 1709 and later): ``Services\bam\State\UserSettings\<SID>`` (before 1809 without
``State``), value name = path of the program, first 8 bytes = FILETIME of its last run. Entries go after seven days,
and programs on removable media get none.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, values
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.times import from_filetime

__all__ = ["background_activity"]


def background_activity(scene: Scene) -> Iterator[Event]:
    """Yield the last run of each program by each user."""
    for service in ("bam", "dam"):
        for inner in ("State\\UserSettings", "UserSettings"):
            place = f"{scene.control}\\Services\\{service}\\{inner}"
            for user in keys(at(scene.root, place)):
                sid = user.get_name() or ""
                for name, data in values(user):
                    if len(data) >= 8 and name not in {"Version", "SequenceNumber"}:
                        yield Event(
                            time=from_filetime(int.from_bytes(data[:8], "little")), time_meaning="last run",
                            action=Action.PROGRAM_RUN, subject=name, place=f"{place}\\{sid}\\{name}", precision_us=1,
                            actor=sid, detail={"program": name, "sid": sid},
                        )  # fmt: skip
