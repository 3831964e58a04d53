"""BitLocker of Windows 7 and later, To Go included: protection, and the clear bytes once a protector opens.

libbde 20260916 opens only volumes whose clear header is NTFS's, so sticks with FAT or exFAT need a reader of our own;
libbde reads Vista's layout, and judges ours in the tests beside cryptsetup and dislocker.

Source: Metz, *BitLocker Drive Encryption (BDE) format* (libbde), sections "Keys", "AES-CCM", "Virtual sector(s)".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from pipeline.access.bitlocker_ciphers import KEY_LENGTHS, sector_cipher
from pipeline.access.bitlocker_metadata import BLOCK, METHODS, Metadata, Protector, external_keys, read_metadata
from pipeline.access.interfaces import Readable
from pipeline.access.mapping import HOLE, MappedBytes, Mapping, merged
from pipeline.access.sealed import LockedError, Opened, Protection
from pipeline.access.sector_ciphers import Deciphered, SectorCipher
from pipeline.errors import UnreadableError
from pipeline.records import Run
from pipeline.volume_keys import KeyKind, VolumeKey, recovery_digits

__all__ = ["BitLocker"]

_ROUNDS: Final = 0x100000
_NONCE: Final = 12
_MAC: Final = 16
_KEY_AT: Final = 12
_MAX_HEADER: Final = 64 << 20
_TOLERANCE: Final = 1 << 20
"""The encrypted size may end a little before the partition does; what is missing beyond that is said."""


class BitLocker:
    """The unlocker of BitLocker volumes."""

    def describe(self, data: Readable) -> Protection:
        """Return what the metadata tells."""
        metadata = read_metadata(data)
        kinds = [item.kind for item in metadata.protectors]
        remarks = [] if metadata.whole >= len(metadata.places) else ["not all of its metadata blocks are whole"]
        method = f"BitLocker {METHODS.get(metadata.method, f'method {metadata.method:#06x}')}"
        if "clear key" in kinds:
            method += " (suspended)"
            remarks.append("its protection is suspended: the key lies beside the data")
        if metadata.encrypted + _TOLERANCE < data.size and not metadata.vista:
            method += " (partly)"
            remarks.append(f"only its first {metadata.encrypted} bytes are encrypted")
        return Protection(
            method=method, identifier=metadata.identifier, label="",
            names=(metadata.identifier, *(item.identifier for item in metadata.protectors)),
            protectors=tuple(str(item) for item in metadata.protectors),
            metadata=((0, metadata.header_size, "FVE boot area"), *_blocks(metadata, data.size)),
            remarks=tuple(remarks),
        )  # fmt: skip

    def unlock(self, data: Readable, keys: Sequence[VolumeKey]) -> Opened:
        """Open by the clear key where there is one, else with the first key that fits a protector."""
        metadata = read_metadata(data)
        if metadata.vista:
            raise LockedError("the layout of Windows Vista is not read by this version; decrypt a copy with libbde")
        for protector, master, how in _masters(metadata, keys):
            key = _unsealed(metadata.sealed_key, master)
            if key is not None:
                return _opened(data, metadata, key, f"{how} {{{protector.identifier.upper()}}}")
        for item in keys:
            if item.kind == KeyKind.VOLUME_KEY and len(item.secret) == KEY_LENGTHS.get(metadata.method):
                opened = _opened(data, metadata, item.secret, "volume key")
                if opened.data.read(510, 2) == b"\x55\xaa":
                    return opened
        raise LockedError(_refusal(metadata, keys))


def _masters(metadata: Metadata, keys: Sequence[VolumeKey]) -> Iterator[tuple[Protector, bytes, str]]:
    """Yield the master keys that the clear key or the given keys open."""
    for protector in metadata.protectors:
        if protector.kind == "clear key":
            master = _unsealed(protector.sealed, protector.clear)
            if master is not None:
                yield protector, master, "clear key"
    for key in keys:
        for protector, secret in _fitting(metadata, key):
            master = _unsealed(protector.sealed, secret)
            if master is not None:
                yield protector, master, protector.kind


def _fitting(metadata: Metadata, key: VolumeKey) -> Iterator[tuple[Protector, bytes]]:
    """Yield the protectors that a key may be for, with the key that it becomes."""
    if key.kind == KeyKind.FILE:
        for identifier, secret in external_keys(key.secret):
            for protector in metadata.protectors:
                if protector.kind == "start-up key" and protector.identifier == identifier:
                    yield protector, secret
        return
    if key.kind != KeyKind.PASSWORD:
        return
    digits = recovery_digits(key.text)
    for protector in metadata.protectors:
        if digits is not None and protector.kind == "recovery password":
            packed = struct.pack("<8H", *(int(group) // 11 for group in digits.split("-")))
            yield protector, _stretched(hashlib.sha256(packed).digest(), protector.salt)
        elif protector.kind == "password":
            once = hashlib.sha256(key.text.encode("utf-16-le", "surrogatepass")).digest()
            yield protector, _stretched(hashlib.sha256(once).digest(), protector.salt)


def _stretched(secret: bytes, salt: bytes) -> bytes:
    """Return the key after 0x100000 rounds of SHA-256 over the last digest, the secret, the salt and the count."""
    last, tail, sha256 = bytes(32), secret + salt, hashlib.sha256
    for count in range(_ROUNDS):
        last = sha256(last + tail + count.to_bytes(8, "little")).digest()
    return last


def _unsealed(sealed: bytes, key: bytes) -> bytes | None:
    """Return the key in an AES-CCM container, or None where the other key does not open it."""
    if len(sealed) <= _NONCE + _MAC + _KEY_AT or len(key) not in {16, 32}:
        return None
    nonce, mac, body = sealed[:_NONCE], sealed[_NONCE : _NONCE + _MAC], sealed[_NONCE + _MAC :]
    try:
        return AESCCM(key, tag_length=_MAC).decrypt(nonce, body + mac, None)[_KEY_AT:]
    except (InvalidTag, ValueError):
        return None


def _opened(data: Readable, metadata: Metadata, key: bytes, how: str) -> Opened:
    cipher = sector_cipher(metadata.method, key, metadata.sector)
    runs = tuple(_runs(metadata, data.size))
    stored = _Stored(data, metadata.encrypted, cipher, metadata.sector)
    return Opened(data=MappedBytes(stored, Mapping(runs)), opened_by=how, runs=runs)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The volume's stored bytes, deciphered where they are enciphered: up to ``encrypted``."""

    data: Readable
    encrypted: int
    cipher: SectorCipher
    sector: int

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.data.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes."""
        end = min(start + max(length, 0), self.size)
        bound = min(max(self.encrypted // self.sector * self.sector, start), end)
        clear = Deciphered(self.data, 0, self.size, self.cipher, self.sector).read(start, bound - start)
        return clear + (self.data.read(bound, end - bound) if bound < end else b"")


def _blocks(metadata: Metadata, size: int) -> Iterator[tuple[int, int, str]]:
    """Yield the metadata blocks."""
    for number, place in enumerate(metadata.places, start=1):
        if 0 < place < size:
            yield place, min(BLOCK, size - place), f"FVE metadata {number}"


def _runs(metadata: Metadata, size: int) -> Iterator[Run]:
    """Yield where the clear volume's bytes are stored: its beginning in the header's block, holes for both.

    Raises:
        UnreadableError: the header's block lies outside the volume.
    """
    size = size // metadata.sector * metadata.sector
    header, length = metadata.header_at, metadata.header_size
    if not 0 < length <= _MAX_HEADER or header < length or header + length > size or length % metadata.sector:
        raise UnreadableError(f"its BitLocker metadata puts the volume's beginning at byte {header}+{length}")
    pieces, at = [Run(start=header, length=length)], length
    for start, count, _ in sorted([*_blocks(metadata, size), (header, length, "")]):
        if start + count <= at:
            continue
        if start > at:
            pieces.append(Run(start=at, length=start - at))
        pieces.append(Run(start=HOLE, length=start + count - max(start, at)))
        at = start + count
    if at < size:
        pieces.append(Run(start=at, length=size - at))
    yield from merged(pieces)


def _refusal(metadata: Metadata, keys: Sequence[VolumeKey]) -> str:
    kinds = {item.kind for item in metadata.protectors}
    if not keys:
        return "no key is given for it"
    digits = [key for key in keys if key.kind == KeyKind.PASSWORD and recovery_digits(key.text) is not None]
    typed = [key for key in keys if key.kind == KeyKind.PASSWORD and key not in digits]
    files = [key for key in keys if key.kind == KeyKind.FILE]
    said = []
    for what, given, kind in (
        ("recovery password", digits, "recovery password"), ("password", typed, "password"),
        ("key file", files, "start-up key"),
    ):  # fmt: skip
        if given and kind in kinds:
            said.append(f"the given {what} is wrong ({len(given)} tried)")
        elif given:
            said.append(f"a {what} is given, but it has no such protector")
    return "; ".join(said) or "none of the given keys fits"
