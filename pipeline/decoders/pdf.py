"""Text layer of PDF pages (ISO 32000-1), by PDFium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2  # type: ignore[import-untyped, unused-ignore]

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Text, Trouble, whole

__all__ = ["Pdf"]


@dataclass(frozen=True)
class Pdf(Decoder):
    """Reads the text layer, page by page."""

    name: str = "pdf"
    version: int = 1
    types: tuple[str, ...] = ("pdf",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text per page; a page without text is a Trouble, for its image is not examined."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            locked = "password" in str(error).lower()
            yield Locked("", "encrypted-pdf") if locked else Trouble("pdf-damaged", "document cannot be opened")
            return
        try:
            for number in range(min(len(document), limits.members)):
                yield _page(document, number)
            if len(document) > limits.members:
                yield Trouble("limit-members", f"more than {limits.members} pages")
        finally:
            document.close()


def _page(document: pypdfium2.PdfDocument, number: int) -> Decoded:
    try:
        text = document[number].get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return Trouble("pdf-page", f"page {number + 1} cannot be read")
    if not text.strip():
        return Trouble("no-text-layer", f"page {number + 1} has no text; its image is not examined")
    return Text(f"page {number + 1}", text)
