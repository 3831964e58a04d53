"""Text layer, pictures and attached files of PDF documents (ISO 32000-1), by PDFium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pypdfium2  # type: ignore[import-untyped, unused-ignore]

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Text, Trouble, whole
from pipeline.decoders.pdf_pictures import picture_of, pictures_on
from pipeline.decoders.pdf_streams import streams_of

__all__ = ["Pdf"]


@dataclass(frozen=True)
class Pdf(Decoder):
    """Reads the text layer, page by page, the attached files, and the streams that neither shows."""

    name: str = "pdf"
    version: int = 4
    types: tuple[str, ...] = ("pdf",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text per page and per picture with text on it."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        document = _opened(data, limits)
        if isinstance(document, Locked | Trouble):
            yield document
            return
        left, seen = limits, set[bytes]()
        try:
            if not len(document):
                yield Trouble("pdf-damaged", "document has no page that can be read")
            for number in range(min(len(document), limits.members)):
                parts = tuple(_page(document, number, left, seen))
                left = replace(
                    left, pictures=left.pictures - sum(isinstance(part, Text) and bool(part.marks) for part in parts)
                )
                yield from parts
            if len(document) > limits.members:
                yield Trouble("limit-members", f"more than {limits.members} pages")
            yield from _attachments(document, limits)
            yield from streams_of(data, limits)
        finally:
            document.close()


def _opened(data: bytes, limits: Limits) -> pypdfium2.PdfDocument | Locked | Trouble:
    """Return the document, opened without a password or with the first one of the case that fits."""
    for password in (None, *limits.passwords):
        try:
            return pypdfium2.PdfDocument(
                data, password=None if password is None else password.decode("utf-8", "replace")
            )
        except pypdfium2.PdfiumError as error:
            if "password" not in str(error).lower():
                return Trouble("pdf-damaged", "document cannot be opened")
    return Locked("", "encrypted-pdf")


def _page(document: pypdfium2.PdfDocument, number: int, limits: Limits, seen: set[bytes]) -> Iterator[Decoded]:
    """Yield the text of a page and of the pictures on it; of a page without any text, what its picture shows."""
    try:
        page = document[number]
        layer = page.get_textpage()
        text = layer.get_text_bounded()
        layer.close()
        if text.strip():
            yield Text(f"page {number + 1}", text)
            yield from pictures_on(page, f"page {number + 1}", limits)
        else:
            yield from picture_of(page, f"page {number + 1}", limits, seen)
        page.close()
    except pypdfium2.PdfiumError:
        yield Trouble("pdf-page", f"page {number + 1} cannot be read")


def _attachments(document: pypdfium2.PdfDocument, limits: Limits) -> Iterator[Decoded]:
    """Yield the files of the name tree EmbeddedFiles (§7.11.4)."""
    room = limits.total_bytes
    count = document.count_attachments()
    for number in range(min(count, limits.members)):
        try:
            attached = document.get_attachment(number)
            name, body = attached.get_name(), bytes(attached.get_data())
        except (pypdfium2.PdfiumError, ValueError, UnicodeError):
            yield Trouble("pdf-attachment", f"attachment {number + 1} cannot be read")
            continue
        if len(body) > min(limits.member_bytes, room):
            yield Trouble("limit-member-bytes", f"attachment {number + 1} of {len(body)} bytes is too large")
            continue
        room -= len(body)
        yield Member(name or f"attachment-{number + 1}", body)
    if count > limits.members:
        yield Trouble("limit-members", f"more than {limits.members} attachments")
