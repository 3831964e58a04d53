"""Logs as they are kept: plain, or rotated and packed by gzip, xz, bzip2 or zstd; streamed, with a limit for bombs.

SOURCE: signatures of RFC 1952 §2.3.1, the .xz file format §2.1.1.1, bzip2's ``BZh`` and RFC 8878 §3.1.1.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import pyarrow as pa

from pipeline.access.interfaces import Readable
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.errors import ParseError

__all__ = ["Block", "is_packed", "text_blocks", "unpacked"]

_PAGE: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 20
_RATIO: Final = 500
_ALWAYS: Final = 256 << 20
"""Text packs to a hundredth at best; what unpacks to more than 500 times its size and 256 MiB is made to harm."""
_XZ_MEMORY: Final = 256 << 20
_SIGNATURES: Final = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)

Block = tuple[int, bytes]
"""Offset in the unpacked text, and whole lines."""


class _Engine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflater:
    """zlib's engine for a gzip member, as the two others are used."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(31)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._engine.unconsumed_tail and not self._full

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._engine.decompress(self._engine.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length
        return out


def is_packed(content: Readable) -> str:
    """Return what a log is packed with: ``gzip``, ``xz``, ``bzip2``, ``zstd``; nothing where it is plain."""
    head = content.read(0, min(8, content.size)) if content.size else b""
    return next((name for magic, name in _SIGNATURES if head.startswith(magic)), "")


def unpacked(content: Readable) -> Iterator[bytes]:
    """Yield the bytes of a log, a mebibyte at a time.

    Raises:
        ParseError: it is damaged, breaks off or is a bomb; what lies before was yielded.
    """
    kind, total = is_packed(content), 0
    most = max(_ALWAYS, content.size * _RATIO)
    try:
        for page in {"": _pages, "zstd": _zstd}.get(kind, _members)(content):
            total += len(page)
            if kind and total > most:
                message = f"unpacks to more than {most} bytes; the rest of the log is not read"
                raise ParseError(message)
            yield page
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, pa.ArrowException) as error:
        message = f"the packed log is damaged ({type(error).__name__}); what follows is not read"
        raise ParseError(message) from error


def text_blocks(content: Readable) -> Iterator[Block]:
    """Yield whole lines, about a mebibyte at a time; a line longer than that comes in pieces.

    Raises:
        ParseError: a packed log is damaged, breaks off or is a bomb; the lines before were yielded.
    """
    rest, start = b"", 0
    for page in unpacked(content):
        data = rest + page
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _LONGEST_LINE:
            cut = len(data)
        if cut:
            yield start, data[:cut]
        rest, start = data[cut:], start + cut
    if rest:
        yield start, rest


def _pages(content: Readable) -> Iterator[bytes]:
    for start in range(0, content.size, _PAGE):
        yield content.read(start, min(_PAGE, content.size - start))


def _zstd(content: Readable) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.PythonFile(SeekableBytes(content), mode="r"), "zstd") as stream:
        while page := stream.read(_PAGE):
            yield page


def _engine(kind: str) -> _Engine:
    if kind == "gzip":
        return _Inflater()
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY) if kind == "xz" else bz2.BZ2Decompressor()


def _members(content: Readable) -> Iterator[bytes]:
    """Unpack streams that follow each other; zeros between and behind them are padding."""
    kind = is_packed(content)
    engine, started = _engine(kind), False
    for page in _pages(content):
        data = page
        while data or not engine.needs_input:
            if not started:
                data = data.lstrip(b"\0")
                if not data:
                    break
            started = True
            out = engine.decompress(data, _PAGE)
            if out:
                yield out
            data = b""
            if engine.eof:
                data, engine, started = engine.unused_data, _engine(kind), False
    if started:
        message = "breaks off"
        raise EOFError(message)
