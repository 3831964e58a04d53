"""libarchive's reader (C, BSD licence), as two distributions carry it, through its C interface.

archive-r-python's has every filter and the ciphers of ZIP, but its libb2, which each RAR 5 member needs, is built for
newer processors than many are; archi's has an own one.

SOURCE: libarchive's archive.h and archive_entry.h, version 3.8: names, types and the values of ``ARCHIVE_OK`` …
``ARCHIVE_FATAL``; ``AE_IFMT`` and ``AE_IFREG`` as in POSIX ``<sys/stat.h>``.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["ArchiveError", "Entry", "Reading", "opened"]

_OK, _EOF, _WARN, _FATAL = 0, 1, -20, -30
_FORMAT: Final = 0o170000
_REGULAR: Final = 0o100000
_PIECE: Final = 1 << 16
_POINTER: Final = ctypes.c_void_p
_INTEGER: Final = ctypes.c_int
_RAR_5: Final = b"Rar!\x1a\x07\x01\0"
_CALLS: Final = (
    ("archive_read_new", _POINTER, ()),
    ("archive_read_support_filter_all", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_raw", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_7zip", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_cab", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_cpio", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_iso9660", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_lha", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_rar", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_rar5", _INTEGER, (_POINTER,)),
    ("archive_read_support_format_zip_seekable", _INTEGER, (_POINTER,)),
    ("archive_read_add_passphrase", _INTEGER, (_POINTER, ctypes.c_char_p)),
    ("archive_read_open_memory", _INTEGER, (_POINTER, ctypes.c_char_p, ctypes.c_size_t)),
    ("archive_read_next_header", _INTEGER, (_POINTER, ctypes.POINTER(_POINTER))),
    ("archive_read_data", ctypes.c_ssize_t, (_POINTER, ctypes.c_char_p, ctypes.c_size_t)),
    ("archive_read_free", _INTEGER, (_POINTER,)),
    ("archive_error_string", ctypes.c_char_p, (_POINTER,)),
    ("archive_entry_pathname", ctypes.c_char_p, (_POINTER,)),
    ("archive_entry_pathname_utf8", ctypes.c_char_p, (_POINTER,)),
    ("archive_entry_filetype", ctypes.c_uint, (_POINTER,)),
    ("archive_entry_is_encrypted", _INTEGER, (_POINTER,)),
)


class ArchiveError(Exception):
    """The archive cannot be read, or not further."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of an archive, as bytes; UTF-8 where the format says what they are."""

    name: bytes
    regular: bool
    encrypted: bool


class Reading:
    """An archive that is being read, entry by entry."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library, self._handle = library, handle
        self._buffer = ctypes.create_string_buffer(_PIECE)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries; the bytes of one are to be read before the next.

        Raises:
            ArchiveError: the rest cannot be listed.
        """
        entry, library = _POINTER(), self._library
        while (code := library.archive_read_next_header(self._handle, ctypes.byref(entry))) != _EOF:
            if code < _WARN:
                raise ArchiveError(self._reason())
            name = library.archive_entry_pathname_utf8(entry) or library.archive_entry_pathname(entry) or b""
            kind = library.archive_entry_filetype(entry) & _FORMAT
            yield Entry(name, kind in {_REGULAR, 0}, bool(library.archive_entry_is_encrypted(entry)))

    def read(self, cap: int) -> tuple[bytes, str]:
        """Return at most ``cap + 1`` bytes of the entry, and why there are no more of them where it is damaged."""
        out = bytearray()
        while len(out) <= cap:
            count = self._library.archive_read_data(self._handle, self._buffer, min(_PIECE, cap + 1 - len(out)))
            if count < 0:
                return bytes(out), self._reason()
            if not count:
                break
            out += self._buffer.raw[:count]
        return bytes(out), ""

    def _reason(self) -> str:
        return (self._library.archive_error_string(self._handle) or b"unknown").decode("ascii", "replace")[:200]


@contextmanager
def opened(data: bytes, formats: Sequence[str], password: bytes = b"") -> Iterator[Reading]:
    """Open an archive in memory.

    Args:
        data: the archive, or the compressed stream.
        formats: libarchive's names of what it may be; ``raw`` unpacks a stream and looks no further.
        password: what its members are tried with.

    Raises:
        ArchiveError: it is none of these, or the library is not installed.
    """
    library = _library("archi" if data.startswith(_RAR_5) else "archive_r_python")
    handle = library.archive_read_new()
    try:
        if "raw" in formats:
            library.archive_read_support_filter_all(handle)
        for name in formats:
            getattr(library, f"archive_read_support_format_{name}")(handle)
        if password:
            library.archive_read_add_passphrase(handle, password)
        reading = Reading(library, handle)
        if library.archive_read_open_memory(handle, data, len(data)) < _WARN:
            raise ArchiveError(reading._reason())  # noqa: SLF001 - the same module
        yield reading
    finally:
        library.archive_read_free(handle)


@cache
def _library(distribution: str) -> ctypes.CDLL:
    try:
        files = importlib.metadata.files(distribution) or []
        place = next(file.locate() for file in files if file.match("libarchive-*.so*"))
        library = ctypes.CDLL(str(place))
    except (importlib.metadata.PackageNotFoundError, StopIteration, OSError) as error:
        message = f"libarchive cannot be loaded; install {distribution}"
        raise ArchiveError(message) from error
    for name, result, arguments in _CALLS:
        call = getattr(library, name)
        call.restype, call.argtypes = result, arguments
    return library
