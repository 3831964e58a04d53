"""Outlook's stores of mail, opened by libpff: the one door to them for all that read them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pypff

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["FAULTS", "opened_store"]

FAULTS: Final = (OSError, MemoryError, ValueError, TypeError, OverflowError, UnicodeError, RuntimeError, SystemError)
"""What libpff raises at a part that cannot be read."""


@contextmanager
def opened_store(content: Readable) -> Iterator[Any]:
    """Open a store and close it behind its reader.

    Raises:
        ParseError: it is no store, or too damaged to open.
    """
    store = pypff.file()
    try:
        store.open_file_object(_Stream(content))
    except FAULTS as error:
        message = f"store cannot be opened ({type(error).__name__}); its raw bytes are scanned"
        raise ParseError(message) from error
    try:
        yield store
    finally:
        store.close()


class _Stream(io.RawIOBase):
    """A content as a file object."""

    def __init__(self, content: Readable) -> None:
        self._content, self._at = content, 0

    # io.RawIOBase's own methods, as libpff calls them

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def get_size(self) -> int:
        return self._content.size

    def read(self, size: int = -1) -> bytes:
        length = self._content.size - self._at if size is None or size < 0 else size
        data = self._content.read(self._at, max(min(length, self._content.size - self._at), 0))
        self._at += len(data)
        return data
