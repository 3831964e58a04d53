"""Prefetch files after Joachim Metz, "Windows Prefetch File (PF) format", uncompressed, versions 17, 23, 26 and 30."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.builders.evtx import filetime

__all__ = ["Volume", "prefetch"]

_FACTS = {17: 68, 23: 156, 26: 220, 30: 212}
"""Bytes of the file information; of the two variants of version 30 the second."""
_METRIC = {17: 20, 23: 32, 26: 32, 30: 32}
_CHAIN = {17: 12, 23: 12, 26: 12, 30: 8}
_VOLUME = {17: 40, 23: 104, 26: 104, 30: 96}


@dataclass(frozen=True)
class Volume:
    """A volume that files were read from."""

    device: str
    serial: int
    created: datetime


def prefetch(
    program: str, files: Sequence[str], volumes: Sequence[Volume], runs: Sequence[datetime], *,
    version: int = 30, count: int = 1,
) -> bytes:  # fmt: skip
    """Return the file of a program; ``files`` are paths below a device, the runs newest first."""
    metrics, names = b"", b""
    for name in files:
        fields = (len(names), len(name), 2)
        metrics += struct.pack("<II3I", 0, 0, *fields) if version == 17 else struct.pack("<III3IQ", 0, 0, 0, *fields, 0)
        names += name.encode("utf-16-le") + b"\0\0"
    assert len(metrics) == _METRIC[version] * len(files)
    start = 84 + _FACTS[version]
    chains_at = start + len(metrics)
    names_at = chains_at + _CHAIN[version]
    volumes_at = (names_at + len(names) + 7) // 8 * 8
    described = _volumes(volumes, version)
    end = volumes_at + len(described)
    facts = struct.pack(
        "<9I", start, len(files), chains_at, 1, names_at, len(names), volumes_at, len(volumes), len(described)
    )
    stamps = [filetime(run) for run in runs]
    if version == 17:
        facts += struct.pack("<Q16xI4x", stamps[0], count)
    elif version == 23:
        facts += struct.pack("<8xQ16xI", stamps[0], count)
    else:
        gap = 16 if version == 26 else 8
        facts += (
            bytes(8) + struct.pack("<8Q", *stamps, *[0] * (8 - len(stamps))) + bytes(gap) + struct.pack("<I", count)
        )
    head = struct.pack("<I4sII", version, b"SCCA", 0x11, end) + program.encode("utf-16-le").ljust(60, b"\0")[:60]
    head += struct.pack("<II", 0xE65B9FE8, 0)
    body = facts.ljust(_FACTS[version], b"\0") + metrics + bytes(_CHAIN[version]) + names
    return (head + body).ljust(volumes_at, b"\0") + described


def _volumes(volumes: Sequence[Volume], version: int) -> bytes:
    width = _VOLUME[version]
    fixed, paths = b"", b""
    for volume in volumes:
        at = width * len(volumes) + len(paths)
        paths += volume.device.encode("utf-16-le") + b"\0\0"
        entry = struct.pack("<IIQI5I", at, len(volume.device), filetime(volume.created), volume.serial, 0, 0, 0, 0, 0)
        fixed += entry.ljust(width, b"\0")
    return fixed + paths
