"""The family of decoders: content opened."""

from __future__ import annotations

from typing import Final

from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Text, Trouble
from pipeline.decoders.mail import Mail
from pipeline.decoders.office import Document, Workbook
from pipeline.decoders.package import Zip
from pipeline.decoders.pdf import Pdf
from pipeline.decoders.sqlite import Sqlite
from pipeline.decoders.streams import Stream
from pipeline.decoders.types import refine_zip, type_of

__all__ = ["DECODERS", "Decoded", "Decoder", "Limits", "Locked", "Member", "Text", "Trouble", "decoder_for",
           "refine_zip", "type_of"]  # fmt: skip

DECODERS: Final[tuple[Decoder, ...]] = (Document(), Mail(), Pdf(), Sqlite(), Stream(), Workbook(), Zip())


def decoder_for(kind: str) -> Decoder | None:
    """Return the decoder of a type, if there is one."""
    return next((decoder for decoder in DECODERS if kind in decoder.types), None)
