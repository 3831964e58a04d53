"""What every section of a report is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.config import Case
from pipeline.errors import SettingsError
from pipeline.exporters.queries import Queries
from pipeline.exporters.text import Printer
from pipeline.exporters.words import Words

__all__ = ["EDITIONS", "Material", "ReportInputs"]

EDITIONS: Final = ("committee", "public")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """What a report is written from.

    ``tables`` are Arrow tables by name; ``mask`` replaces personal values of a text; ``versions`` are those of the
    program and its engines by name; ``rules`` are digests of rule sets by name.
    """

    tables: Mapping[str, Any]
    verdict: Mapping[str, Any]
    case: Case
    mask: Callable[[str], str]
    language: str = "ja"
    edition: str = "committee"
    versions: Mapping[str, str]
    rules: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse an edition that is not written, rather than print too much."""
        if self.edition not in EDITIONS:
            raise SettingsError(f"{self.edition!r}: editions are {', '.join(EDITIONS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The inputs with the doors that sections use; ``public`` sections name no address, path, person or serial."""

    inputs: ReportInputs
    queries: Queries
    printer: Printer
    words: Words

    @property
    def public(self) -> bool:
        """Whether this is the edition for publication."""
        return self.inputs.edition == "public"

    @property
    def case(self) -> Case:
        """The case."""
        return self.inputs.case

    @property
    def labels(self) -> tuple[str, ...]:
        """The exhibits' labels in the order of ``case.toml``."""
        return tuple(exhibit.label for exhibit in self.case.exhibits)
