"""Small media made to mislead: loops, links and lengths that lead nowhere, names that steer the eye or the path."""

from __future__ import annotations

import struct

from tests.builders.disks import gpt_disk
from tests.builders.fat_image import ExfatImage, FatImage
from tests.builders.mft import data, file_name, record, runs, standard, table

__all__ = ["NAMES", "STEERING", "media"]

STEERING = "\u202e\u2066\u200f\u061c\u2028"
NAMES = (
    "住民票\u202etxt.exe", "\u2066isolate\u2069.csv", "nul\0inside.txt", "..", "a\nb\r\x1b[2J.log",
    "lone\ud800high.doc", "low\udc00lone.doc",
    "=cmd|' /C calc'!A0.csv", "<script>alert(1)</script>.html", "../../../../tmp/escape.txt",
    "C:\\Windows\\evil.dll", "%21!part:p9!fs:x", "\u200f\u061cmarks.txt", "e\u0301" * 100, "\u2028line\u2029.txt",
)  # fmt: skip


def media() -> dict[str, bytes]:
    """Return media by name."""
    return {
        "fat": fat(),
        "exfat": exfat(),
        "ntfs": ntfs(),
        "gpt": gpt(),
        "zero": zero(),
        "deep": deep(),
        "wide": wide(),
    }


def fat() -> bytes:
    """Hostile names; a cyclic chain, a folder that is its own parent's, chains that cross, a size of 4 GiB."""
    volume = FatImage(32, clusters=3000)
    for number, name in enumerate(NAMES):
        volume.create(f"/{name.replace('/', chr(0x2215))}", b"%d content " % number * 60)
    loop = volume.create("/LOOP.BIN", b"l" * 5000)
    for one, after in zip(loop.clusters, [*loop.clusters[1:], loop.clusters[0]], strict=True):
        volume.fat[one] = after
    inner = volume.mkdir("/INNER")
    for first, name in ((volume.root.clusters[0], b"ROOT       "), (inner.clusters[0], b"SELF       ")):
        slot = bytearray(volume.root.table[-1])
        slot[:11], slot[26:28] = name, first.to_bytes(2, "little")
        inner.table.append(bytes(slot))
    huge = volume.create("/HUGE.BIN", b"h" * 100)
    number = huge.slots[-1]
    volume.root.table[number] = volume.root.table[number][:28] + b"\xff\xff\xff\xff"
    outside = bytearray(volume.root.table[number])
    outside[:11], outside[20:22], outside[26:28] = b"OUTSIDE BIN", b"\xff\x0f", b"\xff\xff"
    volume.root.table.append(bytes(outside))
    return volume.image()


def exfat() -> bytes:
    """Hostile names; a size of 2^63, a folder that holds itself."""
    volume = ExfatImage(clusters=3000)
    for name in NAMES:
        volume.create(f"/{name.replace('/', chr(0x2215))}", b"content " * 60)
    node = volume.create("/huge.bin", b"h" * 100)
    slots = [volume.root.table[number] for number in node.slots]
    stream = slots[1][:8] + struct.pack("<QIIQ", 1 << 63, 0, node.clusters[0], 1 << 63)
    volume.root.table[node.slots.start : node.slots.stop] = volume.summed([slots[0], stream, *slots[2:]])
    inner = volume.mkdir("/inner")
    inner.table += volume.encode(inner, (2022, 11, 23, 10, 0, 0))
    return volume.image()


def ntfs() -> bytes:
    """Records that point anywhere: parents in a circle, runs outside, lengths past the end, hostile names."""
    boot = bytearray(512)
    boot[3:16] = b"NTFS    \0\x02\x08\0\0"
    boot[40:80] = struct.pack("<QQQbxxxbxxxQ", 1023 * 8, 1, 500, -10, 1, 7)
    records = {24 + n: record(standard(), file_name(name, 5, 5), data(b"x" * 50)) for n, name in enumerate(NAMES)}
    records |= {
        50: record(standard(), file_name("one", 51, 1), flags=3),
        51: record(standard(), file_name("two", 50, 1), flags=3),
        52: record(standard(), file_name("self", 52, 1), flags=3), 53: record(standard(), file_name("far", 1 << 40, 9)),
        54: record(standard(), file_name("outside", 5, 5), runs(b"\x38" + b"\xff" * 7 + b"\x7f\1\1\1\0", 1 << 60)),
        55: record(standard(), file_name("long", 5, 5), runs(b"\x11\x05\x0a\0", 1 << 62)),
        56: record(standard(), file_name("base", 5, 5), data(b"x"), base=56 | 1 << 48),
    }  # fmt: skip
    records |= {0: record(standard(), file_name("$MFT", 5, 5), runs(b"\x21\x40\x01\x00\0", 57 << 10))}
    records |= {6: record(standard(), file_name("$Bitmap", 5, 5), data(b"\xff\xff\xff" + bytes(125)))}
    return (bytes(boot).ljust(4096, b"\0") + table(records)).ljust(1023 * 4096 + 512, b"\0")


def gpt() -> bytes:
    """A partition table whose partitions reach out of the medium; the first holds a volume that is too long as well."""
    volume = bytearray(FatImage(16, clusters=5000).image())
    volume[19:21], volume[32:36] = b"\0\0", b"\xff\xff\xff\x7f"
    return gpt_disk([bytes(volume)])[: 1 << 20]


def zero() -> bytes:
    """A FAT whose cluster has no sectors."""
    volume = bytearray(FatImage(16, clusters=5000).image())
    volume[13] = 0
    return bytes(volume)


def deep() -> bytes:
    """Folders in folders, 3,000 deep."""
    volume = FatImage(32, clusters=3100)
    volume.mkdir("/D")
    entry = volume.root.table[0]
    for _ in range(3000):
        cluster = volume.take(1)
        volume.link(cluster)
        volume.put(cluster[0], entry[:26] + (cluster[0] + 1).to_bytes(2, "little") + entry[28:])
    volume.nodes[0].table[:] = [entry[:26] + b"\4\0" + entry[28:]]
    return volume.image()


def wide() -> bytes:
    """8,000 entries in one folder, all of one and the same cluster."""
    volume = FatImage(32, clusters=3000, cluster=4096)
    one = volume.create("/ONE.TXT", b"one and the same")
    slot = volume.root.table[one.slots[-1]]
    folder = volume.mkdir("/a")
    folder.table += [b"%08dTXT" % number + slot[11:] for number in range(8_000)]
    while 32 * len(folder.table) > 4096 * len(folder.clusters):
        volume.grow(folder)
    return volume.image()
