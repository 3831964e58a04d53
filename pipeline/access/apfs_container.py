"""An APFS container: its newest sound checkpoint, its space manager, its volumes and their snapshots.

Source: *Apple File System Reference* ("Container": ``nx_superblock_t``, checkpoints; "Volumes": ``apfs_superblock_t``;
"Snapshot Metadata": ``j_snap_metadata_val_t``; "Space Manager": ``spaceman_phys_t``, ``chunk_info_block_t``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.apfs_tree import Blocks, ObjectMap, checked, leaf_records
from pipeline.access.fat_losses import Losses
from pipeline.access.found import FREE, META, Part, free_of
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Severity

__all__ = ["Container", "Snapshot", "VolumeFacts", "open_container"]

SUPER, MAP, SPACEMAN, CAB, CIB, VOLUME = 1, 0xC, 5, 6, 7, 0xD
_MAX_CHECKPOINT: Final = 1 << 16  # blocks of the checkpoint areas
_MAX_VOLUMES: Final = 100
_MAX_CHUNKS: Final = 1 << 22
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: its transaction, its name, its time in nanoseconds, the block of its volume super block."""

    xid: int
    name: str
    created: int
    block: int


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume as its super block says: ``xid`` is the transaction its objects are taken at."""

    index: int
    name: str
    uuid: str
    encrypted: bool
    hashed_names: bool
    omap: int
    root: int
    physical_root: bool
    snapshots: int
    extents: int
    xid: int
    block: int


class Container:
    """A container at its newest checkpoint whose super block has a right checksum."""

    def __init__(self, data: Readable) -> None:
        raw = data.read(0, 4096)
        block, blocks = struct.unpack_from("<IQ", raw, 36) if len(raw) == 4096 else (0, 0)
        if raw[32:36] != b"NXSB" or block not in {4096, 8192, 16384, 32768, 65536}:
            raise ParseError("no APFS container super block")
        self.losses = Losses()
        self.blocks, self.count = Blocks(data, block), min(blocks, data.size // block)
        self._area = struct.unpack_from("<IIQQ", raw, 104)
        self._raw = self._newest(data.read(0, block))
        self.xid = struct.unpack_from("<Q", self._raw, 16)[0]
        self._omap = ObjectMap(self.blocks, struct.unpack_from("<Q", self._raw, 160)[0], self.losses, "container")

    def _newest(self, first: bytes) -> bytes:
        """Return the newest super block; the one in block 0 may be older, and stands where no other is sound."""
        best = first if checked(first) else b""
        count, _, base, _ = self._area
        for number in range(base, base + min(count & 0x7FFFFFFF, _MAX_CHECKPOINT)):
            try:
                raw = self.blocks.object(number, (SUPER,), "checkpoint")
            except UnreadableError:
                continue
            if raw[32:36] == b"NXSB" and raw[16:24][::-1] > best[16:24][::-1]:
                best = raw
        if not best:
            raise ParseError("no sound APFS container super block")
        return best

    # -- volumes -------------------------------------------------------------------------------------------------

    def volumes(self) -> Iterator[tuple[int, VolumeFacts]]:
        """Yield the container's volumes in the order of its super block, numbered from 1."""
        oids = (oid for oid in struct.unpack_from(f"<{_MAX_VOLUMES}Q", self._raw, 184) if oid)
        for number, oid in enumerate(oids, 1):
            try:
                yield number, self.volume_at(self._omap.place(oid, self.xid), self.xid)
            except UnreadableError as error:
                self.losses.add(f"a volume's super block cannot be read ({error})", severity=Severity.LOSS)

    def volume_at(self, block: int, xid: int) -> VolumeFacts:
        """Return a volume, or a snapshot of one, by the block of its super block."""
        raw = self.blocks.object(block, (VOLUME,), "volume super block")
        if raw[32:36] != b"APSB":
            raise ParseError(f"block {block} holds no volume super block")
        (index,), (incompatible,), (flags,) = (
            struct.unpack_from(form, raw, at) for form, at in (("<I", 36), ("<Q", 56), ("<Q", 264))
        )
        (kind,), (omap, root, extents, snapshots) = (
            struct.unpack_from("<I", raw, 116),
            struct.unpack_from("<4Q", raw, 128),
        )
        name = raw[704:960].split(b"\0")[0].decode("utf-8", "replace")
        return VolumeFacts(
            index, name, raw[240:256].hex(), not flags & 1, bool(incompatible & 9), omap, root,
            bool(kind & 0x40000000), snapshots, extents, xid, block,
        )  # fmt: skip

    def snapshots(self, volume: VolumeFacts) -> list[Snapshot]:
        """Return a volume's snapshots, the oldest first."""
        if not volume.snapshots:
            return []
        found = []
        for key, value in leaf_records(self.blocks, volume.snapshots, None, self.losses, "snapshot tree"):
            (packed,) = struct.unpack_from("<Q", key) if len(key) >= 8 else (0,)
            if packed >> 60 == 1 and len(value) >= 50:
                block, created, length = (
                    struct.unpack_from("<Q", value, 8)[0], struct.unpack_from("<Q", value, 16)[0],
                    struct.unpack_from("<H", value, 48)[0],
                )  # fmt: skip
                name = value[50 : 50 + length].rstrip(b"\0").decode("utf-8", "replace")
                found.append(Snapshot(packed & ((1 << 60) - 1), name, created, block))
        return sorted(found, key=lambda item: item.xid)

    # -- space ---------------------------------------------------------------------------------------------------

    def _mappings(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (object id, type, block, size in bytes) of what the newest checkpoint keeps in memory."""
        base, index, length = self._area[2], *struct.unpack_from("<II", self._raw, 136)
        count = self._area[0] & 0x7FFFFFFF
        for at in range(min(length, _MAX_CHECKPOINT)):
            try:
                raw = self.blocks.object(base + (index + at) % max(count, 1), (MAP,), "checkpoint")
            except UnreadableError:
                continue
            (held,) = struct.unpack_from("<I", raw, 36)
            for entry in range(40, 40 + 40 * min(held, (len(raw) - 40) // 40), 40):
                kind, _, size, _, _, oid, place = struct.unpack_from("<IIIIQQQ", raw, entry)
                yield oid, kind & 0xFFFF, place, size

    def _spaceman(self) -> bytes:
        (wanted,) = struct.unpack_from("<Q", self._raw, 152)
        for oid, kind, place, size in self._mappings():
            if oid == wanted and kind == SPACEMAN:
                count = max(1, min(size // self.blocks.size, 1 << 12))
                raw = self.blocks.read(place, count)
                if not checked(raw):
                    raise ParseError("the space manager's checksum is wrong")
                for number in range(place, place + count):
                    self.blocks.seen[number] = "space manager"
                return raw
        raise ParseError("the newest checkpoint names no space manager")

    def free(self) -> list[tuple[int, int]]:
        """Return free space by the space manager's bitmaps, in bytes; nothing where it cannot be read."""
        runs: list[tuple[int, int]] = []
        try:
            for chunk, count, free, bitmap in self._chunks(self._spaceman()):
                start = chunk * self.blocks.size
                if not bitmap:
                    runs += [(start, count * self.blocks.size)] if free == count else []
                    continue
                self.blocks.seen[bitmap] = "space bitmap"
                raw = self.blocks.read(bitmap)
                inside = free_of(raw, min(count, len(raw) * 8), self.blocks.size, order="little")
                runs += [(start + at, length) for at, length in inside]
        except UnreadableError as error:
            self.losses.add(f"the space manager cannot be read ({error}); all further space counts as allocated")
        return runs

    def _chunks(self, raw: bytes) -> Iterator[tuple[int, int, int, int]]:
        """Yield (first block, blocks, free ones, block of the bitmap) of every chunk."""
        cibs, cabs, offset = struct.unpack_from("<II8xI", raw, 64)
        start, count = struct.unpack_from("<Q", raw, 176)[0], struct.unpack_from("<Q", raw, 152)[0]
        for number in range(start, start + min(count, _MAX_CHUNKS)):
            self.blocks.seen.setdefault(number, "space manager's pool")
        base, size = struct.unpack_from("<Q", raw, 168)[0], struct.unpack_from("<I", raw, 164)[0]
        for number in range(base, base + min(size, _MAX_CHUNKS)):
            self.blocks.seen.setdefault(number, "space manager's pool")
        total = min(cabs or cibs, (len(raw) - offset) // 8 if offset < len(raw) else 0, _MAX_CHUNKS)
        places = struct.unpack_from(f"<{total}Q", raw, offset)
        if cabs:
            places = tuple(place for cab in places for place in self._cab(cab))
        for place in places:
            held = self.blocks.object(place, (CIB,), "chunk records")
            (count,) = struct.unpack_from("<I", held, 36)
            for at in range(40, 40 + 32 * min(count, (len(held) - 40) // 32), 32):
                _, first, blocks, free, bitmap = struct.unpack_from("<QQIIQ", held, at)
                yield first, blocks & 0xFFFFF, free & 0xFFFFF, bitmap

    def _cab(self, place: int) -> tuple[int, ...]:
        raw = self.blocks.object(place, (CAB,), "chunk records")
        count = min(struct.unpack_from("<I", raw, 36)[0], (len(raw) - 40) // 8)
        return struct.unpack_from(f"<{count}Q", raw, 40)

    def parts(self) -> Iterator[Part]:
        """Yield the container's own structures and its free space."""
        size = self.blocks.size
        free = self.free()
        for _, facts in self.volumes():  # what walks over them remembers where they lie
            for tree, name in ((facts.extents, "extent tree"), (facts.snapshots, "snapshot tree")):
                if tree:
                    sum(1 for _ in leaf_records(self.blocks, tree, None, self.losses, name))
        count, data_count, base, data_base = self._area
        yield 0, size, META, "container super block"
        yield base * size, min(count & 0x7FFFFFFF, _MAX_CHECKPOINT) * size, META, "checkpoint descriptors"
        yield data_base * size, min(data_count & 0x7FFFFFFF, _MAX_CHECKPOINT) * size, META, "checkpoint data"
        for number, name in sorted(self.blocks.seen.items()):
            yield number * size, size, META, name
        for start, length in free:
            yield start, length, FREE, "free"
        yield self.count * size, self.blocks.data.size - self.count * size, FREE, "tail"


def open_container(data: Readable) -> Container:
    """Return a container.

    Raises:
        ParseError: no super block of it is sound, or its object map is damaged.
    """
    return Container(data)
