"""Sections of a settings file as frozen values: every error names file, line and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import SettingsError

__all__ = ["Place", "check", "section", "settings_text"]

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where settings stand, for messages."""

    path: Path
    text: str
    section: str = field(default="")

    def line_of(self, key: str) -> int:
        """Best line for a key: its first occurrence behind its section's header."""
        start = self.text.find(f"[{self.section}]") if self.section else 0
        match = re.compile(rf"^[^#\n]*?\b{re.escape(key)}\b", re.MULTILINE).search(self.text, max(start, 0))
        where = match.end() if match else max(start, 0)
        return self.text.count("\n", 0, where) + 1

    def error(self, key: str, message: str) -> SettingsError:
        """Return the error of one key, with file and line."""
        return SettingsError(f"{self.path}:{self.line_of(key)}: {message}")

    def at(self, section: str) -> Place:
        """Return the place of one of its sections."""
        return Place(self.path, self.text, section)


def settings_text(path: Path) -> str:
    """Return the text of a settings file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); make a case with `akashi init`") from error


def section(kind: type[T], values: Any, place: Place, **given: Any) -> T:
    """Build a settings class from a TOML table, refusing unknown and missing keys."""
    if not isinstance(values, Mapping):
        raise place.error(place.section, f"[{place.section}] must be a table")
    names = {item.name.rstrip("_"): item for item in fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise place.error(key, f"unknown key {key!r} in [{place.section}]; known are {', '.join(names)}")
    for name, item in names.items():
        required = item.default is MISSING and item.default_factory is MISSING
        if required and name not in values and item.name not in given:
            raise place.error(place.section, f"[{place.section}] needs {name!r}")
    plain = {names[key].name: _typed(names[key].type, value, key, place) for key, value in values.items()}
    return kind(**{**plain, **given})


def _typed(kind: Any, value: Any, key: str, place: Place) -> Any:
    """Check a plain TOML value against the annotation of its field; tables are checked by their own builders."""
    wanted: dict[str, type] = {"bool": bool, "str": str, "int": int, "datetime": datetime}
    base = str(kind).removesuffix(" | None")
    if base in wanted and (not isinstance(value, wanted[base]) or isinstance(value, bool) != (base == "bool")):
        raise place.error(key, f"{key!r} must be {base}, not {type(value).__name__}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise place.error(key, f"{key!r} needs an offset, as in 2022-06-21T22:30:00+09:00")
    return value


def check(holds: bool, place: Place, key: str, message: str) -> None:
    """Refuse a value that does not hold."""
    if not holds:
        raise place.error(key, f"{key} {message}")
