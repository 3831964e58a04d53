"""BitLocker's metadata: where it lies, what it says of the volume, and its protectors. All of it is hostile.

Source: Metz, *BitLocker Drive Encryption (BDE) format* (libbde), sections "Volume header" (offsets 11, 160, 176, 424,
440), "FVE metadata block header", "FVE metadata header", "FVE metadata entry", "Key protection types", "BitLocker
External Key (BEK) file". Methods 0x8004 and 0x8005 (Windows 10): cryptsetup, lib/bitlk/bitlk.c.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["BLOCK", "METHODS", "Metadata", "Protector", "external_keys", "read_metadata"]

BLOCK: Final = 65536
"""What Windows 7 and later set aside for each metadata block."""
METHODS: Final = {
    0x8000: "AES-CBC-128 with diffuser", 0x8001: "AES-CBC-256 with diffuser", 0x8002: "AES-CBC-128",
    0x8003: "AES-CBC-256", 0x8004: "AES-XTS-128", 0x8005: "AES-XTS-256",
}  # fmt: skip
_KINDS: Final = {
    0x0000: "clear key", 0x0100: "TPM", 0x0200: "start-up key", 0x0300: "TPM and start-up key", 0x0500: "TPM and PIN",
    0x0700: "TPM, PIN and start-up key", 0x0800: "recovery password", 0x2000: "password",
}  # fmt: skip
_SIGNATURE: Final = b"-FVE-FS-"
_SCHEME: Final = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_USED_SPACE: Final = bytes.fromhex("3b4da89280dd0e4d9e4eb1e3284eaed8")
_VISTA: Final = b"\xeb\x52\x90"
_BLOCK_HEADER: Final = struct.Struct("<8sHHHHQII3QQ")
_HEADER: Final = struct.Struct("<IIII16sIHHQ")
_ENTRY: Final = struct.Struct("<HHHH")
_MAX_PROTECTORS: Final = 64
_SALT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Protector:
    """A protector of the volume's master key; ``sealed`` is that key under AES-CCM, ``salt`` that of a typed key."""

    identifier: str
    kind: str
    salt: bytes = b""
    sealed: bytes = b""
    clear: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {{{self.identifier.upper()}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a volume's metadata says; offsets are the volume's own. ``vista`` has another layout."""

    identifier: str
    method: int
    sector: int
    places: tuple[int, ...]
    encrypted: int
    header_at: int
    header_size: int
    state: int
    protectors: tuple[Protector, ...]
    sealed_key: bytes
    label: str = ""
    vista: bool = False
    whole: int = 3


def read_metadata(data: Readable) -> Metadata:
    """Return the first metadata block that is whole.

    Raises:
        UnreadableError: none is.
    """
    boot = data.read(0, 512)
    if len(boot) < 512:
        raise UnreadableError("its BitLocker header is cut off")
    sector = int.from_bytes(boot[11:13], "little")
    if sector not in {512, 1024, 2048, 4096}:
        raise UnreadableError(f"its BitLocker header names sectors of {sector} bytes")
    places = list(_places(boot))
    found = [block for place in places if (block := _block(data, place, sector)) is not None]
    if not found:
        found = [block for place in _searched(data, places) if (block := _block(data, place, sector)) is not None]
    if not found:
        raise UnreadableError("none of its BitLocker metadata blocks is whole")
    return found[0]


def _places(boot: bytes) -> Iterator[int]:
    """Yield where the volume header says that the metadata blocks lie."""
    if boot[:3] == _VISTA:
        yield int.from_bytes(boot[56:64], "little") * boot[13] * int.from_bytes(boot[11:13], "little")
        return
    for at in (160, 424):
        if boot[at : at + 16] in {_SCHEME, _USED_SPACE}:
            yield from struct.unpack_from("<3Q", boot, at + 16)


def _searched(data: Readable, known: list[int]) -> Iterator[int]:
    """Yield metadata blocks by their signature, on 64 KiB bounds of the first GiB, where the header names none."""
    for place in range(BLOCK, min(data.size, 1 << 30), BLOCK):
        if place not in known and data.read(place, 8) == _SIGNATURE:
            yield place


def _block(data: Readable, place: int, sector: int) -> Metadata | None:
    raw = data.read(place, BLOCK) if 0 < place < data.size else b""
    if len(raw) < _BLOCK_HEADER.size + _HEADER.size or raw[:8] != _SIGNATURE:
        return None
    _, _, version, state, _, encrypted, _, sectors, *places, header_at = _BLOCK_HEADER.unpack_from(raw)
    total, _, length, _, guid, _, method, _, _ = _HEADER.unpack_from(raw, _BLOCK_HEADER.size)
    end = _BLOCK_HEADER.size + total
    if version not in {1, 2} or length != _HEADER.size or not length < total <= len(raw) - _BLOCK_HEADER.size:
        return None
    entries = list(_entries(raw, _BLOCK_HEADER.size + length, end))
    sealed = next((body for kind, value, body in entries if (kind, value) == (3, 5)), b"")
    header = next((body for kind, value, body in entries if (kind, value) == (15, 15)), b"")
    size = sectors * sector
    if len(header) >= 16:
        header_at, size = struct.unpack_from("<QQ", header)
    label = next((body for kind, value, body in entries if (kind, value) == (7, 2)), b"")
    return Metadata(
        identifier=_guid(guid), method=method, sector=sector, places=tuple(dict.fromkeys(places)), encrypted=encrypted,
        header_at=header_at, header_size=size, state=state, sealed_key=sealed, vista=version == 1,
        label=label.decode("utf-16-le", "replace").rstrip("\0")[:128],
        protectors=tuple(
            _protector(body) for kind, value, body in entries[:_MAX_PROTECTORS] if (kind, value) == (2, 8)
        ),
        whole=sum(data.read(other, 8) == _SIGNATURE for other in places if other < data.size),
    )  # fmt: skip


def _entries(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (entry type, value type, data) of the entries in a range; a size that cannot be ends them."""
    end = min(end, len(raw))
    while start + _ENTRY.size <= end:
        size, kind, value, _ = _ENTRY.unpack_from(raw, start)
        if size < _ENTRY.size or start + size > end:
            return
        yield kind, value, raw[start + _ENTRY.size : start + size]
        start += size


def _protector(body: bytes) -> Protector:
    kind = int.from_bytes(body[26:28], "little")
    salt = sealed = clear = b""
    for _, value, data in _entries(body, 28, len(body)):
        if value == 3 and not salt:
            salt = data[4 : 4 + _SALT]
        elif value == 5 and not sealed:
            sealed = data
        elif value == 1 and not clear:
            clear = data[4:]
    return Protector(
        identifier=_guid(body[:16].ljust(16, b"\0")), kind=_KINDS.get(kind, f"protection {kind:#06x}"), salt=salt,
        sealed=sealed, clear=clear,
    )  # fmt: skip


def _guid(raw: bytes) -> str:
    return str(uuid.UUID(bytes_le=raw))


def external_keys(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (protector's identifier, key) of a start-up key file; nothing where it is none."""
    if len(data) < _HEADER.size:
        return
    total, version, length, *_ = _HEADER.unpack_from(data)
    if version != 1 or length != _HEADER.size or total > len(data):
        return
    for kind, value, body in _entries(data, length, total):
        if (kind, value) == (6, 9):
            for _, inner, key in _entries(body, 24, len(body)):
                if inner == 1:
                    yield _guid(body[:16]), key[4:]
