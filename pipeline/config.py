"""Settings: one frozen value read from ``case.toml``; an unknown key is an error with file and line."""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.config_ocr import Ocr
from pipeline.config_sections import Place, check, section, settings_text
from pipeline.errors import SettingsError

__all__ = [
    "Acquisition",
    "Case",
    "CustodyTransfer",
    "Dataset",
    "Exhibit",
    "Incident",
    "Limits",
    "Timestamp",
    "load_case",
]

ROLES: Final = ("recovered-media", "workstation", "server")
REGIMES: Final = ("administrative-body", "business")
LANGUAGES: Final = ("ja", "en")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64}


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
class Timestamp:
    """Who stamps the ledger's head: an RFC 3161 service (URL), and the certificates (PEM) that its tokens lead to."""

    service: str = ""
    authority: str = ""


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
    ocr: Ocr = field(default_factory=Ocr)
    timestamp: Timestamp = Timestamp()

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


def load_case(folder: Path, rules_directory: Path) -> Case:
    """Read ``case.toml`` of a case folder.

    Args:
        folder: the case folder, or the path of its ``case.toml``.
        rules_directory: the rules to use where the case names none.

    Raises:
        SettingsError: it is missing, not TOML, has an unknown key or a value that cannot be; file and line are named.
    """
    path = folder if folder.name == "case.toml" else folder / "case.toml"
    place = Place(path, settings_text(path))
    try:
        tree = tomllib.loads(place.text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    known = {"case", "incident", "exhibit", "dataset", "keys", "rules", "limits", "ocr", "timestamp"}
    for key in tree:
        if key not in known:
            raise place.error(key, f"unknown section {key!r}; known are {', '.join(sorted(known))}")
    return _case(tree, place, rules_directory)


def _case(tree: Mapping[str, Any], place: Place, rules_directory: Path) -> Case:
    root = place.path.parent.resolve()
    told = section(_CaseSection, tree.get("case", {}), place.at("case"))
    if not _LABEL.fullmatch(told.id):
        raise place.at("case").error("id", f"id {told.id!r} must be letters, digits, dot, dash or underscore")
    check(told.language in LANGUAGES, place.at("case"), "language", f"must be one of {LANGUAGES}")
    _check_zone(told.timezone, place.at("case"))
    datasets = tuple(_dataset(item, root, place.at("dataset")) for item in tree.get("dataset", []))
    exhibits = tuple(_exhibit(item, root, told.timezone, place.at("exhibit")) for item in tree.get("exhibit", []))
    _check_names(exhibits, datasets, place)
    keys = section(_KeysSection, tree.get("keys", {}), place.at("keys"))
    rules = section(_RulesSection, tree.get("rules", {}), place.at("rules"))
    return Case(
        root=root,
        id=told.id,
        title=told.title,
        timezone=told.timezone,
        language=told.language,
        incident=_incident(tree.get("incident", {}), place.at("incident")),
        exhibits=exhibits,
        datasets=datasets,
        keys_directory=root / keys.directory,
        rules_directory=root / rules.directory if rules.directory else rules_directory,
        limits=section(Limits, tree.get("limits", {}), place.at("limits")),
        ocr=section(Ocr, tree.get("ocr", {}), place.at("ocr")),
        timestamp=_timestamp(tree.get("timestamp", {}), place.at("timestamp")),
    )


def _check_zone(name: str, place: Place) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise place.error("timezone", f"timezone {name!r} is unknown; use a name such as Asia/Tokyo") from error


def _incident(values: Any, place: Place) -> Incident:
    incident = section(Incident, values, place)
    check(incident.regime in REGIMES, place, "regime", f"must be one of {REGIMES}")
    check(incident.lost_from < incident.recovered_at, place, "recovered_at", "must be later than lost_from")
    return incident


def _timestamp(values: Any, place: Place) -> Timestamp:
    timestamp = section(Timestamp, values, place)
    web = timestamp.service.startswith(("http://", "https://"))
    check(not timestamp.service or web, place, "service", "must be an http or https address")
    return timestamp


def _dataset(values: Any, root: Path, place: Place) -> Dataset:
    dataset = section(Dataset, values, place)
    register = values.get("register")
    return Dataset(id=dataset.id, title=dataset.title, register=root / register if register else None)


def _exhibit(values: Any, root: Path, zone: str, place: Place) -> Exhibit:
    if not isinstance(values, Mapping):
        raise place.error("exhibit", "use [[exhibit]] for each exhibit")
    rest = {key: value for key, value in values.items() if key not in {"acquired", "custody", "authorised"}}
    given = {
        "acquired": section(Acquisition, values.get("acquired", {}), place),
        "custody": tuple(_transfer(item, place) for item in values.get("custody", [])),
        "authorised": tuple(values.get("authorised", ())),
    }
    exhibit = section(Exhibit, rest, place, **given)
    check(exhibit.role in ROLES, place, "role", f"must be one of {ROLES}")
    check(bool(_LABEL.fullmatch(exhibit.label)), place, "label", "must be letters, digits, dot, dash, underscore")
    for name, length in _HASH_LENGTHS.items():
        value = getattr(exhibit, name)
        if value is not None:
            check(bool(re.fullmatch(f"[0-9a-fA-F]{{{length}}}", value)), place, name, f"must be {length} hex digits")
    _check_zone(exhibit.timezone or zone, place)
    return _placed(exhibit, root, zone)


def _placed(exhibit: Exhibit, root: Path, zone: str) -> Exhibit:
    lowered = {name: value.lower() for name in _HASH_LENGTHS if (value := getattr(exhibit, name)) is not None}
    return replace(exhibit, image=root / exhibit.image, timezone=exhibit.timezone or zone, **lowered)


def _transfer(values: Mapping[str, Any], place: Place) -> CustodyTransfer:
    renamed = {"from_" if key == "from" else key: value for key, value in values.items()}
    known = {"at", "from_", "to", "note"}
    for key in renamed:
        check(key in known, place, key.rstrip("_"), f"is unknown in custody; known are {sorted(known)}")
    if not isinstance(renamed.get("at"), datetime):
        raise place.error("custody", "each custody entry needs `at` with an offset")
    return CustodyTransfer(**renamed)


def _check_names(exhibits: Sequence[Exhibit], datasets: Sequence[Dataset], place: Place) -> None:
    labels = [exhibit.label for exhibit in exhibits]
    check(bool(labels), place, "exhibit", "is missing: a case needs at least one [[exhibit]]")
    ids = {dataset.id for dataset in datasets}
    for label in labels:
        check(labels.count(label) == 1, place.at("exhibit"), "label", f"{label!r} is used twice")
    for exhibit in exhibits:
        for name in exhibit.authorised:
            check(name in ids, place.at("exhibit"), "authorised", f"{name!r} is not a [[dataset]] of this case")
