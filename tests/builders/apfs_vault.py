"""Encrypts the volume of an APFS image as macOS does in software: keybags, wrapped keys, AES-XTS-128 by 512 bytes.

Layout: *Apple File System Reference* ("Encryption": ``media_keybag_t``, ``kb_locker_t``, ``keybag_entry_t``; "Object
Maps": ``OMAP_VAL_ENCRYPTED``); the packed keys' tags: Metz, *Apple File System (APFS)* (libfsapfs), "Key bag". One-node
trees only. Written apart from the reader; libfsapfs judges it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.builders.apfs import BLOCK, Surgeon, sealed

_VEK, _UNLOCK = 2, 3  # keybag tags KB_TAG_VOLUME_KEY, KB_TAG_VOLUME_UNLOCK_RECORDS
_LOCKER = 1296  # nx_keylocker of the container's super block
_RECOVERY = UUID("EBC6C064-0000-11AA-AA11-00306543ECAC").bytes  # APFS_FV_PERSONAL_RECOVERY_KEY_UUID
_USER = UUID("6D7E2E3C-0B6A-4F10-9A53-3E2C1B5D7F01").bytes
_ROUNDS = 1000


def encrypted(raw: bytes, password: str, recovery: str) -> bytes:
    """Return an image whose first volume is encrypted, opened by a user's password and by a recovery key."""
    surgeon = Surgeon(raw)
    heads = [at for at in range(len(raw) // BLOCK) if surgeon.get(at)[32:36] == b"APSB"]
    volume = max(heads, key=lambda at: surgeon.get(at)[16:24][::-1])  # the newest transaction's
    vek, kek = (hashlib.sha512(name).digest()[:32] for name in (b"volume key", b"key of it"))
    head = bytearray(surgeon.get(volume))
    uuid, container = bytes(head[240:256]), surgeon.get(0)[72:88]
    omap, root = struct.unpack_from("<QQ", head, 128)
    (tree,) = struct.unpack_from("<Q", surgeon.get(omap), 48)
    node = bytearray(surgeon.get(tree))
    clear = [_flagged(node, at) for at in range(struct.unpack_from("<I", node, 36)[0])]
    surgeon.put(tree, bytes(node))
    for oid, block in clear:
        items = bytearray(surgeon.get(block))
        assert oid != root or struct.unpack_from("<H", items, 32)[0] & 2, "one-node trees only"
        for start, count in _extents(items):
            for number in range(start, start + count):
                _cipher(surgeon, number, vek, surgeon.get(number))
        _cipher(surgeon, block, vek, sealed(bytes(items)))
    head[264] &= 0xFE  # APFS_FS_UNENCRYPTED
    surgeon.put(volume, bytes(head))
    outer, inner = surgeon.unused(), surgeon.unused()
    unlocks = [(who, _UNLOCK, _packed_kek(kek, text, who)) for who, text in ((_USER, password), (_RECOVERY, recovery))]
    _cipher(surgeon, inner, uuid * 2, _bag(inner, 0x72656373, unlocks))
    keys = [(uuid, _VEK, _packed(uuid, aes_key_wrap(kek, vek))), (uuid, _UNLOCK, struct.pack("<QQ", inner, 1))]
    _cipher(surgeon, outer, container * 2, _bag(outer, 0x6B657973, keys))
    for number in range(len(raw) // BLOCK):
        found = bytearray(surgeon.get(number))
        if found[32:36] == b"NXSB":
            struct.pack_into("<QQ", found, _LOCKER, outer, 1)
            surgeon.put(number, bytes(found))
    return bytes(surgeon.raw)


def _flagged(node: bytearray, index: int) -> tuple[int, int]:
    """Mark an object of an object map as encrypted; return its id and its block."""
    toc, length = struct.unpack_from("<HH", node, 40)
    key, value = struct.unpack_from("<HH", node, 56 + toc + 4 * index)
    at = BLOCK - 40 - value
    node[at] |= 4
    (oid,), (block,) = struct.unpack_from("<Q", node, 56 + toc + length + key), struct.unpack_from("<Q", node, at + 8)
    return oid, block


def _extents(node: bytearray) -> list[tuple[int, int]]:
    """Give every file extent of a leaf its tweak, the block it begins at; return the blocks."""
    toc, length = struct.unpack_from("<HH", node, 40)
    found = []
    for index in range(struct.unpack_from("<I", node, 36)[0]):
        key, _, value, _ = struct.unpack_from("<4H", node, 56 + toc + 8 * index)
        (kind,) = struct.unpack_from("<Q", node, 56 + toc + length + key)
        if kind >> 60 == 8:
            at = BLOCK - 40 * (node[32] & 1) - value
            size, block = struct.unpack_from("<QQ", node, at)
            struct.pack_into("<Q", node, at + 16, block)
            found.append((block, (size & ((1 << 56) - 1)) // BLOCK))
    return found


def _cipher(surgeon: Surgeon, number: int, key: bytes, raw: bytes) -> None:
    pieces = []
    for sector in range(BLOCK // 512):
        tweak = (number * (BLOCK // 512) + sector).to_bytes(16, "little")
        worker = Cipher(algorithms.AES(key[:16]), modes.ECB()).encryptor()
        start = int.from_bytes(Cipher(algorithms.AES(key[16:]), modes.ECB()).encryptor().update(tweak), "little")
        for at in range(sector * 512, sector * 512 + 512, 16):
            mask = start.to_bytes(16, "little")
            inner = worker.update(_xor(raw[at : at + 16], mask))
            pieces.append(_xor(inner, mask))
            start = (start << 1) ^ (0x87 | 1 << 128 if start >> 127 else 0)
    surgeon.raw[number * BLOCK : (number + 1) * BLOCK] = b"".join(pieces)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _bag(number: int, kind: int, entries: list[tuple[bytes, int, bytes]]) -> bytes:
    body = b""
    for uuid, tag, data in entries:
        entry = uuid + struct.pack("<HHI", tag, len(data), 0) + data
        body += entry + bytes(-len(entry) % 16)
    head = struct.pack("<QQQII", 0, number, 1, kind, 0) + struct.pack("<HHI8x", 2, len(entries), len(body))
    return sealed((head + body).ljust(BLOCK, b"\0"))


def _item(tag: int, data: bytes) -> bytes:
    size = bytes([len(data)]) if len(data) < 128 else bytes([0x81, len(data)])
    return bytes([tag]) + size + data


def _packed(uuid: bytes, wrapped: bytes, more: bytes = b"") -> bytes:
    """Return a wrapped key in its envelope, with the code over it."""
    salt = b"\x5a" * 8
    inner = _item(0x80, b"\0") + _item(0x81, uuid) + _item(0x82, bytes(8)) + _item(0x83, wrapped) + more
    key = hashlib.sha256(b"\x01\x16\x20\x17\x15\x05" + salt).digest()
    code = hmac.digest(key, _item(0xA3, inner), "sha256")
    return _item(0x30, _item(0x80, b"\0") + _item(0x81, code) + _item(0x82, salt) + _item(0xA3, inner))


def _packed_kek(kek: bytes, text: str, who: bytes) -> bytes:
    salt = hashlib.sha256(who).digest()[:16]
    derived = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, _ROUNDS)
    return _packed(who, aes_key_wrap(derived, kek), _item(0x84, _ROUNDS.to_bytes(2, "big")) + _item(0x85, salt))
