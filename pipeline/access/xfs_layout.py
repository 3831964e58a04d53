"""XFS's own structures: super block, allocation groups and their b-trees of free space and inodes.

Source of every offset and magic here: *XFS Algorithms & Data Structures*, 3rd edition ("Superblocks", "AG Free Space
Management", "AG Inode Management", "Short Format B+trees"), and the kernel's ``fs/xfs/libxfs/xfs_format.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Severity

__all__ = ["Chunk", "Group", "Layout", "Tree", "groups_of", "read_layout", "walk"]

_NULL: Final = 0xFFFFFFFF
_MAX_LEVELS: Final = 12
_MAX_GROUPS: Final = 1 << 20
_LEAST_BLOCKS: Final = 64
"""Blocks of the smallest allocation group that XFS takes (Linux, XFS_MIN_AG_BLOCKS)."""

_BNO: Final = (b"ABTB", b"AB3B")
_CNT: Final = (b"ABTC", b"AB3C")
_INO: Final = (b"IABT", b"IAB3")
_FINO: Final = (b"FIBT", b"FIB3")
_RMAP: Final = (b"RMB3", b"RMB3")
_REFC: Final = (b"R3FC", b"R3FC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What of the super block the rest rests on; lengths in bytes unless said otherwise."""

    block: int
    blocks: int
    group_blocks: int
    groups: int
    shift: int
    sector: int
    inode: int
    root: int
    hidden: tuple[int, ...]
    log: tuple[int, int]
    version: int
    folder_block: int
    typed_names: bool
    sparse: bool
    label: str
    uuid: str

    def place(self, number: int) -> int:
        """Return the volume byte of a file-system block, whose number holds its group in the upper bits."""
        group, inside = number >> self.shift, number & ((1 << self.shift) - 1)
        if group >= self.groups or inside >= self.group_blocks:
            raise ParseError(f"block {number:#x} lies outside the volume")
        return (group * self.group_blocks + inside) * self.block

    def inode_place(self, number: int) -> int:
        """Return the volume byte of an inode."""
        per_block = self.block // self.inode
        return self.place(number // per_block) + number % per_block * self.inode

    def group_start(self, group: int) -> int:
        """Return the volume byte of a group's first block."""
        return group * self.group_blocks * self.block

    def group_length(self, group: int) -> int:
        """Return how many blocks a group has; the last one may be short."""
        return min(self.group_blocks, self.blocks - group * self.group_blocks)


def read_layout(data: Readable) -> Layout:
    """Return the layout that the first super block states.

    Raises:
        ParseError: there is none, or its values are impossible.
    """
    raw = data.read(0, 512)
    if len(raw) < 512 or raw[:4] != b"XFSB":
        raise ParseError("no XFS super block")
    block, blocks = struct.unpack_from(">IQ", raw, 4)
    group_blocks, groups = struct.unpack_from(">II", raw, 84)
    version, sector, inode = struct.unpack_from(">HHH", raw, 100)
    shift, folder_log = raw[124], raw[192]
    sane = (
        block in {512 << n for n in range(8)}
        and sector in {512 << n for n in range(7)}
        and inode in {256 << n for n in range(4)}
    )
    if not sane or inode > block or not _LEAST_BLOCKS <= group_blocks <= 1 << shift <= 1 << 32 or folder_log > 8:
        raise ParseError("impossible values in the XFS super block")
    if not 0 < groups <= _MAX_GROUPS or not 0 < blocks <= groups * group_blocks:
        raise ParseError("impossible number of XFS allocation groups")
    new, features2, incompatible = version & 15 == 5, *struct.unpack_from(">I12xI", raw, 200)
    log_start, log_blocks = struct.unpack_from(">Q", raw, 48)[0], struct.unpack_from(">I", raw, 96)[0]
    hidden = (*struct.unpack_from(">QQ", raw, 64), *struct.unpack_from(">QQ", raw, 160))
    return Layout(
        block=block, blocks=blocks, group_blocks=group_blocks, groups=groups, shift=shift, sector=sector, inode=inode,
        root=struct.unpack_from(">Q", raw, 56)[0], hidden=tuple(n for n in hidden if 0 < n < (1 << 64) - 1),
        log=(log_start, log_blocks), version=5 if new else 4, folder_block=block << folder_log,
        typed_names=bool(incompatible & 1 if new else features2 & 0x200), sparse=bool(new and incompatible & 2),
        label=raw[108:120].split(b"\0")[0].decode("utf-8", "replace"), uuid=raw[32:48].hex(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """A b-tree of a group: name, magics of versions 4 and 5, root block, levels; sizes of a record and a key."""

    name: str
    magics: tuple[bytes, bytes]
    root: int
    levels: int
    record: int
    key: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """64 inodes: the number of the first, which of them are free, which do not exist (a bit each)."""

    first: int
    free: int
    holes: int


@dataclass(frozen=True, slots=True)
class Group:
    """An allocation group: its trees, its list of set-aside blocks, and the inodes that are unlinked but open."""

    number: int
    trees: tuple[Tree, ...]
    spare: tuple[int, ...]


def groups_of(data: Readable, layout: Layout, losses: Losses) -> Iterator[Group]:
    """Yield every group whose headers can be read."""
    for number in range(layout.groups):
        start = layout.group_start(number)
        if start >= data.size:
            text = "allocation groups lie outside the volume"
            losses.add(text, count=layout.groups - number, severity=Severity.LOSS)
            return
        try:
            raw = data.read(start, layout.sector * 4)
        except UnreadableError:
            raw = b""
        sector = layout.sector
        free, inodes, spare = (raw[sector * n : sector * (n + 1)] for n in (1, 2, 3))
        if free[:4] != b"XAGF" or inodes[:4] != b"XAGI" or len(spare) < sector:
            text = "headers of an allocation group are damaged; its space counts as allocated"
            losses.add(text, (start, layout.sector * 4), severity=Severity.LOSS)
            continue
        yield Group(number, tuple(_trees(free, inodes, layout)), _spare(free, spare, layout))


def _trees(free: bytes, inodes: bytes, layout: Layout) -> Iterator[Tree]:
    bno, cnt, rmap, bno_levels, cnt_levels, rmap_levels = struct.unpack_from(">6I", free, 16)
    root, levels = struct.unpack_from(">II", inodes, 20)
    yield Tree("free space by place", _BNO, bno, bno_levels, 8, 8)
    yield Tree("inodes", _INO, root, levels, 16, 4)
    yield Tree("free space by size", _CNT, cnt, cnt_levels, 8, 8)
    if layout.version == 5:
        yield Tree("reverse map", _RMAP, rmap, rmap_levels, 24, 40)
        (root, levels), (free_root, free_levels) = (
            struct.unpack_from(">II", free, 88),
            struct.unpack_from(">II", inodes, 328),
        )
        yield Tree("reference counts", _REFC, root, levels, 12, 4)
        yield Tree("free inodes", _FINO, free_root, free_levels, 16, 4)


def _spare(free: bytes, raw: bytes, layout: Layout) -> tuple[int, ...]:
    """Return the blocks of the free list: a ring from its first to its last entry."""
    first, _, count = struct.unpack_from(">III", free, 40)
    at = 36 if layout.version == 5 and raw[:4] == b"XAFL" else 0
    room = (len(raw) - at) // 4
    if first >= room or count > room:
        return ()
    numbers = struct.unpack_from(f">{room}I", raw, at)
    kept = (numbers[(first + n) % room] for n in range(count))
    return tuple(n for n in kept if 0 < n < layout.group_blocks)


def walk(data: Readable, layout: Layout, group: int, tree: Tree, losses: Losses) -> Iterator[tuple[int, list[bytes]]]:
    """Yield every block of a tree (its number in the group) with its records; a node above the leaves has none."""
    if not tree.root or not 0 < tree.levels <= _MAX_LEVELS:
        return
    pending, seen = [(tree.root, tree.levels - 1)], set()
    while pending:
        number, level = pending.pop()
        if number in seen:
            losses.add(f"loop in an XFS tree ({tree.name})", severity=Severity.LOSS)
            continue
        seen.add(number)
        raw = _tree_block(data, layout, group, number)
        if raw[:4] not in tree.magics or int.from_bytes(raw[4:6], "big") != level:
            place = (layout.group_start(group) + number * layout.block, layout.block)
            losses.add(f"damaged block of an XFS tree ({tree.name})", place, severity=Severity.LOSS)
            continue
        head, count = 56 if layout.version == 5 else 16, int.from_bytes(raw[6:8], "big")
        if level == 0:
            size = tree.record
            yield number, [raw[at : at + size] for at in range(head, len(raw) - size + 1, size)][:count]
            continue
        room = (layout.block - head) // (tree.key + 4)
        pointers = struct.unpack_from(f">{min(count, room)}I", raw, head + room * tree.key)
        pending += [(pointer, level - 1) for pointer in reversed(pointers)]
        yield number, []


def _tree_block(data: Readable, layout: Layout, group: int, number: int) -> bytes:
    if not 0 < number < layout.group_length(group):
        return b""
    try:
        raw = data.read(layout.group_start(group) + number * layout.block, layout.block)
    except UnreadableError:
        return b""
    return raw if len(raw) == layout.block else b""
