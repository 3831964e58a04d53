"""LUKS headers: version 1's fixed one, version 2's two JSON copies. All of it is hostile.

Sources: LUKS1 On-Disk Format Specification 1.2.3, figure 1 (phdr) and 2 (key slot); LUKS2 On-Disk Format Specification
1.1.3, §2 (binary header, JSON area, offsets of the second copy) and §3 (JSON objects).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.access.luks_keys import Derivation, KeySlot, VolumeDigest
from pipeline.errors import UnreadableError

__all__ = ["LuksHeader", "Segment", "read_header"]

_PRIMARY: Final = b"LUKS\xba\xbe"
_SECONDARY: Final = b"SKUL\xba\xbe"
_PHDR: Final = struct.Struct(">6sH32s32s32sII20s32sI40s")
_SLOT: Final = struct.Struct(">II32sII")
_SLOTS: Final = 8
_ACTIVE: Final = 0x00AC71F3
_HEADER2: Final = struct.Struct(">6sHQQ48s32s64s40s48sQ184s64s")
_BINARY: Final = 4096
_CHECKSUM: Final = 448
_SIZES: Final = tuple(1 << bits for bits in range(14, 23))
"""Sizes that a copy may have, and so the offsets of the second one: 16 KiB to 4 MiB."""
_MAX_OBJECTS: Final = 32
_SECTOR: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The enciphered stretch: where it lies in the encrypted volume, its cipher, sector size and first IV."""

    offset: int
    length: int
    encryption: str
    sector: int = _SECTOR
    tweak: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LuksHeader:
    """What a header tells; ``slots`` are those whose parameters can be read, ``remarks`` what is odd about it."""

    version: int
    uuid: str
    label: str
    key_bits: int
    slots: tuple[KeySlot, ...]
    segment: Segment
    digest: VolumeDigest
    remarks: tuple[str, ...] = ()


def read_header(data: Readable) -> LuksHeader:
    """Read the header of a LUKS volume.

    Raises:
        UnreadableError: no copy of it is whole, or it asks for what is not supported.
    """
    head = data.read(0, _PHDR.size)
    if head[:8] == _PRIMARY + b"\0\x01":
        return _version1(data, head)
    copies = [copy for copy in (_copy(data, 0, _PRIMARY), *_second(data)) if copy is not None]
    if not copies:
        raise UnreadableError("no copy of its LUKS header is whole")
    best = max(copies, key=lambda copy: copy.sequence)
    remarks = []
    if len({copy.place for copy in copies}) < 2:
        remarks.append(f"only the {'first' if best.place == 0 else 'second'} copy of its header is whole")
    return _version2(data, best, tuple(remarks))


# -- version 1 -------------------------------------------------------------------------------------------------------


def _version1(data: Readable, head: bytes) -> LuksHeader:
    _, _, cipher, mode, name, payload, length, digest, salt, rounds, uuid = _PHDR.unpack(head)
    hash_name = _word(name)
    encryption = f"{_word(cipher)}-{_word(mode)}"
    master = VolumeDigest(
        derivation=Derivation(kind="pbkdf2", salt=salt, hash=hash_name, iterations=rounds), expected=digest
    )
    offset = payload * _SECTOR
    return LuksHeader(
        version=1, uuid=_word(uuid), label="", key_bits=8 * length, digest=master,
        slots=tuple(_slots1(data.read(_PHDR.size, _SLOTS * _SLOT.size), encryption, length, hash_name, master)),
        segment=_segment(data, offset, data.size - offset, encryption, _SECTOR, 0),
    )  # fmt: skip


def _slots1(raw: bytes, encryption: str, length: int, hash_name: str, digest: VolumeDigest) -> Iterator[KeySlot]:
    for number, (active, rounds, salt, offset, stripes) in enumerate(_SLOT.iter_unpack(raw)):
        if active == _ACTIVE:
            yield KeySlot(
                number=str(number), offset=offset * _SECTOR, encryption=encryption, area_key=length, key=length,
                derivation=Derivation(kind="pbkdf2", salt=salt, hash=hash_name, iterations=rounds), stripes=stripes,
                hash=hash_name, digest=digest,
            )  # fmt: skip


def _word(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "replace")


# -- version 2 -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    place: int
    sequence: int
    label: str
    uuid: str
    tree: Mapping[str, Any]


def _second(data: Readable) -> Iterator[_Copy | None]:
    """Yield the second copies found at the offsets where one may lie."""
    for place in _SIZES:
        if data.read(place, 6) == _SECONDARY:
            yield _copy(data, place, _SECONDARY)


def _copy(data: Readable, place: int, magic: bytes) -> _Copy | None:
    """Return a copy of the header whose checksum holds, or None."""
    raw = data.read(place, _HEADER2.size)
    if len(raw) < _HEADER2.size or raw[:8] != magic + b"\0\x02":
        return None
    fields = _HEADER2.unpack(raw)
    size, sequence, label, algorithm, uuid, at = (fields[index] for index in (2, 3, 4, 5, 7, 9))
    if size not in _SIZES or at != place or _word(algorithm) not in {"sha256", "sha1", "sha512"}:
        return None
    whole = bytearray(data.read(place, size))
    expected = bytes(whole[_CHECKSUM : _CHECKSUM + 64])
    whole[_CHECKSUM : _CHECKSUM + 64] = bytes(64)
    if hashlib.new(_word(algorithm), whole).digest() != expected[: hashlib.new(_word(algorithm)).digest_size]:
        return None
    try:
        tree = json.loads(bytes(whole[_BINARY:]).split(b"\0", 1)[0])
    except (ValueError, RecursionError):
        return None
    return _Copy(place, sequence, _word(label), _word(uuid), tree) if isinstance(tree, dict) else None


def _version2(data: Readable, copy: _Copy, remarks: tuple[str, ...]) -> LuksHeader:
    try:
        _refuse(copy.tree)
        segment_name, segment = _crypt_segment(copy.tree)
        digest, members = _digest(copy.tree, segment_name)
        slots, odd = _slots2(copy.tree, digest, members)
        offset = int(segment["offset"])
        size = segment["size"]
        length = data.size - offset if size == "dynamic" else int(size)
        return LuksHeader(
            version=2, uuid=copy.uuid, label=copy.label, slots=slots, digest=digest, remarks=(*remarks, *odd),
            key_bits=8 * int(copy.tree["keyslots"][members[0]]["key_size"]) if members else 0,
            segment=_segment(
                data, offset, length, str(segment["encryption"]), int(segment["sector_size"]),
                int(segment.get("iv_tweak", "0")),
            ),
        )  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, binascii.Error) as error:
        raise UnreadableError(f"its LUKS2 header cannot be understood ({type(error).__name__}: {error})") from error


def _refuse(tree: Mapping[str, Any]) -> None:
    """Refuse what changes how the data is read (LUKS2 specification, §3.6 config and its requirements)."""
    needs = tree.get("config", {}).get("requirements", {}).get("mandatory", [])
    if needs:
        names = ", ".join(str(need)[:40] for need in needs[:4])
        raise UnreadableError(f"its LUKS2 header requires {names}, which is not supported")


def _crypt_segment(tree: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    segments = tree["segments"]
    if len(segments) != 1:
        raise UnreadableError(f"it has {len(segments)} LUKS2 segments; one is supported")
    ((name, segment),) = segments.items()
    if segment["type"] != "crypt" or "integrity" in segment:
        raise UnreadableError("its LUKS2 segment is not plainly encrypted (integrity, linear or hardware encryption)")
    return name, segment


def _digest(tree: Mapping[str, Any], segment: str) -> tuple[VolumeDigest, list[str]]:
    """Return the digest of a segment's volume key and the slots that hold that key."""
    for value in tree["digests"].values():
        if segment in value["segments"]:
            derivation = Derivation(
                kind=str(value["type"]), salt=base64.b64decode(value["salt"]), hash=str(value["hash"]),
                iterations=int(value["iterations"]),
            )  # fmt: skip
            members = [str(slot) for slot in value["keyslots"][:_MAX_OBJECTS]]
            return VolumeDigest(derivation=derivation, expected=base64.b64decode(value["digest"])), members
    raise UnreadableError("no digest of its LUKS2 header is for its segment")


def _slots2(tree: Mapping[str, Any], digest: VolumeDigest, members: list[str]) -> tuple[tuple[KeySlot, ...], list[str]]:
    slots, odd = [], []
    for number in sorted(members, key=lambda name: (len(name), name)):
        try:
            slots.append(_slot2(number, tree["keyslots"][number], digest))
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
            odd.append(f"key slot {number[:8]} cannot be understood ({type(error).__name__})")
    return tuple(slots), odd


def _slot2(number: str, slot: Mapping[str, Any], digest: VolumeDigest) -> KeySlot:
    kdf, area, af = slot["kdf"], slot["area"], slot["af"]
    derivation = Derivation(
        kind=str(kdf["type"]), salt=base64.b64decode(kdf["salt"]), hash=str(kdf.get("hash", "")),
        iterations=int(kdf.get("iterations", kdf.get("time", 0))), memory_kib=int(kdf.get("memory", 0)),
        lanes=int(kdf.get("cpus", 0)),
    )  # fmt: skip
    return KeySlot(
        number=number, derivation=derivation, offset=int(area["offset"]), encryption=str(area["encryption"]),
        area_key=int(area["key_size"]), key=int(slot["key_size"]), stripes=int(af["stripes"]), hash=str(af["hash"]),
        digest=digest,
    )  # fmt: skip


def _segment(data: Readable, offset: int, length: int, encryption: str, sector: int, tweak: int) -> Segment:
    """Return the segment within the volume, in whole sectors; UnreadableError where nothing of it is there."""
    if sector not in {512, 1024, 2048, 4096} or not 0 <= tweak < 1 << 63:
        raise UnreadableError(f"its sector size {sector} is impossible")
    length = min(length, data.size - offset) // sector * sector
    if offset < _SECTOR or length <= 0:
        raise UnreadableError(f"its encrypted data from byte {offset} on lies outside the volume")
    return Segment(offset=offset, length=length, encryption=encryption, sector=sector, tweak=tweak)
