"""What deleted items left in the free blocks of an Outlook store, its fixed substitution of bytes undone.

SOURCE: MS-PST §2.2.2.7.2 (allocation maps: one bit per 64 bytes, one map per 253,952 bytes, the first at 0x4400), §5.1
(the table of NDB_CRYPT_PERMUTE).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Member, Trouble

__all__ = ["free_blocks"]

_FIRST: Final = 0x4400
_SLOT: Final = 64
_BITS: Final = 496 * 8
_STRETCH: Final = _BITS * _SLOT
_AMAP: Final = b"\x84\x84"
_TABLE: Final = bytes.fromhex(
    "47f1b4e60b6a7248854e9eebe2f89453e0bba002e85a09abdbe3bac67cc310dd39059630f53760828cc9134a6b1df3fb8f2697ca911701c4"
    "322d6e3195ffd923d1005e79dc443b1a28c5615720903d83b943be67d2464276c06d5b7eb20f16293ca903540dda5ddff6b7c762cd8d06d3"
    "695c86d614f7a56675acb1e94521700c879f74a4224c6fbf1f56aa2eb3783350b0a392bccf191ca763cb1e4d3e4b1b9b4fe7f0eead3ab559"
    "04ea40552551e57a893868527bfc27aed7bdfa07f4cc8e5fef359c842b15d5773449b6120a7f7188fd9d18417d93d8582ccefe24afdeb836"
    "c8a180a69998a82f0e816573e4c2a28ad4e111d0088b2af2ed9a643fc16cf9ec"
)
_UNTOLD: Final = Trouble("pst-free-blocks", "what deleted items left in its free blocks is enciphered; not searched")


def free_blocks(content: Readable) -> Iterator[Member | Trouble]:
    """Yield each stretch that has free blocks with bytes in them; what is in use reads as zeros there.

    The stretch's name is its range in the store, so that an offset in it is one in the store, too.
    """
    wide = int.from_bytes(content.read(10, 2), "little")
    if wide not in {14, 15, 23}:
        yield _UNTOLD
        return
    for start in range(_FIRST, content.size, _STRETCH):
        data = content.read(start, min(_STRETCH, content.size - start))
        bits, kind = (data[:496], data[496:498]) if wide == 23 else (data[4:500], data[500:502])
        if kind != _AMAP:
            yield _UNTOLD
            return
        free = np.unpackbits(np.frombuffer(bits, dtype=np.uint8)) == 0
        left = _left(np.frombuffer(data.ljust(_STRETCH, b"\0"), dtype=np.uint8).reshape(-1, _SLOT), free)
        if left:
            yield Member(f"free blocks {start}+{len(data)}", left[: len(data)])


def _left(slots: NDArray[np.uint8], free: NDArray[np.bool_]) -> bytes:
    """Return the slots that are free and were written, in clear, the others as zeros; nothing where there are none."""
    wanted = free & slots.any(axis=1)
    if not wanted.any():
        return b""
    clear = np.zeros_like(slots)
    clear[wanted] = np.frombuffer(_TABLE, dtype=np.uint8)[slots[wanted]]
    return clear.tobytes()
