"""Hives without their folder: deleted ones that lost it, and those found by their content. What they are is in them.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (base block: the end of the hive's path at 48, 64
bytes of UTF-16).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from pipeline.artefacts.amcache import ProgramInventory
from pipeline.artefacts.base import Artefact, Audit, Candidate, Fact, Trouble
from pipeline.artefacts.hive import at, load_hive, opened_hive
from pipeline.artefacts.hive_artefact import HiveArtefact
from pipeline.artefacts.ntuser_hive import NtuserHive
from pipeline.artefacts.sam_hive import SamHive
from pipeline.artefacts.security_hive import SecurityHive
from pipeline.artefacts.software_hive import SoftwareHive
from pipeline.artefacts.system_hive import SystemHive
from pipeline.artefacts.usrclass_hive import UsrclassHive
from pipeline.errors import ParseError

__all__ = ["StrayHive"]

_NAMES: Final = ("system", "software", "sam", "security", "ntuser.dat", "usrclass.dat", "amcache.hve")
_LOST: Final = re.compile(rf"/\$orphan(?:files)?/(?:.*/)?(?:{'|'.join(map(re.escape, _NAMES))})", re.DOTALL)
_USER: Final = re.compile(r"\\(?:Users|Documents and Settings)\\([^\\]+)\\", re.IGNORECASE)
_KINDS: Final[tuple[tuple[str, HiveArtefact], ...]] = (
    ("Select", SystemHive()), ("Microsoft\\Windows NT\\CurrentVersion", SoftwareHive()),
    ("SAM\\Domains", SamHive()), ("Policy\\PolAdtEv", SecurityHive()),
    ("Software\\Microsoft\\Windows\\CurrentVersion\\Explorer", NtuserHive()), ("Local Settings", UsrclassHive()),
    ("Root\\InventoryApplicationFile", ProgramInventory()), ("Root\\File", ProgramInventory()),
)  # fmt: skip
"""A key that only one kind of hive has, and the reader of that kind."""


@dataclass(frozen=True)
class StrayHive(Artefact):
    """Reads a hive by what it holds. Which system it belonged to is not known, so it only ever adds to others."""

    name: str = "stray-hive"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"/$orphanfiles/{name}" for name in _NAMES)
    carved_types: ClassVar[tuple[str, ...]] = ("regf",)

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is that of a hive below the folders of what lost its own."""
        del system
        return _LOST.fullmatch(path if path.startswith("/") else f"/{path}") is not None

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield what the reader of its kind finds; an unknown kind is an audit alone."""
        kind, trouble = None, ""
        try:
            with opened_hive(load_hive(candidate)) as root:
                kind = next((reader for key, reader in _KINDS if _holds(root, key)), None)
        except ParseError as error:
            trouble = str(error)
        if kind is not None:
            yield from kind.read(_named(candidate))
            return
        if trouble:
            yield Trouble("hive-damaged", trouble)
        yield Audit(
            system="Windows registry", owner="", first=None, last=None, records=0, gaps=(), enabled="unknown",
            state_only=True, status="unreadable" if trouble else "read",
        )  # fmt: skip


def _holds(root: Any, key: str) -> bool:
    return at(root, key) is not None


def _named(candidate: Candidate) -> Candidate:
    """Return a user's hive with the user in its path, as its base block names it; it holds 31 characters of the end."""
    end = candidate.content.read(48, 64).decode("utf-16-le", "replace").split("\0")[0]
    user = _USER.search(end)
    return replace(candidate, path=f"/Users/{user[1]}/ntuser.dat") if user is not None else candidate
