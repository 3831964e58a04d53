"""Settings: one frozen value read from ``case.toml``; an unknown key is an error with file and line."""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.errors import SettingsError

__all__ = [
    "Acquisition",
    "Case",
    "CustodyTransfer",
    "Dataset",
    "Exhibit",
    "Incident",
    "Limits",
    "load_case",
]

ROLES: Final = ("recovered-media", "workstation", "server")
REGIMES: Final = ("administrative-body", "business")
LANGUAGES: Final = ("ja", "en")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """When the medium was lost, missed and recovered; ``regime`` selects the legal thresholds."""

    lost_from: datetime
    recovered_at: datetime
    discovered_at: datetime | None = None
    regime: str = "administrative-body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """Who made the image, when and how."""

    by: str = ""
    at: datetime | None = None
    tool: str = ""
    witness: str = ""
    seal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyTransfer:
    """One hand-over of the medium."""

    at: datetime
    from_: str = ""
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One medium of the case. ``image`` is absolute after loading."""

    label: str
    role: str
    image: Path
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    serial: str | None = None
    acquired: Acquisition = Acquisition()
    custody: tuple[CustodyTransfer, ...] = ()
    authorised: tuple[str, ...] = ()
    timezone: str = ""
    code_page: str = "cp932"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A body of protected data; ``register`` is its keyed index, absolute after loading."""

    id: str
    title: str
    register: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one item's examination. Memory and sizes in bytes, times in seconds."""

    item_memory: int = 4 << 30
    item_seconds: int = 180
    seconds_per_mib: int = 2
    member_depth: int = 6
    members: int = 20_000
    member_bytes: int = 512 << 20
    total_bytes: int = 4 << 30
    ratio: int = 2_000
    decode_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as its ``case.toml`` states it."""

    root: Path
    id: str
    title: str
    timezone: str
    language: str
    incident: Incident
    exhibits: tuple[Exhibit, ...]
    datasets: tuple[Dataset, ...] = ()
    keys_directory: Path
    rules_directory: Path
    limits: Limits = Limits()

    @property
    def out(self) -> Path:
        """Folder of everything produced."""
        return self.root / "out"

    def exhibit(self, label: str) -> Exhibit:
        """Return the exhibit of a label; SettingsError where there is none."""
        for exhibit in self.exhibits:
            if exhibit.label == label:
                return exhibit
        known = ", ".join(exhibit.label for exhibit in self.exhibits)
        raise SettingsError(f"{self.root}: there is no exhibit {label!r}; the case has {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseSection:
    id: str
    title: str
    timezone: str = "Asia/Tokyo"
    language: str = "ja"


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeysSection:
    directory: str = "secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RulesSection:
    directory: str = ""


@dataclass(frozen=True)
class _Place:
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


def load_case(folder: Path, rules_directory: Path) -> Case:
    """Read ``case.toml`` of a case folder.

    Args:
        folder: the case folder, or the path of its ``case.toml``.
        rules_directory: the rules to use where the case names none.

    Raises:
        SettingsError: it is missing, not TOML, has an unknown key or a value that cannot be; file and line are named.
    """
    path = folder if folder.name == "case.toml" else folder / "case.toml"
    place = _Place(path, _text(path))
    try:
        tree = tomllib.loads(place.text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    known = {"case", "incident", "exhibit", "dataset", "keys", "rules", "limits"}
    for key in tree:
        if key not in known:
            raise place.error(key, f"unknown section {key!r}; known are {', '.join(sorted(known))}")
    return _case(tree, place, rules_directory)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); make a case with `akashi init`") from error


def _case(tree: Mapping[str, Any], place: _Place, rules_directory: Path) -> Case:
    root = place.path.parent.resolve()
    section = _section(_CaseSection, tree.get("case", {}), _at(place, "case"))
    if not _LABEL.fullmatch(section.id):
        raise _at(place, "case").error("id", f"id {section.id!r} must be letters, digits, dot, dash or underscore")
    _check(section.language in LANGUAGES, _at(place, "case"), "language", f"must be one of {LANGUAGES}")
    _check_zone(section.timezone, _at(place, "case"))
    datasets = tuple(_dataset(item, root, _at(place, "dataset")) for item in tree.get("dataset", []))
    exhibits = tuple(_exhibit(item, root, section.timezone, _at(place, "exhibit")) for item in tree.get("exhibit", []))
    _check_names(exhibits, datasets, place)
    keys = _section(_KeysSection, tree.get("keys", {}), _at(place, "keys"))
    rules = _section(_RulesSection, tree.get("rules", {}), _at(place, "rules"))
    return Case(
        root=root,
        id=section.id,
        title=section.title,
        timezone=section.timezone,
        language=section.language,
        incident=_incident(tree.get("incident", {}), _at(place, "incident")),
        exhibits=exhibits,
        datasets=datasets,
        keys_directory=root / keys.directory,
        rules_directory=root / rules.directory if rules.directory else rules_directory,
        limits=_section(Limits, tree.get("limits", {}), _at(place, "limits")),
    )


def _at(place: _Place, section: str) -> _Place:
    return _Place(place.path, place.text, section)


def _section(kind: type[T], values: Any, place: _Place, **given: Any) -> T:
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


def _typed(kind: Any, value: Any, key: str, place: _Place) -> Any:
    """Check a plain TOML value against the annotation of its field; tables are checked by their own builders."""
    wanted: dict[str, type] = {"str": str, "int": int, "datetime": datetime}
    base = str(kind).removesuffix(" | None")
    if base in wanted and not (isinstance(value, wanted[base]) and not isinstance(value, bool)):
        raise place.error(key, f"{key!r} must be {base}, not {type(value).__name__}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise place.error(key, f"{key!r} needs an offset, as in 2022-06-21T22:30:00+09:00")
    return value


def _check(holds: bool, place: _Place, key: str, message: str) -> None:
    if not holds:
        raise place.error(key, f"{key} {message}")


def _check_zone(name: str, place: _Place) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise place.error("timezone", f"timezone {name!r} is unknown; use a name such as Asia/Tokyo") from error


def _incident(values: Any, place: _Place) -> Incident:
    incident = _section(Incident, values, place)
    _check(incident.regime in REGIMES, place, "regime", f"must be one of {REGIMES}")
    _check(incident.lost_from < incident.recovered_at, place, "recovered_at", "must be later than lost_from")
    return incident


def _dataset(values: Any, root: Path, place: _Place) -> Dataset:
    dataset = _section(Dataset, values, place)
    register = values.get("register")
    return Dataset(id=dataset.id, title=dataset.title, register=root / register if register else None)


def _exhibit(values: Any, root: Path, zone: str, place: _Place) -> Exhibit:
    if not isinstance(values, Mapping):
        raise place.error("exhibit", "use [[exhibit]] for each exhibit")
    rest = {key: value for key, value in values.items() if key not in {"acquired", "custody", "authorised"}}
    given = {
        "acquired": _section(Acquisition, values.get("acquired", {}), place),
        "custody": tuple(_transfer(item, place) for item in values.get("custody", [])),
        "authorised": tuple(values.get("authorised", ())),
    }
    exhibit = _section(Exhibit, rest, place, **given)
    _check(exhibit.role in ROLES, place, "role", f"must be one of {ROLES}")
    _check(bool(_LABEL.fullmatch(exhibit.label)), place, "label", "must be letters, digits, dot, dash, underscore")
    for name, length in _HASH_LENGTHS.items():
        value = getattr(exhibit, name)
        if value is not None:
            _check(bool(re.fullmatch(f"[0-9a-fA-F]{{{length}}}", value)), place, name, f"must be {length} hex digits")
    _check_zone(exhibit.timezone or zone, place)
    return _placed(exhibit, root, zone)


def _placed(exhibit: Exhibit, root: Path, zone: str) -> Exhibit:
    lowered = {name: value.lower() for name in _HASH_LENGTHS if (value := getattr(exhibit, name)) is not None}
    return replace(exhibit, image=root / exhibit.image, timezone=exhibit.timezone or zone, **lowered)


def _transfer(values: Mapping[str, Any], place: _Place) -> CustodyTransfer:
    renamed = {"from_" if key == "from" else key: value for key, value in values.items()}
    known = {"at", "from_", "to", "note"}
    for key in renamed:
        _check(key in known, place, key.rstrip("_"), f"is unknown in custody; known are {sorted(known)}")
    if not isinstance(renamed.get("at"), datetime):
        raise place.error("custody", "each custody entry needs `at` with an offset")
    return CustodyTransfer(**renamed)


def _check_names(exhibits: Sequence[Exhibit], datasets: Sequence[Dataset], place: _Place) -> None:
    labels = [exhibit.label for exhibit in exhibits]
    _check(bool(labels), place, "exhibit", "is missing: a case needs at least one [[exhibit]]")
    ids = {dataset.id for dataset in datasets}
    for label in labels:
        _check(labels.count(label) == 1, _at(place, "exhibit"), "label", f"{label!r} is used twice")
    for exhibit in exhibits:
        for name in exhibit.authorised:
            _check(name in ids, _at(place, "exhibit"), "authorised", f"{name!r} is not a [[dataset]] of this case")
