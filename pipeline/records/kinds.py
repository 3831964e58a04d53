"""Words that rows use: where a file entry comes from, what a byte is, how sure a claim is; and the ids of rows."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

__all__ = ["ENCIPHERED", "NOT_CALLED_FOR", "Certainty", "ExtentClass", "Origin", "Severity", "VolumeState", "identify"]


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
