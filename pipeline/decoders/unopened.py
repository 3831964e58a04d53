"""Content that holds data but is not opened: said, so that silence is never taken for absence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Trouble
from pipeline.decoders.types import type_of

__all__ = ["Encrypted", "Unopened"]

_HEAD: Final = 4096


@dataclass(frozen=True)
class Unopened(Decoder):
    """Archives, mail stores, databases and disk images without a decoder."""

    name: str = "unopened"
    version: int = 2
    types: tuple[str, ...] = (
        "access", "dbx", "disk-image", "filemaker", "onenote", "wim", "zisofs2",
    )  # fmt: skip

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Trouble: what lies compressed or encoded inside was not examined."""
        del limits
        kind = type_of(content.read(0, _HEAD))
        yield Trouble(
            "no-decoder",
            f"{kind}: content of {content.size} bytes is not opened by this version; its raw bytes are scanned, what "
            "it holds compressed or encoded is not; open it with its own program",
            kind,
        )


@dataclass(frozen=True)
class Encrypted(Decoder):
    """Encrypted containers that carry a signature; those without one cannot be told from noise."""

    name: str = "encrypted"
    version: int = 1
    types: tuple[str, ...] = ("aescrypt", "age", "bitlocker", "efs", "luks", "openssl", "pgp")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Locked."""
        del content, limits
        yield Locked("", "encrypted-container")
