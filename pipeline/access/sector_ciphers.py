"""Sector ciphers of disk encryption over many sectors at once: AES does the work natively, numpy the chaining.

Sources: IEEE Std 1619-2007 §5 (XTS: tweak by multiplication with x in GF(2^128), little-endian); Linux kernel,
Documentation/admin-guide/device-mapper/dm-crypt.rst (IV modes plain, plain64, plain64be, essiv; an IV counts 512-byte
sectors whatever the sector size).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["Deciphered", "SectorCipher", "Xts", "chained", "cipher_of", "ecb"]

_UNIT: Final = 512
_BLOCK: Final = 16
_PIECE: Final = 1 << 20
_POLYNOMIAL: Final = np.uint64(0x87)  # IEEE 1619 §5.2
_SPEC: Final = re.compile(r"(\w+)-(\w+)(?:-(\w+)(?::(\w+))?)?")
_HASHES: Final = {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
_KEY_SIZES: Final = (16, 24, 32)


class SectorCipher(Protocol):
    """A cipher whose sectors each stand alone."""

    def decrypt(self, data: bytes, first: int, size: int) -> bytes:
        """Return the clear text of whole sectors of ``size`` bytes; ``first`` is the first's number, by 512 bytes."""
        ...


def ecb(key: bytes, data: bytes, *, encrypt: bool) -> bytes:
    """Return AES of every block by itself: what XTS, CBC and their initial values are built of."""
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a building block of XTS and CBC
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


def _numbers(first: int, count: int, step: int) -> NDArray[np.uint64]:
    """Return the sectors' numbers as 128-bit little-endian pairs."""
    pairs = np.zeros((count, 2), dtype="<u8")
    pairs[:, 0] = np.uint64(first) + np.arange(count, dtype=np.uint64) * np.uint64(step)
    return pairs


@dataclass(frozen=True, slots=True)
class Xts:
    """AES-XTS with the sector's number as tweak (``xts-plain64``); ``unit`` is how many bytes a number counts."""

    key: bytes = field(repr=False)
    unit: int = _UNIT

    def decrypt(self, data: bytes, first: int, size: int) -> bytes:
        """Decrypt whole sectors."""
        half = len(self.key) // 2
        count, blocks = len(data) // size, size // _BLOCK
        numbers = _numbers(first * _UNIT // self.unit, count, size // self.unit)
        start = ecb(self.key[half:], numbers.tobytes(), encrypt=True)
        tweaks = np.empty((count, blocks, 2), dtype="<u8")
        tweaks[:, 0] = np.frombuffer(start, dtype="<u8").reshape(count, 2)
        low, high = tweaks[:, 0, 0].copy(), tweaks[:, 0, 1].copy()
        one, top = np.uint64(1), np.uint64(63)
        for block in range(1, blocks):
            carry = high >> top
            high = (high << one) | (low >> top)
            low = (low << one) ^ (carry * _POLYNOMIAL)
            tweaks[:, block, 0], tweaks[:, block, 1] = low, high
        mask = tweaks.reshape(-1)
        inner = ecb(self.key[:half], (np.frombuffer(data, dtype="<u8") ^ mask).tobytes(), encrypt=False)
        return (np.frombuffer(inner, dtype="<u8") ^ mask).tobytes()


def chained(key: bytes, data: bytes, ivs: bytes, size: int) -> bytes:
    """Return AES-CBC's clear text: each block is XORed with the cipher text before it, a sector's first with its IV."""
    count = len(data) // size
    clear = np.frombuffer(ecb(key, data, encrypt=False), dtype="<u8").reshape(count, -1, 2).copy()
    cipher = np.frombuffer(data, dtype="<u8").reshape(count, -1, 2)
    clear[:, 1:] ^= cipher[:, :-1]
    clear[:, 0] ^= np.frombuffer(ivs, dtype="<u8").reshape(count, 2)
    return clear.tobytes()


@dataclass(frozen=True, slots=True)
class Cbc:
    """AES-CBC with an IV from the sector's number; ``salt`` is the key that ESSIV encrypts it with."""

    key: bytes = field(repr=False)
    mode: str
    salt: bytes = field(default=b"", repr=False)

    def decrypt(self, data: bytes, first: int, size: int) -> bytes:
        """Decrypt whole sectors."""
        return chained(self.key, data, self._ivs(first, len(data) // size, size // _UNIT), size)

    def _ivs(self, first: int, count: int, step: int) -> bytes:
        numbers = _numbers(first, count, step)
        if self.mode == "plain":
            numbers[:, 0] &= np.uint64(0xFFFFFFFF)
        if self.mode == "plain64be":
            big = np.zeros((count, 2), dtype=">u8")
            big[:, 1] = numbers[:, 0]
            return big.tobytes()
        if self.mode == "null":
            return bytes(_BLOCK * count)
        return ecb(self.salt, numbers.tobytes(), encrypt=True) if self.mode == "essiv" else numbers.tobytes()


def cipher_of(spec: str, key: bytes) -> SectorCipher:
    """Return the cipher that dm-crypt's name of it and a key make.

    Raises:
        UnreadableError: it is not one of AES in XTS or CBC, or the key has an impossible length.
    """
    match = _SPEC.fullmatch(spec)
    cipher, chain, mode, digest = match.groups() if match else ("", "", "", "")
    length = len(key) // 2 if chain == "xts" else len(key)
    if cipher == "aes" and length in _KEY_SIZES:
        if chain == "xts" and mode in {"plain", "plain64"} and len(key) != 48:
            return Xts(key)
        if chain == "cbc" and mode in {"plain", "plain64", "plain64be", "null"}:
            return Cbc(key, mode)
        if chain == "cbc" and mode == "essiv" and _HASHES.get(digest or "") in _KEY_SIZES:
            return Cbc(key, mode, hashlib.new(digest, key).digest())
    raise UnreadableError(f"the cipher {spec[:64]} with a key of {8 * len(key)} bits is not supported")


@dataclass(frozen=True, slots=True)
class Deciphered:
    """A stretch of enciphered bytes as clear ones; ``tweak`` is the number of its first sector."""

    data: Readable
    start: int
    size: int
    cipher: SectorCipher
    sector: int = _UNIT
    tweak: int = 0

    def read(self, start: int, length: int) -> bytes:
        """Return clear bytes, cut at the end; UnreadableError where the enciphered ones cannot be read."""
        end = min(start + max(length, 0), self.size)
        pieces = []
        while start < end:
            stop = min(end, (start // _PIECE + 1) * _PIECE)
            pieces.append(self._piece(start, stop))
            start = stop
        return b"".join(pieces)

    def _piece(self, start: int, stop: int) -> bytes:
        first, last = start // self.sector, -(-stop // self.sector)
        raw = self.data.read(self.start + first * self.sector, (last - first) * self.sector)
        if len(raw) < (last - first) * self.sector:
            raise UnreadableError(f"byte {start} of the encrypted volume lies outside the medium")
        clear = self.cipher.decrypt(raw, self.tweak + first * self.sector // _UNIT, self.sector)
        return clear[start - first * self.sector : stop - first * self.sector]
