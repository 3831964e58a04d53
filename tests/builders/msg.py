"""Saved messages of Outlook: compound files with storages for receivers and attachments.

SOURCE: MS-CFB version 3 (as in the compound files of the decoders' tests), MS-OXMSG §2.2 and §2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

__all__ = ["message"]

SECTOR, END, FREE = 512, 0xFFFFFFFE, 0xFFFFFFFF
Tree = Mapping[str, "bytes | Tree"]


def message(
    texts: Mapping[int, str], *, sent: datetime, flags: int, receivers: Sequence[str], files: Mapping[str, bytes]
) -> bytes:
    """Return a message with properties by their tags."""
    ticks = (sent - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    fixed = struct.pack("<IIQ", 0x00390040, 6, ticks) + struct.pack("<IIQ", 0x0E070003, 6, flags)
    tree: dict[str, bytes | Tree] = {"__properties_version1.0": bytes(32) + fixed}
    tree |= {f"__substg1.0_{tag:04X}001F": text.encode("utf-16-le") for tag, text in texts.items()}
    for number, address in enumerate(receivers):
        tree[f"__recip_version1.0_#{number:08X}"] = {"__substg1.0_39FE001F": address.encode("utf-16-le")}
    for number, (name, data) in enumerate(files.items()):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__substg1.0_3707001F": name.encode("utf-16-le"), "__substg1.0_37010102": data,
        }  # fmt: skip
    return _file(tree)


def _file(tree: Tree) -> bytes:
    """Return a compound file whose streams all lie in the small-stream area, as Outlook's do."""
    rows: list[list[int | str]] = [["Root Entry", 5, FREE, FREE, 0, 0]]
    small, chains = bytearray(), list[int]()

    def add(level: Tree) -> int:
        first = previous = FREE
        for name, value in sorted(level.items(), key=lambda item: (len(item[0]), item[0].upper())):
            number = len(rows)
            rows.append([name, 2, FREE, FREE, END, 0])
            if isinstance(value, bytes):
                count = -(-len(value) // 64)
                rows[number][4], rows[number][5] = (len(chains) if count else END), len(value)
                chains.extend([*range(len(chains) + 1, len(chains) + count), END] if count else [])
                small.extend(value.ljust(count * 64, b"\0"))
            else:
                rows[number][1], rows[number][4] = 1, 0
                rows[number][3] = add(value)
            if previous == FREE:
                first = number
            else:
                rows[previous][2] = number
            previous = number
        return first

    rows[0][3] = add(tree)
    directory, mini, data = (-(-len(rows) // 4), -(-len(chains) // 128), -(-len(small) // SECTOR))
    rows[0][4], rows[0][5] = 1 + directory + mini, len(small)
    fat = [0xFFFFFFFD]
    for count in (directory, mini, data):
        fat += [*range(len(fat) + 1, len(fat) + count), END]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 1 + directory, mini, END, 0, 0) + b"\xff" * 432
    body = b"".join(map(_row, rows)).ljust(directory * SECTOR, b"\0")
    body += struct.pack(f"<{mini * 128}I", *chains, *[FREE] * (mini * 128 - len(chains)))
    return (
        head + struct.pack("<128I", *fat, *[FREE] * (128 - len(fat))) + body + bytes(small).ljust(data * SECTOR, b"\0")
    )


def _row(row: list[int | str]) -> bytes:
    name, kind, right, child, start, size = row
    raw = str(name).encode("utf-16-le")
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw) + 2, kind, 1, FREE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
