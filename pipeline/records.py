"""The rows of a case: frozen values, one class per table.

Times are UTC ``datetime`` with microseconds; sizes, starts and lengths are bytes. ``image offset`` means an offset in
the decoded medium of the exhibit (sector 0 is 0), never in the container file. Ids are digests of keys
(:func:`identify`): no counters, no random numbers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

__all__ = [
    "ENCIPHERED",
    "NOT_CALLED_FOR",
    "ActivityEvent",
    "BlockMatch",
    "Certainty",
    "Claim",
    "Content",
    "Copy",
    "Coverage",
    "Diagnostic",
    "Evidence",
    "Examination",
    "Extent",
    "ExtentClass",
    "FileEntry",
    "Finding",
    "Gap",
    "Ground",
    "Holding",
    "Leaf",
    "Origin",
    "Person",
    "Region",
    "Remains",
    "Run",
    "Severity",
    "Source",
    "Unreadable",
    "VerdictText",
    "Volume",
    "VolumeState",
    "diagnose",
    "identify",
]


ENCIPHERED: Final = "locked: cannot be told from random"
"""Reason of locked bytes that were searched and are what encryption makes; other locked bytes lie in clear."""
NOT_CALLED_FOR: Final = "not called for: "
"""How the reason of a coverage row begins whose bytes an examination was never meant for; no negative misses it."""


def identify(kind: str, *keys: str | int) -> str:
    """Return the 24-digit hexadecimal id of a row: a digest of its kind and its keys."""
    digest = hashlib.sha256("\x1f".join([kind, *map(str, keys)]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:24]


class Origin(StrEnum):
    """How a file entry came to be known."""

    ALLOCATED = "allocated"
    DELETED = "deleted"
    ORPHAN = "orphan"
    CARVED = "carved"
    MEMBER = "member"
    UNLISTED = "unlisted"
    SLACK = "slack"


class VolumeState(StrEnum):
    """Whether a volume could be read."""

    OPEN = "open"
    LOCKED = "locked"
    UNSUPPORTED = "unsupported"


class Severity(StrEnum):
    """How much a diagnostic takes away: information only, part of a row, or a whole item."""

    NOTE = "note"
    WARNING = "warning"
    LOSS = "loss"


class Certainty(StrEnum):
    """How sure the runs of an entry are its own; ``reassembled``: in pieces that fit by the object's own structure.

    ``contested``: another deleted file, or one that grew, held some of them before or after, which cannot be told.
    """

    INTACT = "intact"
    CONTIGUITY_ASSUMED = "contiguity-assumed"
    CONTESTED = "contested"
    PARTLY_OVERWRITTEN = "partly-overwritten"
    OVERWRITTEN = "overwritten"
    NO_CONTENT = "no-content"
    REASSEMBLED = "reassembled"


class ExtentClass(StrEnum):
    """What a byte of the medium is; every byte is in exactly one class."""

    FILE_CONTENT = "file-content"
    FILE_SLACK = "file-slack"
    DELETED_CONTENT = "deleted-content"
    UNALLOCATED = "unallocated"
    UNLISTED = "allocated-but-unlisted"
    FILE_SYSTEM_METADATA = "file-system-metadata"
    VOLUME_METADATA = "volume-metadata"
    VOLUME_GAP = "volume-gap"
    LOCKED = "locked"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What could not be read or decided: place, reason and remedy."""

    id: str
    stage: str
    address: str
    code: str
    severity: str
    message: str


def diagnose(stage: str, address: str, code: str, message: str, severity: str = Severity.WARNING) -> Diagnostic:
    """Return the diagnostic of one loss; ``message`` says what, why and what to do."""
    key = identify("diagnostic", stage, address, code, message)
    return Diagnostic(id=key, stage=stage, address=address, code=code, severity=severity, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One exhibit: what was acquired, and what its bytes hash to."""

    exhibit: str
    role: str
    format: str
    size: int
    segments: int
    stored_md5: str | None
    stored_sha1: str | None
    stored_sha256: str | None
    recorded_md5: str | None
    recorded_sha1: str | None
    recorded_sha256: str | None
    md5: str
    sha1: str
    sha256: str
    merkle_root: str
    files_sha256: str
    verified: bool
    unreadable: int
    cross_checked: int
    serial: str | None
    acquired_by: str | None
    acquired_at: datetime | None
    acquired_tool: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A megabyte of an exhibit as a leaf of its Merkle tree."""

    exhibit: str
    index: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch of a file or volume: its image offset (-1: sparse, reads as zeros) and its length."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A partition, a logical or unlocked volume, or a snapshot.

    ``start`` is an image offset. Where ``direct``, volume byte *n* is image byte ``start + n``. Otherwise ``runs`` say
    in volume order which image bytes hold the volume's (-1: none, they read as zeros): as they are, or enciphered where
    ``encryption`` names a method. Without runs the bytes only exist through the layer (snapshots, APFS). ``opened_by``
    is the kind of key that unlocked an encrypted volume, and the slot or protector that it opened; never the key.
    """

    address: str
    exhibit: str
    start: int
    length: int
    direct: bool
    scheme: str
    part_type: str
    file_system: str
    label: str
    serial: str
    block_size: int
    encryption: str
    state: str
    reader: str
    runs: tuple[Run, ...] = ()
    opened_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One name of one stream, live, deleted, carved or inside another file.

    ``size`` is the logical size; bytes from ``initialised_size`` on read as zeros whatever the disk holds. ``runs`` are
    image offsets and cover the allocated length. ``reader`` tells how the bytes are read again: ``runs`` (the runs,
    cut to ``size``), ``file-system`` (through the file system's reader by ``meta`` and ``stream``: resident,
    compressed, layered volumes) or ``member`` (through its container). Times are UTC; the zone says how the medium
    had them (``UTC``, ``local Asia/Tokyo``, ``recorded +09:00``), the precision is in microseconds. ``name_…`` are the
    times that NTFS keeps beside the name ($FILE_NAME, UTC, to 1 us); programs that set the others rarely reach them.
    """

    id: str
    exhibit: str
    volume: str
    address: str
    path: str
    stream: str
    kind: str
    origin: str
    meta: int
    parent: str
    size: int
    initialised_size: int
    created: datetime | None = None
    created_zone: str = ""
    created_precision_us: int = 0
    modified: datetime | None = None
    modified_zone: str = ""
    modified_precision_us: int = 0
    accessed: datetime | None = None
    accessed_zone: str = ""
    accessed_precision_us: int = 0
    changed: datetime | None = None
    changed_zone: str = ""
    changed_precision_us: int = 0
    name_created: datetime | None = None
    name_modified: datetime | None = None
    name_changed: datetime | None = None
    name_accessed: datetime | None = None
    runs: tuple[Run, ...] = ()
    reader: str = "runs"
    certainty: str = Certainty.INTACT
    listed_by: str = ""
    short_name: str = ""
    flags: str = ""
    content: str | None = None
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What a file system says of its own space: a run of the volume in image offsets with its class.

    Only ``unallocated``, ``file-system-metadata`` and ``locked`` are stated here; the account derives the rest.
    """

    exhibit: str
    volume: str
    start: int
    length: int
    class_: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A run of an image in exactly one class; ``owner`` is a file id where a file claims it.

    ``name`` is the structure it is, where a file system or a partition table names it (``FAT 2``, ``$LogFile``,
    ``inode table``). ``claimants`` are the file ids that claim the run where there are several (cross-linked, deleted
    over live, two deleted), the one that holds it first, at most eight; ``claimant_count`` is how many there are.
    """

    exhibit: str
    start: int
    length: int
    class_: str
    owner: str | None
    volume: str
    name: str = ""
    claimants: tuple[str, ...] = ()
    claimant_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What the whole account says of a deleted entry's bytes: whose they are now.

    ``own`` bytes nobody else claims, ``shared`` ones other deleted entries claim as well, ``lost`` ones lie in what is
    allocated now; ``unreadable`` ones no acquisition could read. ``certainty`` is that of the listing, lowered by this.
    """

    file: str
    exhibit: str
    own: int
    shared: int
    lost: int
    unreadable: int
    certainty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A run of an image whose bytes are not known: what stands in their place is zeros that nobody acquired."""

    exhibit: str
    start: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Distinct bytes, once."""

    sha256: str
    sha1: str
    md5: str
    size: int
    type: str
    known: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One detected value: where it is, its shape and its keyed tag; never the value.

    ``offset`` is in the content (or in the decoded text, where ``encoding`` is ``text``); ``image_offset`` is None
    where the bytes are compressed or encoded. ``record`` groups the values of one row or line.
    """

    id: str
    exhibit: str
    address: str
    path: str
    file: str
    origin: str
    kind: str
    rule: str
    content: str
    locator: str
    offset: int
    image_offset: int | None
    length: int
    encoding: str
    shape: str
    value_tag: str
    validated: bool
    score: float
    record: str
    person: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One distinct person, known by a keyed tag; ``basis`` says what made them one."""

    person: str
    dataset: str | None
    basis: str
    exhibits: tuple[str, ...]
    findings: int
    records: int
    household: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Whose data a content on an exhibit holds: 件, 人 and 世帯 apart; outside of contents, by the owner of the bytes.

    ``files`` are the files of the exhibit that have the content, ``file`` the first of them. ``records`` single
    somebody out; ``households`` are the household numbers that stand here. ``values`` are distinct values of kinds that
    few people share. ``family`` joins holdings that are copies of one another, directly or through others; it is empty
    where there are none.
    """

    id: str
    exhibit: str
    content: str
    file: str
    address: str
    path: str
    origin: str
    type: str
    files: int
    records: int
    people: int
    households: int
    values: int
    datasets: tuple[str, ...]
    kinds: tuple[str, ...]
    encodings: tuple[str, ...]
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Two holdings that hold the same people, and how far one is in the other; ``part`` is the one with less.

    A record is held by the other side where its values of the kinds that both sides have stand there, of the same
    person. ``relation``: ``same-content`` (equal SHA-256), ``same-records`` (each side holds all of the other's),
    ``part`` (nearly all of the part's records are in the whole) or ``overlap``. ``changes`` are what sets the part
    apart: re-encoded, repacked, re-ordered, filtered, columns-dropped, columns-added. ``lineage`` says that one may
    have been made from the other; which from which, and whether by way of a third, no content shows.
    ``nearest`` marks, of a part's lineage, the whole that holds least besides.
    """

    id: str
    part: str
    whole: str
    part_exhibit: str
    whole_exhibit: str
    relation: str
    changes: tuple[str, ...]
    lineage: bool
    nearest: bool
    people: int
    part_people: int
    whole_people: int
    part_share: float
    whole_share: float
    part_records: int
    part_records_held: int
    whole_records: int
    whole_records_held: int
    values: int
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    in_order: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMatch:
    """Consecutive sectors of an exhibit that are blocks of a known content, in bytes of no file with that content.

    ``blocks`` of them were found equal; those between prove nothing (zeros, repeated patterns) and were stepped over.
    ``known_file`` has the content, or contains it; ``people`` and ``datasets`` are those of the data it was sought for.
    """

    id: str
    exhibit: str
    address: str
    image_offset: int
    length: int
    blocks: int
    class_: str
    volume: str
    file: str
    content: str
    content_offset: int
    known_exhibit: str
    known_file: str
    people: int
    datasets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of time that a source does not speak for, and why."""

    start: datetime | None
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityEvent:
    """Something an artefact says happened."""

    id: str
    exhibit: str
    address: str
    file: str
    source: str
    artefact: str
    time: datetime | None
    time_meaning: str
    precision_us: int
    zone: str
    action: str
    subject: str
    actor: str
    device: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The audit of one source of activity: what it speaks for, from its own content.

    ``enabled`` is ``yes``, ``no`` or ``unknown``; ``state_only`` sources hold a last state and never carry a negative;
    ``status`` is ``read``, ``damaged`` or ``unreadable``.
    """

    id: str
    exhibit: str
    address: str
    file: str
    artefact: str
    system: str
    owner: str
    first: datetime | None
    last: datetime | None
    records: int
    gaps: tuple[Gap, ...]
    enabled: str
    state_only: bool
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What one examination did to one thing: a file, or a run of raw bytes. Feeds the coverage table."""

    exhibit: str
    volume: str
    address: str
    subject: str
    class_: str
    bytes: int
    examined_by: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A class of bytes and what an examination made of it. Outcomes: ``examined``, ``partial``, ``not-examined``."""

    exhibit: str
    volume: str
    class_: str
    bytes: int
    items: int
    examined_by: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence of the verdict with its type: ``fact``, ``inference`` or ``opinion``."""

    id: str
    question: str
    exhibit: str
    channel: str
    kind: str
    level: str
    strength: str
    sentence_ja: str
    sentence_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictText:
    """The verdict as canonical JSON, as ``verdict.json`` holds it."""

    case: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One edge of the evidence chain: a claim and a row that supports or contradicts it."""

    claim: str
    relation: str
    table: str
    row: str
    note: str
