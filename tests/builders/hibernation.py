"""Writes hibernation files of Windows 7 and of Windows 10; pages are packed simply, which is enough to read.

SOURCE: [MS-XCA] 2.1 (LZ77+Huffman), 2.3 (plain LZ77); Sylve, Marziale, Richard, "Modern Windows hibernation file
analysis"; libhibr's documentation of the packed block.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["PAGE", "huffman", "plain", "windows_7", "windows_10"]

PAGE: Final = 4096
DOT: Final = ord(".")


def plain(data: bytes) -> bytes:
    """Return plain LZ77 data: 32 flags, then a byte for each 0, and for each 1 a match of 9 bytes one byte back."""
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        again = at and data[at : at + 9] == data[at - 1 : at] * 9
        tokens.append(struct.pack("<H", 9 - 3) if again else data[at : at + 1])
        at += 9 if again else 1
    out = b""
    for first in range(0, len(tokens), 32):
        group = tokens[first : first + 32]
        flags = sum((len(token) == 2) << (31 - place) for place, token in enumerate(group))
        out += struct.pack("<I", flags) + b"".join(group)
    return out


def huffman(data: bytes) -> bytes:
    """Return LZ77+Huffman data, at most 64 KiB unpacked, of literals alone: a dot has 1 bit, NUL 9, all others 10."""
    lengths = [{DOT: 1, 0: 9}.get(symbol, 10) for symbol in range(512)]
    others = [symbol for symbol in range(512) if symbol not in (0, DOT)]
    codes = {DOT: "0", 0: f"{256:09b}"} | {symbol: f"{514 + place:010b}" for place, symbol in enumerate(others)}
    bits = "".join(codes[byte] for byte in data)
    bits += "0" * (-len(bits) % 16)
    words = [int(bits[at : at + 16], 2) for at in range(0, len(bits), 16)]
    table = bytes(lengths[at] | lengths[at + 1] << 4 for at in range(0, 512, 2))
    return table + struct.pack(f"<{len(words)}H", *words) + bytes(4)


def windows_7(pages: list[bytes]) -> bytes:
    """Return a file of packed blocks of up to 16 pages."""
    head = b"hibr" + struct.pack("<IIIQI", 0, 0, 0xA8, 0, PAGE)
    out = head.ljust(2 * PAGE, b"\0")
    for at in range(0, len(pages), 16):
        group = pages[at : at + 16]
        data = plain(b"".join(group))
        out += b"\x81\x81xpress" + struct.pack("<BI", len(group) - 1, (len(data) - 1) << 2) + bytes(19)
        out += data + bytes(-len(data) % 8)
    return out.ljust(len(out) + PAGE, b"\0")


def windows_10(boot: list[bytes], kernel: list[bytes]) -> bytes:
    """Return a file of two sections of compression sets: the first stored, the others packed in turn by each method."""
    first = b"".join(_set(group, index) for index, group in enumerate(_groups(boot)))
    first = first.ljust(-(-len(first) // PAGE) * PAGE + PAGE, b"\0")
    second = b"".join(_set(group, index + 1) for index, group in enumerate(_groups(kernel)))
    head = bytearray(PAGE)
    head[:28] = b"HIBR" + struct.pack("<IIIQI", 0, 0, 0x3A0, 0, PAGE)
    struct.pack_into("<Q", head, 0x58, len(boot))
    struct.pack_into("<QQ", head, 0x68, 1, 1 + len(first) // PAGE)
    struct.pack_into("<Q", head, 0x230, len(kernel))
    return bytes(head) + first + second + bytes(PAGE)


def _groups(pages: list[bytes]) -> list[list[bytes]]:
    return [pages[at : at + 8] for at in range(0, len(pages), 8)]


def _set(group: list[bytes], index: int) -> bytes:
    whole = b"".join(group)
    method, data = ((0, whole), (2, huffman(whole)), (0, plain(whole)))[index % 3]
    if len(data) >= len(whole):
        method, data = 0, whole
    return struct.pack("<IQ", 1 | len(data) << 8 | method << 30, len(group) - 1 | index << 4) + data
