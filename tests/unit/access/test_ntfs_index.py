"""Names in the unused space of folder indexes."""

from __future__ import annotations

import struct

from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_index import FolderIndex, slack_names
from pipeline.access.ntfs_mft import Mft, Stream
from pipeline.access.ntfs_record import INDEX_ALLOCATION
from tests.builders.mft import geometry

FOLDER, SEQUENCE, BLOCK = 40, 3, 4096


class Bytes:
    """A volume in memory."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.size = len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]


def entry(name: str, record: int, *, parent: int = FOLDER, space: int = 1) -> bytes:
    text = name.encode("utf-16-le", "surrogatepass")
    key = struct.pack("<Q", parent | SEQUENCE << 48) + bytes(56) + bytes([len(text) // 2, space]) + text
    length = 16 + len(key) + 7 & ~7
    return (struct.pack("<QHHI", record | 1 << 48, length, len(key), 0) + key).ljust(length, b"\0")


def block(live: bytes, slack: bytes) -> bytes:
    """Return an index block with its fixups applied; ``live`` are its used bytes."""
    used = 40 + len(live)
    head = struct.pack("<4sHHQQIIII", b"INDX", 40, 9, 0, 0, 40, used, BLOCK - 24, 0)
    raw = bytearray((head.ljust(64, b"\0") + live + slack).ljust(BLOCK, b"\0"))
    raw[40:42] = b"\x05\0"
    for sector in range(1, 9):
        end = sector * 512
        raw[40 + 2 * sector : 42 + 2 * sector] = raw[end - 2 : end]
        raw[end - 2 : end] = b"\x05\0"
    return bytes(raw)


def found(*blocks: bytes) -> list[tuple[str, int]]:
    raw = b"".join(blocks)
    faults = Faults()
    mft = Mft(Bytes(raw), geometry(), Bytes(b""), faults)
    runs = [(0, len(raw) // BLOCK)]
    stream = Stream(INDEX_ALLOCATION, "$I30", 0, False, b"", len(raw), len(raw), 0, runs, True)
    names = [
        (pieces.raw[start:end].decode("utf-16-le", "surrogatepass"), number)
        for pieces in slack_names(mft, [FolderIndex(FOLDER, SEQUENCE, [stream])])
        for start, end, number in zip(pieces.start.tolist(), pieces.end.tolist(), pieces.number.tolist(), strict=True)
    ]
    assert list(faults.diagnostics("M")) == []
    return names


def test_names_behind_the_used_bytes_are_found_and_live_ones_are_not() -> None:
    raw = block(entry("live.txt", 50), entry("gone.txt", 51) + entry("住民票.csv", 52))
    assert found(raw) == [("gone.txt", 51), ("住民票.csv", 52)]


def test_dos_names_and_names_of_other_folders_do_not_count() -> None:
    assert found(block(b"", entry("GONE~1.TXT", 51, space=2) + entry("other.txt", 52, parent=41))) == []


def test_a_name_over_a_sector_end_is_whole() -> None:
    live = b"".join(entry(f"live {number}", 60 + number) for number in range(4))
    slack = entry("a long name that lies over the end of the first sector of its block.txt", 51)
    assert 64 + len(live) < 510 < 64 + len(live) + len(slack)
    assert found(block(live, slack))[0] == (
        "a long name that lies over the end of the first sector of its block.txt",
        51,
    )


def test_every_block_of_an_index_is_searched() -> None:
    blocks = [block(b"", entry(f"gone {number}", 51 + number)) for number in range(3)]
    assert found(*blocks) == [(f"gone {number}", 51 + number) for number in range(3)]


def test_blocks_that_are_none_and_impossible_sizes_end_quietly() -> None:
    bad = bytearray(block(b"", entry("gone", 51)))
    bad[28:32] = b"\xff\xff\xff\xff"
    assert found(bytes(bad), bytes(BLOCK), b"INDX" + b"\xff" * (BLOCK - 4)) == []


def test_folders_searched_together_keep_their_own_names() -> None:
    raw = block(b"", entry("one", 51)) + block(b"", entry("two", 52, parent=41) + entry("not of 41", 53))
    mft = Mft(Bytes(raw), geometry(), Bytes(b""), Faults())
    folders = [
        FolderIndex(
            number, SEQUENCE, [Stream(INDEX_ALLOCATION, "$I30", 0, False, b"", BLOCK, BLOCK, 0, [(at, 1)], True)]
        )
        for at, number in enumerate((FOLDER, 41))
    ]
    (pieces,) = slack_names(mft, folders)
    assert list(zip(pieces.folder.tolist(), pieces.number.tolist(), strict=True)) == [(FOLDER, 51), (41, 52)]
