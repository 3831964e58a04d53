"""PDF documents (ISO 32000-1 §7.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pypdfium2  # type: ignore[import-untyped, unused-ignore]

from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.pdf_gap import joints_of
from pipeline.carvers.pdf_tables import DICTIONARY, END, OBJECT, table_at

__all__ = ["LONGEST", "Pdf"]

LONGEST: Final = 64 << 20
"""Bytes of one document that are read."""
TRIED: Final = 16
_MARK: Final = 64
"""More bytes than an end mark has (``END``)."""
_WINDOWS: Final = (1 << 20, 8 << 20, LONGEST)
_TABLE: Final = re.compile(rb"\s{0,4}(?:xref\b|\d{1,10} \d{1,5} obj\b)")
_MORE: Final = re.compile(rb"\s{0,8}(?:\d{1,10} \d{1,5} obj\b|xref\b)")


@dataclass(frozen=True)
class Pdf(Carver):
    """Takes the last end mark whose cross-reference lies where it says, and with which PDFium opens the document."""

    name: str = "pdf"
    version: int = 3
    headers: tuple[tuple[bytes, int], ...] = ((b"%PDF-1.", 0), (b"%PDF-2.", 0))

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the document if it opens: with a sound cross-reference, else as PDFium repairs it (partial)."""
        if not OBJECT.search(view.read(start, min(limit, 64 << 10))):
            return None
        data, ends = b"", list[re.Match[bytes]]()
        for window in _WINDOWS:
            if len(data) == limit:
                break
            known, data = len(data), view.read(start, min(limit, window))
            ends = _more_ends(data, ends, known)
            stop, more = _sound_end(data, ends)
            if stop and not more and _opens(data[:stop]):
                return Carved(start, stop, "pdf")
        if stop and _opens(data[:stop]):
            note = f"not read behind {LONGEST} bytes" if more and limit > LONGEST else ""
            return Carved(start, stop, "pdf", note=note)
        return _repaired(data, start, limit)

    def mend(self, view: View, start: int, limit: int, found: Carved | None) -> Carved | None:
        """Return the document in two pieces where its cross-reference and the stream at the joint agree."""
        if not OBJECT.search(view.read(start, min(limit, 64 << 10))):
            return found
        try:
            for mended, data in joints_of(view, start, limit):
                if _sound_end(data, list(END.finditer(data)))[0] == len(data) and _opens(data):
                    return mended
        except SpentError:
            return found
        return found


def _more_ends(data: bytes, ends: list[re.Match[bytes]], known: int) -> list[re.Match[bytes]]:
    """Return the end marks of a document of which the first ``known`` bytes were searched already."""
    kept = [match for match in ends if match.end() + _MARK <= known]
    return kept + list(END.finditer(data, max(known - 2 * _MARK, kept[-1].end() if kept else 0)))


def _sound_end(data: bytes, ends: Iterable[re.Match[bytes]]) -> tuple[int, bool]:
    """Return where the document ends (0: nowhere) and whether an update seems to follow (§7.5.6).

    A file embedded as it is has its own header and end; its cross-reference offset does not fit from here, and a
    header between cross-reference and end mark shows that the two are not of one document.
    """
    best, more = 0, False
    for match in ends:
        table = int(match.group(1))
        if (
            not 0 < table < match.start()
            or not _TABLE.match(data, table)
            or data.find(b"%PDF-", table, match.end()) >= 0
            or not _whole(data, table, match.start())
        ):
            continue
        best, more = match.end(), bool(_MORE.match(data, match.end())) or match.end() + 32 > len(data)
        if not more and not _linearised(data, match.end()):
            break
    return best, more


def _whole(data: bytes, table: int, end: int) -> bool:
    """Tell whether a table runs up to its end mark, with nothing but its trailer between; unknown kinds pass."""
    found = table_at(data, table + len(data[table : table + 8]) - len(data[table : table + 8].lstrip()))
    return not found.known or (found.end > 0 and end - found.end <= DICTIONARY)


def _linearised(data: bytes, end: int) -> bool:
    """Tell whether the first part of a linearised document ends here (annex F): its main part follows."""
    head = data[:1024]
    stated = re.search(rb"/L\s{1,4}(\d{1,12})", head) if b"/Linearized" in head else None
    return stated is not None and end < int(stated.group(1)) - 32


def _repaired(data: bytes, start: int, limit: int) -> Carved | None:
    """Return what PDFium opens although its cross-reference is damaged: up to an end mark before the next header."""
    after = data.find(b"%PDF-", 5)
    end = after if after > 0 else len(data)
    for _ in range(TRIED):
        end = data.rfind(b"%%EOF", 0, end)
        if end < 0:
            return None
        if b"startxref" in data[max(0, end - 64) : end] and _opens(data[: end + 5]):
            cut = f"; not read behind {LONGEST} bytes" if limit > LONGEST and after < 0 else ""
            return Carved(start, end + 5, "pdf", complete=False, note=f"cross-reference damaged{cut}")
    return None


def _opens(data: bytes) -> bool:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return "password" in str(error).lower()
    pages = len(document)
    document.close()
    return pages > 0
