"""Members of ZIP archives (PKWARE APPNOTE 6.3.10)."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.decoders.base import Decoded, Limits, Locked, Member, Trouble

__all__ = ["FAULTS", "members_of", "name_of"]

FAULTS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError,
          RuntimeError, OverflowError)  # fmt: skip


def members_of(data: bytes, limits: Limits) -> Iterator[Decoded]:
    """Yield the members of a ZIP in the order of its directory."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (*FAULTS, UnicodeDecodeError) as error:
        yield Trouble("zip-directory", f"directory is damaged ({type(error).__name__}); members not listed")
        return
    total = 0
    for count, info in enumerate(archive.infolist()):
        if count >= limits.members:
            yield Trouble("limit-members", f"more than {limits.members} members")
            return
        if info.is_dir():
            continue
        item = _member(archive, data, info, limits, limits.total_bytes - total)
        total += len(item.data) if isinstance(item, Member) else 0
        yield item


def name_of(info: zipfile.ZipInfo) -> str:
    """Return the name: UTF-8 by flag bit 11 (APPNOTE 4.4.4), else UTF-8 or CP932 by trial."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding).split("\0", 1)[0]
        except UnicodeDecodeError:
            continue
    return info.filename


def _member(archive: zipfile.ZipFile, data: bytes, info: zipfile.ZipInfo, limits: Limits, room: int) -> Decoded:
    name = name_of(info)
    if info.flag_bits & 1:
        return Locked(name, "encrypted-member")
    cap = min(limits.member_bytes, room, max(1 << 20, info.compress_size * limits.ratio))
    try:
        with archive.open(info) as stream:
            body = stream.read(cap + 1)
    except FAULTS as error:
        return Trouble("zip-member", f"a member is damaged ({type(error).__name__})")
    if len(body) > cap:
        return Trouble(_limit(cap, limits, room), f"a member exceeds {cap} bytes")
    return Member(name, body, _stored(data, info), _time(info))


def _limit(cap: int, limits: Limits, room: int) -> str:
    if cap == limits.member_bytes:
        return "limit-member-bytes"
    return "limit-total-bytes" if cap == room else "limit-ratio"


def _stored(data: bytes, info: zipfile.ZipInfo) -> int | None:
    """Offset of stored bytes: 30 + name + extra behind the local header (APPNOTE 4.3.7)."""
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    at = info.header_offset
    return (
        at + 30 + int.from_bytes(data[at + 26 : at + 28], "little") + int.from_bytes(data[at + 28 : at + 30], "little")
    )


def _time(info: zipfile.ZipInfo) -> datetime | None:
    """The local DOS time (APPNOTE 4.4.6) marked UTC, for the medium does not say its zone."""
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None
