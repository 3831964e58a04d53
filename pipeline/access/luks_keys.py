"""From a passphrase to a LUKS volume key: derivation, anti-forensic merge, digest. Every cost is bounded.

Sources: LUKS1 On-Disk Format Specification 1.2.3 (§2.4 AF splitter, §4 key slots); LUKS2 On-Disk Format Specification
1.1.3 (§3.3 keyslots and kdf, §3.5 digests); RFC 9106 (Argon2); RFC 8018 §5.2 (PBKDF2).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2i, Argon2id

from pipeline.access.interfaces import Readable
from pipeline.access.sector_ciphers import Deciphered, cipher_of
from pipeline.errors import UnreadableError

__all__ = ["AF_STRIPES", "Derivation", "KeySlot", "VolumeDigest", "merge_stripes"]

AF_STRIPES: Final = 4000
_HASHES: Final = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "whirlpool"})
_MAX_KEY: Final = 128
# Bounds of what a header may ask of us. cryptsetup stops at 4 GiB for Argon2 and calibrates to two seconds; a pass over
# a GiB takes about one second, a million iterations of PBKDF2-SHA256 about a second.
_MAX_ITERATIONS: Final = 60_000_000
_MAX_MEMORY_KIB: Final = 4 << 20
_MAX_KIB_PASSES: Final = 64 << 20
_MAX_LANES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """How a passphrase becomes a key: ``pbkdf2``, ``argon2i`` or ``argon2id`` with its costs."""

    kind: str
    salt: bytes
    hash: str = ""
    iterations: int = 0
    memory_kib: int = 0
    lanes: int = 0

    def check(self) -> None:
        """Refuse unknown kinds and costs beyond the bounds; raises UnreadableError that names the bound."""
        if self.kind == "pbkdf2":
            if self.hash not in _HASHES or self.hash not in hashlib.algorithms_available:
                raise UnreadableError(f"its hash {self.hash[:32]} is not supported")
            self._bounded("iterations", self.iterations, _MAX_ITERATIONS)
        elif self.kind in {"argon2i", "argon2id"}:
            self._bounded("KiB of memory", self.memory_kib, _MAX_MEMORY_KIB)
            self._bounded("KiB of memory times passes", self.memory_kib * self.iterations, _MAX_KIB_PASSES)
            self._bounded("lanes", self.lanes, _MAX_LANES)
        else:
            raise UnreadableError(f"its key derivation {self.kind[:32]} is not supported")

    @staticmethod
    def _bounded(what: str, value: int, most: int) -> None:
        if not 0 < value <= most:
            raise UnreadableError(f"its key derivation asks for {value} {what}; the bound is {most}")

    def key(self, passphrase: bytes, length: int) -> bytes:
        """Derive ``length`` bytes; UnreadableError where the engine refuses the parameters."""
        self.check()
        try:
            if self.kind == "pbkdf2":
                return hashlib.pbkdf2_hmac(self.hash, passphrase, self.salt, self.iterations, length)
            engine = Argon2id if self.kind == "argon2id" else Argon2i
            return engine(
                salt=self.salt, length=length, iterations=self.iterations, lanes=self.lanes, memory_cost=self.memory_kib
            ).derive(passphrase)
        except (ValueError, OverflowError, UnsupportedAlgorithm, MemoryError) as error:
            raise UnreadableError(f"its key derivation {self.kind} cannot be carried out ({error})") from error


def merge_stripes(material: bytes, length: int, stripes: int, hash_name: str) -> bytes:
    """Return the key that the anti-forensic splitter spread over stripes (LUKS1 specification, §2.4)."""
    block = bytes(length)
    for index in range(stripes):
        piece = material[index * length : (index + 1) * length]
        mixed = (int.from_bytes(block, "big") ^ int.from_bytes(piece, "big")).to_bytes(length, "big")
        block = mixed if index == stripes - 1 else _diffused(mixed, hash_name)
    return block


def _diffused(block: bytes, hash_name: str) -> bytes:
    """Hash a block piece by piece with its number; a last piece shorter than a digest gets a digest cut to it."""
    size = hashlib.new(hash_name).digest_size
    pieces = []
    for index, at in enumerate(range(0, len(block), size)):
        piece = block[at : at + size]
        pieces.append(hashlib.new(hash_name, index.to_bytes(4, "big") + piece).digest()[: len(piece)])
    return b"".join(pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDigest:
    """What tells a right volume key from a wrong one (a PBKDF2 of it)."""

    derivation: Derivation
    expected: bytes

    def fits(self, key: bytes) -> bool:
        """Tell whether a volume key is the volume's."""
        return hmac.compare_digest(self.derivation.key(key, len(self.expected)), self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """One slot: where its material lies, how it is enciphered, and what the key that it holds is for."""

    number: str
    derivation: Derivation
    offset: int
    encryption: str
    area_key: int
    key: int
    stripes: int
    hash: str
    digest: VolumeDigest

    def check(self) -> None:
        """Refuse sizes that no key slot has; raises UnreadableError."""
        if not 0 < self.key <= _MAX_KEY or not 0 < self.area_key <= _MAX_KEY or self.stripes != AF_STRIPES:
            raise UnreadableError(f"key slot {self.number} has impossible sizes")
        if self.hash not in _HASHES or self.hash not in hashlib.algorithms_available:
            raise UnreadableError(f"key slot {self.number}: its hash {self.hash[:32]} is not supported")
        self.derivation.check()
        self.digest.derivation.check()

    def volume_key(self, data: Readable, passphrase: bytes) -> bytes | None:
        """Return the volume key that a passphrase opens, None where it does not fit; UnreadableError when damaged."""
        self.check()
        cipher = cipher_of(self.encryption, self.derivation.key(passphrase, self.area_key))
        length = -(-self.key * self.stripes // 512) * 512
        material = Deciphered(data, self.offset, length, cipher).read(0, length)
        key = merge_stripes(material, self.key, self.stripes, self.hash)
        return key if self.digest.fits(key) else None
