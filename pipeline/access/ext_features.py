"""What an ext super block says the volume has, and what of it this reader, or The Sleuth Kit, does not read.

Source: the kernel's ``Documentation/filesystems/ext4`` ("Super Block": feature sets at 92, 96 and 100, journal inode at
224, journal device at 228; "Inode Flags"); names as e2fsprogs' ``feature.c`` prints them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, Severity, Volume, diagnose

__all__ = ["COMPRESSED", "ENCRYPTED", "Features", "feature_remarks", "read_features", "unread_names"]

ENCRYPTED: Final = 0x800
"""The inode flag of a file whose content is enciphered (fscrypt)."""
COMPRESSED: Final = 0x4
"""The inode flag of a file whose content may be compressed (e2compr)."""

_HAS_JOURNAL, _FAST_COMMIT = 0x4, 0x400  # compatible
_COMPRESSION, _RECOVER = 0x1, 0x4  # incompatible
_UNREAD: Final = (
    ("incompatible", 0x1000, "dirdata", "data behind names in directories is not read"),
    ("read_only", 0x80, "has_snapshot", "older states that its snapshot files hold are not read as file systems"),
    ("read_only", 0x200, "bigalloc", "its bitmaps count clusters of blocks; they and the journal are not read"),
)  # fmt: skip
_KNOWN: Final = {"incompatible": 0x3F7DF, "read_only": 0x1FFFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The three feature sets, and where the journal is: an inode, or a device of its own."""

    compatible: int
    incompatible: int
    read_only: int
    journal_inode: int
    journal_device: int

    @property
    def has_journal(self) -> bool:
        """Whether changes are written to a journal first."""
        return bool(self.compatible & _HAS_JOURNAL)

    @property
    def per_file(self) -> int:
        """The inode flags of files that are read as they are stored; the second means nothing without its feature."""
        return ENCRYPTED | COMPRESSED * bool(self.incompatible & _COMPRESSION)


def read_features(data: Readable) -> Features:
    """Return the features that the super block at byte 1024 states.

    Raises:
        ParseError: there is none.
        UnreadableError: it cannot be read.
    """
    raw = data.read(1024, 1024)
    if len(raw) < 1024 or raw[56:58] != b"\x53\xef":
        raise ParseError("no ext super block")
    compatible, incompatible, read_only = struct.unpack_from("<III", raw, 92)
    inode, device = struct.unpack_from("<II", raw, 224)
    return Features(
        compatible=compatible, incompatible=incompatible, read_only=read_only, journal_inode=inode,
        journal_device=device,
    )  # fmt: skip


def unread_names(data: Readable) -> str:
    """Return the features that keep a volume from being read, as e2fsprogs names them; empty where none is known."""
    try:
        features = read_features(data)
    except UnreadableError:
        return ""
    names = [name for kind, bit, name, _ in _UNREAD if getattr(features, kind) & bit]
    names += ["compression"] * bool(features.incompatible & _COMPRESSION)
    return ", ".join(names + [name for name, _ in _unknown(features)])


def _unknown(features: Features) -> Iterator[tuple[str, str]]:
    """Yield (name, what it means) of bits that no published table names."""
    for kind, known in _KNOWN.items():
        bits = getattr(features, kind) & ~known
        if bits:
            yield f"{kind} feature bits {bits:#x}", "what they change of the format is not known here"


def feature_remarks(features: Features, volume: Volume, journal_lost: str) -> Iterator[Diagnostic]:
    """Say what of a volume is not read: ``journal_lost`` is why its journal is not, where it has one."""
    for kind, bit, name, why in _UNREAD:
        if getattr(features, kind) & bit:
            yield _remark(volume, f"feature-{name.replace('_', '-')}", f"{name}: {why}")
    for name, why in _unknown(features):
        yield _remark(volume, "feature-unknown", f"{name}: {why}")
    if features.has_journal:
        yield from _journal(features, volume, journal_lost)


def _journal(features: Features, volume: Volume, lost: str) -> Iterator[Diagnostic]:
    outside = not features.journal_inode and features.journal_device
    if outside:
        text = "its journal is on a device of its own; deleted files and changes that only it knows are missing; image"
        yield _remark(volume, "journal-external", f"{text} that device too")
    elif lost:
        text = f"its journal is not read ({lost}); deleted files and changes that only it knows are missing; read it"
        yield _remark(volume, "journal-unread", f"{text} with debugfs")
    dirty = bool(features.incompatible & _RECOVER)
    if features.compatible & _FAST_COMMIT:
        text = "fast commits in its journal are not read, but scanned raw"
        text += "; its newest changes are among them; compare with a replayed copy" if dirty else ""
        yield _remark(volume, "journal-fast-commit", text, Severity.LOSS if dirty else Severity.NOTE)
    if dirty:
        text = "was not unmounted: its newest changes are in the journal alone, what that knows of new files is listed"
        yield _remark(volume, "journal-not-replayed", f"{text} as deleted; compare with a replayed copy")


def _remark(volume: Volume, code: str, text: str, severity: Severity = Severity.LOSS) -> Diagnostic:
    return diagnose("entries", volume.address, code, f"{volume.address}: {text}", severity)
