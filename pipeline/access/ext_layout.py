"""Where ext keeps its own structures: super blocks and their copies, descriptors, bitmaps, inode tables.

Source: the kernel's ``Documentation/filesystems/ext4`` ("Layout", "Super Block", "Block Group Descriptors":
sparse_super, sparse_super2, reserved descriptor blocks, flex_bg, meta_bg, 64bit).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["ExtLayout", "Group", "has_nanoseconds", "read_groups", "read_layout"]

_MAX_GROUPS: Final = 1 << 22
_BLOCK_UNINIT: Final = 2
_SPARSE_SUPER2: Final = 0x200  # compatible
_SPARSE_SUPER: Final = 1  # read-only compatible
_BIGALLOC: Final = 0x200  # read-only compatible
_META_BG: Final = 0x10  # incompatible
_64BIT: Final = 0x80  # incompatible


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A block group: its blocks of bitmaps and inodes; ``unset``: its block bitmap was never written."""

    bitmap: int
    inode_bitmap: int
    inodes: int
    unset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtLayout:
    """What of the super block the layout rests on; counts in blocks, ``block`` and ``descriptor`` in bytes."""

    blocks: int
    block: int
    first_block: int
    per_group: int
    inodes_per_group: int
    inode_size: int
    descriptor: int
    reserved: int
    sparse: bool
    copies: tuple[int, ...]
    meta_from: int

    @property
    def groups(self) -> int:
        """Number of block groups."""
        return -(-(self.blocks - self.first_block) // self.per_group)

    @property
    def per_table_block(self) -> int:
        """Group descriptors per block."""
        return self.block // self.descriptor

    @property
    def table_blocks(self) -> int:
        """Blocks of group descriptors."""
        return -(-self.groups // self.per_table_block)

    @property
    def inode_blocks(self) -> int:
        """Blocks of one group's inode table."""
        return -(-self.inodes_per_group * self.inode_size // self.block)

    def start(self, group: int) -> int:
        """Return a group's first block."""
        return self.first_block + group * self.per_group

    def has_super(self, group: int) -> bool:
        """Tell whether a group begins with a super block."""
        if group == 0 or not (self.sparse or self.copies):
            return True
        if self.copies:
            return group in self.copies
        return group == 1 or any(_is_power(group, base) for base in (3, 5, 7))

    def table_block(self, index: int) -> int:
        """Return where a block of group descriptors lies."""
        if index < self.meta_from:
            return self.first_block + 1 + index
        group = index * self.per_table_block
        return self.start(group) + self.has_super(group)

    def head(self, group: int) -> int:
        """Return how many blocks of super block and descriptors, reserved ones too, a group begins with."""
        first = int(self.has_super(group))
        index, position = divmod(group, self.per_table_block)
        if index >= self.meta_from:
            return first + (position in {0, 1, self.per_table_block - 1})
        return first * (1 + min(self.table_blocks, self.meta_from) + self.reserved)


def _is_power(value: int, base: int) -> bool:
    while value > 1 and value % base == 0:
        value //= base
    return value == 1


def read_layout(data: Readable) -> ExtLayout:
    """Return the layout that the super block at byte 1024 states.

    Raises:
        ParseError: there is none, or its values are impossible, or its bitmaps count clusters (bigalloc).
    """
    raw = data.read(1024, 1024)
    if len(raw) < 1024 or raw[56:58] != b"\x53\xef":
        raise ParseError("no ext super block")
    first, log_block = struct.unpack_from("<II", raw, 20)
    per_group, _, inodes_per_group = struct.unpack_from("<III", raw, 32)
    compatible, incompatible, read_only = struct.unpack_from("<III", raw, 92)
    if log_block > 6 or not 0 < per_group <= 8 << (10 + log_block) or not inodes_per_group or first > 1:
        raise ParseError("impossible values in the ext super block")
    if read_only & _BIGALLOC:
        raise ParseError("ext bitmaps that count clusters of blocks (bigalloc) are not read")
    layout = _layout(raw, 1024 << log_block, bool(incompatible & _64BIT), compatible, read_only, incompatible)
    if layout.blocks * layout.block > data.size + layout.block or layout.groups > _MAX_GROUPS:
        raise ParseError("the ext super block claims more than the volume holds")
    if not 32 <= layout.descriptor <= 1024:
        raise ParseError("impossible size of ext group descriptors")
    return layout


def _layout(raw: bytes, block: int, wide: bool, compatible: int, read_only: int, incompatible: int) -> ExtLayout:
    low, high = struct.unpack_from("<I", raw, 4)[0], struct.unpack_from("<I", raw, 336)[0]
    size, (reserved,) = struct.unpack_from("<H", raw, 254)[0], struct.unpack_from("<H", raw, 206)
    two = compatible & _SPARSE_SUPER2
    meta_from = struct.unpack_from("<I", raw, 260)[0] if incompatible & _META_BG else 1 << 32
    return ExtLayout(
        blocks=low | (high << 32 if wide else 0), block=block, first_block=struct.unpack_from("<I", raw, 20)[0],
        per_group=struct.unpack_from("<I", raw, 32)[0], inodes_per_group=struct.unpack_from("<I", raw, 40)[0],
        inode_size=struct.unpack_from("<H", raw, 88)[0] or 128, descriptor=max(size, 32) if wide else 32,
        reserved=min(reserved, block // 4), sparse=bool(read_only & _SPARSE_SUPER),
        copies=struct.unpack_from("<II", raw, 588) if two else (), meta_from=meta_from,
    )  # fmt: skip


def has_nanoseconds(data: Readable) -> bool:
    """Tell whether a volume's inodes have room for more than seconds ("Inode Timestamps"): 128 bytes have none."""
    return int.from_bytes(data.read(1024 + 88, 2), "little") >= 160


def read_groups(data: Readable, layout: ExtLayout) -> Iterator[Group]:
    """Yield every group.

    Raises:
        ParseError: a group places its structures outside the volume.
    """
    for index in range(layout.table_blocks):
        table = data.read(layout.table_block(index) * layout.block, layout.block)
        first = index * layout.per_table_block
        for group in range(first, min(first + layout.per_table_block, layout.groups)):
            at = (group - first) * layout.descriptor
            raw = table[at : at + layout.descriptor]
            if len(raw) < layout.descriptor:
                raise ParseError(f"the descriptor of group {group} lies outside the volume")
            yield _group(raw, layout, group)


def _group(raw: bytes, layout: ExtLayout, number: int) -> Group:
    low, high = struct.unpack_from("<III", raw), struct.unpack_from("<III", raw, 32) if len(raw) >= 64 else (0, 0, 0)
    bitmap, inode_bitmap, inodes = (value | above << 32 for value, above in zip(low, high, strict=True))
    if max(bitmap, inode_bitmap, inodes + layout.inode_blocks - 1) >= layout.blocks or not bitmap:
        raise ParseError(f"group {number}: its bitmaps or its inodes lie outside the volume")
    (flags,) = struct.unpack_from("<H", raw, 18)
    return Group(bitmap=bitmap, inode_bitmap=inode_bitmap, inodes=inodes, unset=bool(flags & _BLOCK_UNINIT))
