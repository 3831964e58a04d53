"""Registry hives through libregf, with their state.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (base block: sequences at 4 and 8, sum at 508).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyregf

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["LOGS", "at", "hive_gaps", "keys", "opened_hive", "text_of", "values", "written"]

LOGS: Final = (".log1", ".log2", ".log")
_MOST_KEYS: Final = 100_000


def hive_gaps(candidate: Candidate) -> list[Gap]:
    """Return what the base block says is missing from a hive."""
    head = candidate.content.read(0, min(4096, candidate.content.size))
    if len(head) < 4096 or head[:4] != b"regf":
        return [Gap(start=None, end=None, reason="the hive's base block is destroyed")]
    gaps = []
    first, second = struct.unpack_from("<II", head, 4)
    if first != second:
        logs = any(suffix in candidate.companions for suffix in LOGS)
        state = "its transaction logs are present but not replayed" if logs else "no transaction log is beside it"
        reason = f"the hive was not saved completely (sequence {first} and {second}); {state}"
        gaps.append(Gap(start=from_filetime(struct.unpack_from("<Q", head, 12)[0]), end=None, reason=reason))
    total = 0
    for word in struct.unpack_from("<127I", head):
        total ^= word
    if {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total) != struct.unpack_from("<I", head, 508)[0]:
        gaps.append(Gap(start=None, end=None, reason="the hive's base block has a wrong checksum"))
    if 4096 + struct.unpack_from("<I", head, 40)[0] > candidate.content.size:
        gaps.append(Gap(start=None, end=None, reason="the hive is cut off"))
    return gaps + _bin_gaps(candidate, 4096 + struct.unpack_from("<I", head, 40)[0])


def _bin_gaps(candidate: Candidate, end: int) -> list[Gap]:
    """Walk the hive bins: each begins with ``hbin``, its own offset and its size."""
    position, end = 4096, min(end, candidate.content.size)
    while position + 32 <= end:
        head = candidate.content.read(position, 12)
        if len(head) < 12 or head[:4] != b"hbin" or struct.unpack_from("<I", head, 4)[0] != position - 4096:
            return [Gap(start=None, end=None, reason=f"the hive bin at {position} is destroyed")]
        size = struct.unpack_from("<I", head, 8)[0]
        if size < 4096 or size % 4096:
            return [Gap(start=None, end=None, reason=f"the hive bin at {position} has an impossible size")]
        position += size
    return []


@contextmanager
def opened_hive(candidate: Candidate) -> Iterator[Any]:
    """Open a hive and give its root key.

    Raises:
        ParseError: it cannot be read, at all or here.
    """
    hive = pyregf.file()
    try:
        hive.open_file_object(SeekableBytes(candidate.content))
        root = hive.get_root_key()
        if root is None:
            message = "the hive has no root key"
            raise ParseError(message)
        yield root
    except (OSError, OverflowError, MemoryError, ValueError) as error:
        message = f"the registry hive cannot be read further ({type(error).__name__}); its keys behind are missing"
        raise ParseError(message) from error


def at(key: Any, path: str) -> Any:
    """Return the key below another, or None."""
    return key.get_sub_key_by_path(path)


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
            yield value.get_name() or "", value.get_data() or b""


def text_of(key: Any, name: str) -> str:
    """Return a string value; empty where there is none."""
    found = key.get_value_by_name(name) if key is not None else None
    raw: bytes = (found.get_data() or b"") if found is not None else b""
    return raw.decode("utf-16-le", "replace").split("\0")[0]


def written(key: Any) -> int:
    """Return the FILETIME of a key's last change."""
    return int(key.get_last_written_time_as_integer())
