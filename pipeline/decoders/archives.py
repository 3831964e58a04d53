"""Archives and streams that libarchive reads: 7z, RAR, LZH, CAB, cpio and discs; zstd, LZ4, lzip and compress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Locked, Member, Trouble, whole
from pipeline.decoders.libarchive import ArchiveError, Entry, Reading, opened

__all__ = ["Archive", "unlocked"]

_FORMATS: Final = ("7zip", "rar", "rar5", "lha", "cab", "cpio")
_DISC: Final = ("iso9660",)
_DESCRIPTORS: Final = slice(32 << 10, 64 << 10)
"""Where the descriptors of a disc stand, 2048 bytes each (ECMA-119 §6.2.1, ECMA-167 2/8.3)."""
_STREAMS: Final = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"LZIP\x01")
"""Signatures of zstd, LZ4, compress and lzip (``types.SIGNATURES``)."""

_HEAD: Final = 64
"""Bytes that tell a stream from what it unpacks to; libarchive gives bytes that are none as they are."""


@dataclass(frozen=True)
class Archive(Decoder):
    """Unpacks archives entry by entry, and a compressed stream as one member."""

    name: str = "archive"
    version: int = 2
    types: tuple[str, ...] = ("7z", "cab", "compress", "cpio", "iso", "lz4", "lzh", "lzip", "rar", "zstd")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Member or Locked per file, and a Trouble where one is damaged or the archive breaks off."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        stream = data.startswith(_STREAMS)
        if _is_volume(data):
            yield Trouble("archive-volume", "one volume of several; what runs over its ends is read in part; join them")
        disc = data[_DESCRIPTORS]
        formats = _DISC if disc[1:6] in {b"CD001", b"BEA01"} else ("raw",) if stream else _FORMATS
        if formats is _DISC and (b"\0NSR02" in disc or b"\0NSR03" in disc):
            yield Trouble("no-decoder", "the UDF file system of the disc is not read; its raw bytes are scanned", "udf")
        try:
            with opened(data, formats) as reading:
                yield from _members(reading, data, limits, stream=stream)
        except ArchiveError as error:
            yield _broken(str(error))


def _is_volume(data: bytes) -> bool:
    """Tell whether a RAR is one volume of several (technical note: flag 1 of the main header; RAR 5: archive flags)."""
    if data.startswith(b"Rar!\x1a\x07\0"):
        return bool(data[10:11]) and data[9] == 0x73 and bool(data[10] & 1)
    if not data.startswith(b"Rar!\x1a\x07\x01\0"):
        return False
    values: list[int] = []
    at = 12
    while len(values) < 5 and at < min(len(data), 64):
        value, shift = 0, 0
        while at < len(data) and data[at] & 0x80:
            value, shift, at = value | (data[at] & 0x7F) << shift, shift + 7, at + 1
        values.append(value | (data[at : at + 1] or b"\0")[0] << shift)
        at += 1
    flags = 4 if len(values) > 2 and values[2] & 1 else 3
    return len(values) == 5 and values[1] == 1 and bool(values[flags] & 1)


def _broken(why: str) -> Locked | Trouble:
    if "crypt" in why:
        return Locked("", "encrypted-archive")
    code = "no-decoder" if why.startswith("libarchive") else "archive-damaged"
    return Trouble(code, f"archive is not read further ({why}); its raw bytes are scanned")


def _members(reading: Reading, data: bytes, limits: Limits, *, stream: bool) -> Iterator[Decoded]:
    room, ratio = limits.total_bytes, max(1 << 20, len(data) * limits.ratio)
    count = -1
    for count, entry in enumerate(reading.entries()):
        if count >= limits.members:
            yield Trouble("limit-members", f"more than {limits.members} members")
            return
        if not entry.regular:
            continue
        cap = min(limits.member_bytes, room, ratio)
        body, fault = reading.read(cap)
        room -= min(len(body), room)
        if stream and body[:_HEAD] == data[:_HEAD]:
            fault, body = "no stream of its type", b""
        yield from _member(entry, "content" if stream else name_of(entry.name), (body, fault), cap)
        if len(body) > cap:
            return
    if count < 0:
        yield Trouble("archive-damaged", "no member is found")


def _member(entry: Entry, name: str, found: tuple[bytes, str], cap: int) -> Iterator[Decoded]:
    body, fault = found
    if entry.encrypted or "crypt" in fault:
        yield Locked(name, "encrypted-member")
        return
    if len(body) > cap:
        yield Trouble("limit-member-bytes", f"a member exceeds {cap} bytes; it and what follows is not read")
        return
    yield Member(name, body)
    if fault:
        yield Trouble("archive-member", f"a member is damaged ({fault}); {len(body)} bytes of it are read")


def name_of(raw: bytes) -> str:
    """Return a name: UTF-8 where the bytes are that, else CP932, whose separator is the second byte of no character."""
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")


def unlocked(data: bytes, limits: Limits) -> dict[bytes, bytes]:
    """Return what the passwords open of the encrypted members of a ZIP, by their names' bytes."""
    found: dict[bytes, bytes] = {}
    room = limits.total_bytes
    for password in limits.passwords:
        try:
            with opened(data, ("zip_seekable",), password) as reading:
                for entry in reading.entries():
                    if entry.encrypted and entry.name not in found:
                        body, fault = reading.read(min(room, limits.member_bytes))
                        if not fault and len(body) <= min(room, limits.member_bytes):
                            room -= len(body)
                            found[entry.name] = body
        except ArchiveError:
            continue
    return found
