"""The family of decoders: content opened."""

from __future__ import annotations

from typing import Final

from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Text, Trouble
from pipeline.decoders.hibernation import Hibernation
from pipeline.decoders.mail import Mail, Mailbox
from pipeline.decoders.markup import Markup
from pipeline.decoders.office import Document, Workbook
from pipeline.decoders.ole import Ole
from pipeline.decoders.package import Zip
from pipeline.decoders.pdf import Pdf
from pipeline.decoders.rtf import Rtf
from pipeline.decoders.sqlite import Sqlite
from pipeline.decoders.sqlite_parts import SqliteParts
from pipeline.decoders.streams import Stream
from pipeline.decoders.tar import Tar
from pipeline.decoders.types import refine_ole, refine_zip, type_of
from pipeline.decoders.unopened import Encrypted, Unopened
from pipeline.decoders.zisofs import Zisofs

__all__ = ["DECODERS", "Decoded", "Decoder", "Limits", "Locked", "Member", "Text", "Trouble", "decoder_for",
           "refine_ole", "refine_zip", "type_of"]  # fmt: skip

DECODERS: Final[tuple[Decoder, ...]] = (
    Document(), Encrypted(), Hibernation(), Mail(), Mailbox(), Markup(), Ole(), Pdf(), Rtf(), Sqlite(), SqliteParts(),
    Stream(), Tar(), Unopened(), Workbook(), Zip(), Zisofs(),
)  # fmt: skip


def decoder_for(kind: str) -> Decoder | None:
    """Return the decoder of a type, if there is one."""
    return next((decoder for decoder in DECODERS if kind in decoder.types), None)
