"""The family of decoders: content opened."""

from __future__ import annotations

from typing import Final

from pipeline.decoders.archives import Archive
from pipeline.decoders.attached import Attached
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Spared, Text, Trouble
from pipeline.decoders.beside import Beside
from pipeline.decoders.embedded import Embedded, holds_pictures
from pipeline.decoders.ese import Ese
from pipeline.decoders.hibernation import Hibernation
from pipeline.decoders.hidden import CLOSED, UNPACKED, hidden_in, hidden_in_text, reveal_hidden
from pipeline.decoders.iwa import Iwa
from pipeline.decoders.mail import Mail, Mailbox
from pipeline.decoders.markup import Markup
from pipeline.decoders.ocr import engine
from pipeline.decoders.office import Document, Workbook
from pipeline.decoders.ole import Ole
from pipeline.decoders.package import Zip
from pipeline.decoders.parquet import Parquet
from pipeline.decoders.pdf import Pdf
from pipeline.decoders.picture import Picture, Png
from pipeline.decoders.picture_text import UNREAD
from pipeline.decoders.pst import Store
from pipeline.decoders.rtf import Rtf
from pipeline.decoders.sqlite import Sqlite
from pipeline.decoders.sqlite_parts import SqliteParts
from pipeline.decoders.streams import Stream
from pipeline.decoders.tar import Tar
from pipeline.decoders.tnef import Tnef
from pipeline.decoders.types import refine_ole, refine_zip, type_of
from pipeline.decoders.unopened import Encrypted, Unopened
from pipeline.decoders.zips import archives_in
from pipeline.decoders.zisofs import Zisofs

__all__ = [
    "CLOSED", "DECODERS", "UNPACKED", "UNREAD", "Decoded", "Decoder", "Limits", "Locked", "Member", "Spared", "Text",
    "Trouble", "decoder_for", "engine", "hidden_in", "hidden_in_text", "refine_ole", "refine_zip", "reveal_hidden",
    "type_of",
]  # fmt: skip

DECODERS: Final[tuple[Decoder, ...]] = (
    Archive(), Attached(), Document(), Embedded(), Encrypted(), Ese(), Hibernation(), Iwa(), Mail(), Mailbox(),
    Markup(), Ole(), Parquet(), Pdf(), Picture(), Png(), Rtf(), Sqlite(), SqliteParts(), Store(), Stream(), Tar(),
    Tnef(), Unopened(), Workbook(), Zip(), Zisofs(),
)  # fmt: skip
_OPENS_ARCHIVES: Final = frozenset({"docx", "mbox", "odt", "pptx", "tar", "xlsx", "zip"})
"""Types that are such an archive, or whose decoder gives all that lies in them unpacked, with the archives there."""
_HOLDS_PICTURES: Final = frozenset({"onenote", "unknown"})
"""Types that pictures lie in as they are: thumbnails, streams of old documents, caches, notebooks."""


def decoder_for(kind: str, data: bytes | None = None) -> Decoder | None:
    """Return the decoder of a type; one that gives the archives and pictures in ``data`` too, where it does not."""
    found: list[Decoder] = [decoder for decoder in DECODERS if kind in decoder.types][:1]
    if data is not None and kind not in _OPENS_ARCHIVES and next(archives_in(data), None):
        found.append(Attached())
    if data is not None and kind in _HOLDS_PICTURES and holds_pictures(data):
        found.append(Embedded())
    return Beside(each=tuple(found)) if len(found) > 1 else next(iter(found), None)
