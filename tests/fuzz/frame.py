"""What every fuzzing target is made of: the input as a medium, and what is asked of a reader of one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.access.interfaces import FileSystem, FileSystemOptions, Readable
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Volume

LIMIT = 64 << 10
"""Bytes of the longest input."""
OPTIONS = FileSystemOptions()
VOLUME = Volume(
    address="EX-01!part:p1", exhibit="EX-01", start=4096, length=1 << 20, direct=True, scheme="", part_type="",
    file_system="", label="", serial="", block_size=512, encryption="", state="open", reader="own",
)  # fmt: skip

Opener = Callable[[Readable, Volume, FileSystemOptions], FileSystem]


@dataclass(frozen=True)
class Target:
    """A reader under attack; ``seeds`` are inputs that it reads well."""

    run: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


class Zeroed:
    """The input as a medium of a fixed size: zeros behind it, so that volumes may be larger than what is fuzzed."""

    def __init__(self, raw: bytes, size: int = 4 << 20) -> None:
        self._raw, self.size = raw, max(size, len(raw))

    def read(self, start: int, length: int) -> bytes:
        assert start >= 0
        length = max(0, min(length, self.size - start))
        return self._raw[start : start + length].ljust(length, b"\0")


class Blocks:
    """The input as blocks of a medium of zeros, each behind its number (4 bytes): what lies far apart fits in.

    ``mended`` puts checksums right in a block, which no fuzzer guesses.
    """

    def __init__(self, raw: bytes, unit: int, size: int, mended: Callable[[bytes], bytes] = bytes) -> None:
        self.unit, self.size, self._blocks = unit, size, dict[int, bytes]()
        for at in range(0, len(raw), unit + 4):
            (number,) = struct.unpack("<I", raw[at : at + 4].ljust(4, b"\0"))
            self._blocks[number % (size // unit)] = mended(raw[at + 4 : at + 4 + unit].ljust(unit, b"\0"))

    def read(self, start: int, length: int) -> bytes:
        assert start >= 0
        end = max(start, min(start + length, self.size))
        out = bytearray(end - start)
        for number, block in self._blocks.items():
            first, last = max(start, number * self.unit), min(end, (number + 1) * self.unit)
            if first < last:
                out[first - start : last - start] = block[first - number * self.unit : last - number * self.unit]
        return bytes(out)


def packed(raw: bytes, unit: int) -> bytes:
    """Return the input that makes :class:`Blocks` say what ``raw`` says, as far as it fits; runs of zeros cost none."""
    blocks = ((at // unit, raw[at : at + unit]) for at in range(0, len(raw), unit))
    made = b"".join(struct.pack("<I", number) + block for number, block in blocks if block.strip(b"\0"))
    return made[: LIMIT // (unit + 4) * (unit + 4)]


def refused(target: Target, raw: bytes) -> bool:
    """Run a target; tell whether it refused the input in the way it may."""
    try:
        target.run(raw[:LIMIT])
    except UnreadableError:
        return True
    return False


def examined(fs: FileSystem, size: int) -> None:
    """List everything, read a little of each entry, and check that nothing reaches out of the volume."""
    for row in fs.entries():
        row.address.encode("utf-8", "surrogatepass")
        if not isinstance(row, FileEntry):
            continue
        assert row.initialised_size >= 0
        assert 0 <= row.size < 1 << 63
        for run in row.runs if row.volume == VOLUME.address else ():
            assert run.start == -1 or 4096 <= run.start <= run.start + run.length <= 4096 + size + (1 << 21)
        for start in (0, row.size - 1):
            try:
                assert len(fs.read(row, start, 5000)) <= 5000
            except UnreadableError:
                continue
    for region in fs.regions():
        assert region.__class__.__name__ == "Diagnostic" or region.start >= 4096  # type: ignore[union-attr]


def volume_target(opener: Opener, size: int = 4 << 20) -> Callable[[bytes], None]:
    """Return a target for a reader of volumes."""

    def run(raw: bytes) -> None:
        opened(opener, Zeroed(raw, size))

    return run


def opened(opener: Opener, medium: Readable, address: str = VOLUME.address) -> None:
    """Open a volume and examine it."""
    reader = opener(medium, replace(VOLUME, length=medium.size, address=address), OPTIONS)
    getattr(reader, "describe", dict)()
    examined(reader, medium.size)
