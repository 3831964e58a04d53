"""What the unlockers of encrypted volumes say: how a volume is protected, and what it holds once it is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError
from pipeline.records import Run
from pipeline.volume_keys import VolumeKey

__all__ = ["LockedError", "Opened", "Protection", "Unlocker"]


class LockedError(UnreadableError):
    """An encrypted volume stays closed; the message says which key is missing or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What an encrypted volume tells without a key.

    ``method`` is scheme, cipher and strength; ``names`` are the identifiers that a key may be filed under;
    ``protectors`` say in words what would open it; ``metadata`` are (start, length, name) of its own structures.
    """

    method: str
    identifier: str = ""
    label: str = ""
    names: tuple[str, ...] = ()
    protectors: tuple[str, ...] = ()
    metadata: tuple[tuple[int, int, str], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An unlocked volume: its clear bytes, which kind of key opened which protector, and where its bytes lie.

    ``runs`` are relative to the encrypted volume, in the order of the clear one; -1 where no stored byte is behind.
    """

    data: Readable
    opened_by: str
    runs: tuple[Run, ...]


class Unlocker(Protocol):
    """One scheme of volume encryption."""

    def describe(self, data: Readable) -> Protection:
        """Return what a volume tells without a key; UnreadableError where its header is damaged."""
        ...

    def unlock(self, data: Readable, keys: Sequence[VolumeKey]) -> Opened:
        """Open a volume with the first key that fits.

        Raises:
            LockedError: none does.
            UnreadableError: the header is damaged or asks for what is not supported.
        """
        ...
