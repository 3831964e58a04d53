"""Digests of many short values at once: a cipher over an array does in one call what a hash does value by value.

Tags are AES-CMAC with a key of 256 bits (NIST SP 800-38B, the algorithm of RFC 4493). Ids of numbered things are the
numbers enciphered with AES-256 under the SHA-256 of their names: distinct numbers under the same names never collide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

__all__ = ["ID_BYTES", "TAG_BYTES", "cmac", "cmac_many", "hexadecimal", "joined", "numbered"]

ID_BYTES: Final = 12
TAG_BYTES: Final = 16
_BLOCK: Final = 16
_CARRY: Final = 0x87
"""The constant R of SP 800-38B, section 5.3, for blocks of 128 bits."""
Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the AES-CMAC of one message."""
    encipher, state = _cipher(key), 0
    whole, twice = _subkeys(encipher)
    for start in range(0, len(message) - _BLOCK, _BLOCK):
        state = _number(encipher(_bytes(state ^ _number(message[start : start + _BLOCK]))))
    last = message[-(len(message) % _BLOCK or _BLOCK) :] if message else b""
    final = _number(last) ^ whole if len(last) == _BLOCK else _number(last.ljust(_BLOCK, b"\0")) ^ twice
    final ^= 0 if len(last) == _BLOCK else 0x80 << (8 * (_BLOCK - 1 - len(last)))
    return encipher(_bytes(state ^ final))


def cmac_many(key: bytes, data: Bytes, borders: Numbers) -> Bytes:
    """Return the AES-CMAC of each message, a row of 16 bytes each; ``borders`` say where in ``data`` they meet."""
    count = len(borders) - 1
    encipher = _cipher(key)
    whole, twice = (np.frombuffer(_bytes(one), np.uint8) for one in _subkeys(encipher))
    sizes = np.diff(borders)
    blocks = np.maximum(-(-sizes // _BLOCK), 1)
    order = np.argsort(-blocks, kind="stable")
    starts, sizes, blocks = borders[:-1][order], sizes[order], blocks[order]
    windows = np.lib.stride_tricks.sliding_window_view(np.append(data, np.zeros(_BLOCK, np.uint8)), _BLOCK)
    state = np.zeros((count, _BLOCK), np.uint8)
    for number in range(int(blocks[0]) if count else 0):
        active = int(np.searchsorted(-blocks, -number, "left"))
        rest = sizes[:active] - _BLOCK * number
        pieces = windows[starts[:active] + _BLOCK * number] & _MASKS[np.minimum(rest, _BLOCK)]
        first = int(np.searchsorted(-blocks[:active], -number - 1, "left"))
        ends = rest[first:]
        pieces[first:] ^= _PADDING[ends] ^ np.where((ends == _BLOCK)[:, None], whole, twice)
        state[:active] = np.frombuffer(encipher((state[:active] ^ pieces).tobytes()), np.uint8).reshape(-1, _BLOCK)
    found = np.empty_like(state)
    found[order] = state
    return found


def joined(texts: Sequence[str]) -> tuple[Bytes, Numbers]:
    """Return texts as UTF-8 behind one another, and where they meet."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    borders = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(texts)), out=borders[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), borders


def numbered(names: Sequence[str], first: Numbers, second: Numbers) -> Bytes:
    """Return the id of each pair of numbers under some names, a row of 12 bytes each."""
    key = hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogatepass")).digest()
    pairs = np.stack([first, second], axis=1).astype(">i8")
    found = np.frombuffer(_cipher(key)(pairs.tobytes()), np.uint8).reshape(-1, _BLOCK)
    return np.ascontiguousarray(found[:, :ID_BYTES])


def hexadecimal(digests: Bytes) -> pa.Array:
    """Return rows of bytes as an array of their hexadecimal digits."""
    count, size = digests.shape
    borders = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * (2 * size))
    return pa.StringArray.from_buffers(count, borders, pa.py_buffer(digests.tobytes().hex().encode()))


def _cipher(key: bytes) -> Callable[[bytes], bytes]:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305 - the block cipher by itself


def _subkeys(encipher: Callable[[bytes], bytes]) -> tuple[int, int]:
    """Return the subkeys K1 and K2, for a last block that is whole and for one that is not (SP 800-38B, 6.1)."""
    whole = _doubled(_number(encipher(bytes(_BLOCK))))
    return whole, _doubled(whole)


def _doubled(number: int) -> int:
    top = number >> 127
    return ((number << 1) & ((1 << 128) - 1)) ^ (_CARRY * top)


def _number(block: bytes) -> int:
    return int.from_bytes(block, "big")


def _bytes(number: int) -> bytes:
    return number.to_bytes(_BLOCK, "big")


_MASKS: Final[Bytes] = np.tril(np.full((_BLOCK + 1, _BLOCK), 0xFF, np.uint8), -1)
"""For each number of bytes of a block, what keeps them."""
_PADDING: Final[Bytes] = np.eye(_BLOCK + 1, _BLOCK, dtype=np.uint8) * 0x80
"""For each number of bytes of a last block, the bit that ends it."""
