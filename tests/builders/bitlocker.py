"""BitLocker volumes around given clear ones: no tool writes them outside Windows; libbde and cryptsetup are the judges.

Source: Metz, *BitLocker Drive Encryption (BDE) format* (libbde), sections "Volume header", "FVE metadata block", "FVE
metadata entry", "Encryption methods"; Ferguson, *AES-CBC + Elephant diffuser* (2006), §4.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

SECTOR = 512
BLOCK = 65536
HEADER = 8192
FILETIME = 133_000_000_000_000_000
RECOVERY = "471207-278498-422125-177177-561902-537405-468006-693451"
METHODS = {
    "AES-CBC-128-diffuser": 0x8000, "AES-CBC-256-diffuser": 0x8001, "AES-CBC-128": 0x8002, "AES-CBC-256": 0x8003,
    "AES-XTS-128": 0x8004, "AES-XTS-256": 0x8005,
}  # fmt: skip
_SCHEME = uuid.UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001")


def _pattern(name: str, length: int) -> bytes:
    """Return bytes that look random and are the same every time."""
    return hashlib.shake_256(name.encode()).digest(length)


def identifier(name: str) -> uuid.UUID:
    """Return the identifier of a protector or volume of a test."""
    return uuid.UUID(bytes=_pattern(name, 16))


@dataclass(frozen=True)
class Protector:
    """What may open the volume: ``password``, ``recovery``, ``startup``, ``clear`` or ``tpm``."""

    kind: str
    secret: str = ""

    @property
    def guid(self) -> uuid.UUID:
        return identifier(f"protector {self.kind}")


def entry(kind: int, value: int, data: bytes) -> bytes:
    return struct.pack("<HHHH", 8 + len(data), kind, value, 1) + data


def stretched(secret: bytes, salt: bytes) -> bytes:
    """Return the key of 0x100000 rounds of SHA-256."""
    last = bytes(32)
    tail = secret + salt
    for count in range(0x100000):
        last = hashlib.sha256(last + tail + count.to_bytes(8, "little")).digest()
    return last


_PROTECTIONS = {"clear": 0, "tpm": 0x100, "startup": 0x200, "recovery": 0x800, "password": 0x2000}


def _initial(protector: Protector) -> bytes:
    if protector.kind == "recovery":
        digits = [int(group) // 11 for group in protector.secret.split("-")]
        return hashlib.sha256(struct.pack("<8H", *digits)).digest()
    return hashlib.sha256(hashlib.sha256(protector.secret.encode("utf-16-le")).digest()).digest()


def wrapped(kind: int, key: bytes, method: int, under: bytes, counter: int) -> bytes:
    """Return the entry of a key under AES-CCM."""
    nonce = struct.pack("<QI", FILETIME, counter)
    plain = struct.pack("<IHHI", 12 + len(key), 1, 0, method) + key
    sealed = AESCCM(under, tag_length=16).encrypt(nonce, plain, None)
    return entry(kind, 5, nonce + sealed[-16:] + sealed[:-16])


def external_key() -> bytes:
    return _pattern("external key", 32)


def bek_file() -> bytes:
    """Return the start-up key file of the ``startup`` protector."""
    guid = Protector("startup").guid
    key = entry(0, 1, struct.pack("<I", 0x2002) + external_key())
    name = entry(0, 2, "ExternalKey\0".encode("utf-16-le"))
    body = entry(6, 9, guid.bytes_le + struct.pack("<Q", FILETIME) + name + key)
    head = struct.pack("<IIII16sIIQ", 48 + len(body), 1, 48, 48 + len(body), guid.bytes_le, 1, 0, FILETIME)
    return head + body


def _vmk(protector: Protector, vmk: bytes, counter: int) -> bytes:
    head = protector.guid.bytes_le + struct.pack("<QHH", FILETIME, 0, _PROTECTIONS[protector.kind])
    if protector.kind == "tpm":
        return entry(2, 8, head + entry(0, 6, struct.pack("<I", 1) + _pattern("tpm", 200)))
    if protector.kind == "clear":
        clear = _pattern("clear key", 32)
        body = entry(0, 1, struct.pack("<I", 0x2002) + clear) + wrapped(0, vmk, 0x2000, clear, counter)
    elif protector.kind == "startup":
        body = entry(0, 2, "ExternalKey\0".encode("utf-16-le")) + wrapped(0, vmk, 0x2002, external_key(), counter)
    else:
        salt = _pattern(f"salt {protector.kind}", 16)
        key = stretched(_initial(protector), salt)
        name = entry(0, 2, "DiskPassword\0".encode("utf-16-le"))
        nested = wrapped(0, key, 0x1000, vmk, counter + 1)
        body = name + entry(0, 3, struct.pack("<I", 0x1000) + salt + nested) + wrapped(0, vmk, 0x2003, key, counter)
    return entry(2, 8, head + body)


def _ecb(key: bytes, data: bytes) -> bytes:
    worker = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return worker.update(data) + worker.finalize()


def _diffused(words: list[int]) -> list[int]:
    """Run diffusers A then B over the 128 words of a sector, in the direction of encryption."""
    count, mask = len(words), 0xFFFFFFFF
    for cycles, step, turns in ((5, -1, (9, 0, 13, 0)), (3, 1, (0, 10, 0, 25))):
        for _ in range(cycles):
            for at in range(count - 1, -1, -1):
                word, turn = words[(at + 5 * step) % count], turns[at % 4]
                rotated = ((word << turn) | (word >> (32 - turn))) & mask if turn else word
                words[at] = (words[at] - (words[(at + 2 * step) % count] ^ rotated)) & mask
    return words


def sealed_sector(method: str, key: bytes, number: int, clear: bytes) -> bytes:
    """Encrypt one sector; ``number`` is that of the place where it is stored."""
    at = (number * SECTOR).to_bytes(16, "little")
    if "XTS" in method:
        worker = Cipher(algorithms.AES(key), modes.XTS(number.to_bytes(16, "little"))).encryptor()
        return worker.update(clear) + worker.finalize()
    half = 16 if "128" in method else 32
    fvek = key[:half]
    if "diffuser" in method:
        tweak = key[32 : 32 + half]
        mask = _ecb(tweak, at) + _ecb(tweak, at[:15] + b"\x80")
        mixed = bytes(a ^ b for a, b in zip(clear, mask * 16, strict=True))
        clear = struct.pack("<128I", *_diffused(list(struct.unpack("<128I", mixed))))
    worker = Cipher(algorithms.AES(fvek), modes.CBC(_ecb(fvek, at))).encryptor()
    return worker.update(clear) + worker.finalize()


def _key_length(method: str) -> int:
    if "diffuser" in method:
        return 64
    bits = 16 if "128" in method else 32
    return 2 * bits if "XTS" in method else bits


def bitlocker(
    clear: bytes, protectors: Sequence[Protector], *, method: str = "AES-XTS-128", to_go: bool = False,
    places: tuple[int, int, int] | None = None,
) -> bytes:  # fmt: skip
    """Return a volume of the same size whose clear bytes are ``clear``.

    The three metadata blocks, and the header's block behind the first, lie at ``places``; clear bytes there are lost,
    as Windows keeps files over them. By default they lie in the last 512 KiB.
    """
    size = len(clear)
    first, second, third = places or (size - (512 << 10), size - (256 << 10), size - (128 << 10))
    header_at = first + BLOCK
    fvek, vmk = _pattern(f"fvek {method}", _key_length(method)), _pattern("vmk", 32)
    metadata = _metadata(size, (first, second, third), header_at, protectors, (method, fvek, vmk))
    out = bytearray(size)
    zeros = bytes(SECTOR)
    for number in range(size // SECTOR):
        plain = clear[number * SECTOR : (number + 1) * SECTOR]
        if plain == zeros and "diffuser" in method and number > 64:
            continue  # slow; the area reads as noise, which no test looks at
        if number * SECTOR >= HEADER:
            out[number * SECTOR : (number + 1) * SECTOR] = sealed_sector(method, fvek, number, plain)
    for at in range(0, HEADER, SECTOR):
        number = (header_at + at) // SECTOR
        out[header_at + at : header_at + at + SECTOR] = sealed_sector(method, fvek, number, clear[at : at + SECTOR])
    for place in (first, second, third):
        out[place : place + BLOCK] = metadata.ljust(BLOCK, b"\0")
    out[:HEADER] = _volume_header(to_go, (first, second, third)).ljust(HEADER, b"\0")
    return bytes(out)


def _metadata(
    size: int, places: tuple[int, int, int], header_at: int, protectors: Sequence[Protector],
    keys: tuple[str, bytes, bytes],
) -> bytes:  # fmt: skip
    method, fvek, vmk = keys
    entries = entry(7, 2, "PC-01 E: 1/1/2022\0".encode("utf-16-le"))
    entries += b"".join(_vmk(item, vmk, 2 * number + 1) for number, item in enumerate(protectors))
    entries += wrapped(3, fvek, METHODS[method], vmk, 99)
    entries += entry(15, 15, struct.pack("<QQ", header_at, HEADER))
    total = 48 + len(entries)
    head = struct.pack(
        "<IIII16sIIQ", total, 1, 48, total, identifier("volume").bytes_le, 100, METHODS[method], FILETIME
    )
    units = -(-(64 + total) // 16) + 8
    block = struct.pack("<8sHHHHQII3QQ", b"-FVE-FS-", units, 2, 4, 4, size, 0, HEADER // SECTOR, *places, header_at)
    whole = (block + head + entries).ljust(16 * units, b"\0")
    return whole + struct.pack("<HHI", 8, 1, zlib.crc32(whole))


def _volume_header(to_go: bool, places: tuple[int, int, int]) -> bytes:
    out = bytearray(SECTOR)
    out[:11] = b"\xeb\x58\x90" + (b"MSWIN4.1" if to_go else b"-FVE-FS-")
    out[11:14] = struct.pack("<HB", SECTOR, 8)
    out[21] = 0xF8
    out[82:90] = b"FAT32   "
    at = 424 if to_go else 160
    out[at : at + 40] = _SCHEME.bytes_le + struct.pack("<3Q", *places)
    out[510:] = b"\x55\xaa"
    return bytes(out)
