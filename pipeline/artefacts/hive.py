"""Registry hives through libregf, with their state.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (base block: sequences at 4 and 8, last written at
12, size of the bins at 40; hive bins from 4096 on: ``hbin``, own offset, size).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyregf

from pipeline.access.interfaces import Readable
from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.artefacts.hive_logs import base_is_whole, replay
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = [
    "LOGS", "Hive", "at", "data_of", "keys", "load_hive", "number_of", "opened_hive", "text_of", "translated", "values",
    "when", "written",
]  # fmt: skip

LOGS: Final = (".log1", ".log2", ".log")
_MOST_KEYS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Hive:
    """A hive with its transaction logs applied: its bytes, what is missing of them, and the pages that logs gave."""

    content: Readable
    gaps: tuple[Gap, ...]
    pages: int


def load_hive(candidate: Candidate) -> Hive:
    """Apply a hive's transaction logs and say what is still missing."""
    head = candidate.content.read(0, min(4096, candidate.content.size))
    applied = replay(candidate.content, [candidate.companions[log] for log in LOGS if log in candidate.companions])
    gaps = []
    if len(head) < 4096 or head[:4] != b"regf":
        gaps.append(Gap(start=None, end=None, reason="the hive's base block is destroyed"))
    else:
        gaps += _state(head, applied.pages, applied.missing)
    if applied.pages or not gaps:
        head = applied.content.read(0, 4096)
    if len(head) == 4096 and head[:4] == b"regf":
        end = 4096 + struct.unpack_from("<I", head, 40)[0]
        if end > applied.content.size:
            gaps.append(Gap(start=None, end=None, reason="the hive is cut off"))
        gaps += _bin_gaps(applied.content, end)
    return Hive(applied.content, tuple(gaps), applied.pages)


def _state(head: bytes, pages: int, missing: str) -> Iterator[Gap]:
    """Yield what the base block and the logs leave open."""
    first, second = struct.unpack_from("<II", head, 4)
    start = from_filetime(struct.unpack_from("<Q", head, 12)[0])
    if first != second and missing:
        done = f"its transaction logs are replayed in part ({pages} pages)" if pages else "nothing is replayed"
        reason = f"the hive was not saved completely (sequence {first} and {second}); {done}: {missing}"
        yield Gap(start=start, end=None, reason=reason)
    if not base_is_whole(head):
        yield Gap(start=None, end=None, reason="the hive's base block has a wrong checksum")


def _bin_gaps(content: Readable, end: int) -> list[Gap]:
    """Walk the hive bins: each begins with ``hbin``, its own offset and its size."""
    position, end = 4096, min(end, content.size)
    while position + 32 <= end:
        head = content.read(position, 12)
        if len(head) < 12 or head[:4] != b"hbin" or struct.unpack_from("<I", head, 4)[0] != position - 4096:
            return [Gap(start=None, end=None, reason=f"the hive bin at {position} is destroyed")]
        size = struct.unpack_from("<I", head, 8)[0]
        if size < 4096 or size % 4096:
            return [Gap(start=None, end=None, reason=f"the hive bin at {position} has an impossible size")]
        position += size
    return []


@contextmanager
def opened_hive(hive: Hive) -> Iterator[Any]:
    """Open a hive and give its root key.

    Raises:
        ParseError: it cannot be read, at all or here.
    """
    file = pyregf.file()
    with translated():
        file.open_file_object(SeekableBytes(hive.content))
        root = file.get_root_key()
        if root is None:
            message = "the hive has no root key"
            raise ParseError(message)
        yield root


@contextmanager
def translated() -> Iterator[None]:
    """Turn what libregf and the layouts raise over damaged keys into one error.

    Raises:
        ParseError: the hive cannot be read further here.
    """
    try:
        yield
    except (OSError, OverflowError, MemoryError, ValueError, struct.error) as error:
        message = f"the registry hive cannot be read further ({type(error).__name__}); its keys behind are missing"
        raise ParseError(message) from error


def at(key: Any, path: str) -> Any:
    """Return the key below another, or None."""
    return key.get_sub_key_by_path(path) if key is not None else None


def keys(key: Any) -> Iterator[Any]:
    """Yield the keys below, at most 100,000; those of None are none."""
    if key is not None:
        for index in range(min(key.get_number_of_sub_keys(), _MOST_KEYS)):
            yield key.get_sub_key(index)


def values(key: Any) -> Iterator[tuple[str, bytes]]:
    """Yield names and data."""
    if key is not None:
        for index in range(min(key.get_number_of_values(), _MOST_KEYS)):
            value = key.get_value(index)
            # Made anew: text from libregf answers isascii() wrongly.
            name = (value.get_name() or "").encode("utf-8", "replace").decode("utf-8")
            yield name, value.get_data() or b""


def data_of(key: Any, name: str) -> bytes:
    """Return the bytes of a value; empty where there is none."""
    found = key.get_value_by_name(name) if key is not None else None
    return (found.get_data() or b"") if found is not None else b""


def text_of(key: Any, name: str) -> str:
    """Return a string value; empty where there is none."""
    return data_of(key, name)[:65536].decode("utf-16-le", "replace").split("\0")[0]


def number_of(key: Any, name: str) -> int | None:
    """Return a value of four or eight bytes; None where there is none."""
    data = data_of(key, name)
    return int.from_bytes(data, "little") if len(data) in (4, 8) else None


def written(key: Any) -> int:
    """Return the FILETIME of a key's last change."""
    return int(key.get_last_written_time_as_integer())


def when(key: Any) -> datetime | None:
    """Return a key's last change as UTC."""
    return from_filetime(written(key))
