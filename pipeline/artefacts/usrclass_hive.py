"""UsrClass.dat: a user's shell bags and the programs whose names the shell showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.hive_artefact import HiveArtefact, Section
from pipeline.artefacts.hives import bags, tools

__all__ = ["UsrclassHive"]


@dataclass(frozen=True)
class UsrclassHive(HiveArtefact):
    """Reads the hive that holds most shell bags since Windows 7."""

    name: str = "usrclass-hive"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/microsoft/windows/usrclass.dat",
        "/documents and settings/*/local settings/application data/microsoft/windows/usrclass.dat",
    )
    sections: ClassVar[tuple[Section, ...]] = (bags.shell_bags, tools.named_programs)
