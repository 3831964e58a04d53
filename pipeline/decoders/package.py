"""ZIP files: archives, and the office documents that their directory shows them to be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Trouble, whole
from pipeline.decoders.office import Document, Workbook
from pipeline.decoders.types import refine_zip
from pipeline.decoders.zips import FAULTS, members_of

__all__ = ["Zip"]


@dataclass(frozen=True)
class Zip(Decoder):
    """Unpacks ZIP archives, CRC checked; reads office documents as documents."""

    name: str = "zip"
    version: int = 2
    types: tuple[str, ...] = ("zip",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Member or Locked per file, Text of an office document, a Trouble per failure or limit."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        kind = _kind(data)
        office = next((decoder for decoder in (Document(), Workbook()) if kind in decoder.types), None)
        yield from office.decode(content, limits) if office else members_of(data, limits)


def _kind(data: bytes) -> str:
    try:
        return refine_zip(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except FAULTS:
        return "zip"
