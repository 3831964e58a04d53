"""Tape archives (POSIX.1-2017 pax §4.18.14: ustar and pax; GNU long names)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole

__all__ = ["Tar"]

FAULTS: Final = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, IndexError, RecursionError, KeyError)


@dataclass(frozen=True)
class Tar(Decoder):
    """Gives the files of an archive in its order; times are left out, for the row could not say their zone."""

    name: str = "tar"
    version: int = 1
    types: tuple[str, ...] = ("tar",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Member per regular file with the offset where it lies, a Trouble where the chain breaks."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        try:
            archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        except FAULTS as error:
            yield Trouble("tar-damaged", f"archive cannot be opened ({type(error).__name__})")
            return
        yield from _members(archive, data, limits)


def _members(archive: tarfile.TarFile, data: bytes, limits: Limits) -> Iterator[Decoded]:
    room, last = limits.total_bytes, -1
    for _ in range(limits.members):
        try:
            info = archive.next()
        except FAULTS as error:
            yield Trouble("tar-damaged", f"a header is damaged ({type(error).__name__}); the rest is not listed")
            return
        if info is None or info.offset <= last:
            if data[archive.offset :].strip(b"\0"):
                yield Trouble("tar-damaged", "the chain of headers breaks; the rest is scanned as raw bytes only")
            return
        last = info.offset
        if info.isreg():
            item, used = _member(info, data, limits, room)
            room -= used
            yield from item
    yield Trouble("limit-members", f"more than {limits.members} members")


def _member(info: tarfile.TarInfo, data: bytes, limits: Limits, room: int) -> tuple[list[Decoded], int]:
    """Return what one file gives and how many bytes it takes; a sparse file's map is not applied."""
    cap = min(limits.member_bytes, room)
    if info.size > cap:
        return [Trouble("limit-member-bytes", f"a member of {info.size} bytes exceeds {cap}")], 0
    end = info.offset_data + max(info.size, 0)
    body = data[info.offset_data : end]
    found: list[Decoded] = [Member(_name(info.name), body, info.offset_data)]
    if info.issparse():
        found.append(Trouble("tar-sparse", "a sparse file is given as stored, without its holes"))
    elif end > len(data):
        found.append(Trouble("tar-damaged", "a member is cut off"))
    return found, len(body)


def _name(name: str) -> str:
    """Return a name that is not UTF-8 as CP932 where it is that, else as it is."""
    raw = name.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")
