"""NTUSER.DAT: what a user opened, chose, typed, searched for, ran, mounted and connected to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.hive_artefact import HiveArtefact, Scene, Section
from pipeline.artefacts.hives import bags, deleted, dialogs, explorer, office, programs, remote, tools, user_assist

__all__ = ["NtuserHive"]


@dataclass(frozen=True)
class NtuserHive(HiveArtefact):
    """Reads a user's own hive; the folder it lies in names the owner."""

    name: str = "ntuser-hive"
    version: int = 3
    required: ClassVar[str] = "Software"
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/ntuser.dat", "/documents and settings/*/ntuser.dat", "/users/*/ntuser.man",
        "/windows/serviceprofiles/*/ntuser.dat",
    )  # fmt: skip
    sections: ClassVar[tuple[Section, ...]] = (
        explorer.remembering, explorer.recent_documents, explorer.typed_paths, explorer.typed_urls,
        explorer.run_commands, explorer.searches, explorer.recent_apps, dialogs.chosen_files, dialogs.visited_folders,
        dialogs.dialogue_programs, user_assist.user_assist, bags.shell_bags, office.office_documents,
        office.office_trust, office.office_readings, remote.mount_points, remote.mapped_drives,
        remote.desktop_sessions, remote.putty, remote.winscp, tools.seven_zip, tools.winrar, tools.ccleaner,
        tools.sysinternals, tools.applet_files, tools.feature_usage, programs.installed_programs,
        programs.started_programs, deleted.deleted_mounts,
    )  # fmt: skip

    def scene(self, root: Any, candidate: Candidate) -> Scene:
        """Begin paths that SOFTWARE has too with ``Software``."""
        return Scene(root, control="Software\\", owner=owner_of(candidate.path), timezone=candidate.timezone)
