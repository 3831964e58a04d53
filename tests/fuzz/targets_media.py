"""Fuzzing targets whose structures lie far apart or behind checksums: UDF, HFS+, APFS, LUKS, BitLocker, md, LDM, jbd2.

The input is blocks with their numbers (:class:`Blocks`); checksums are put right, as an attacker would.
"""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from dataclasses import replace

from pipeline.access.apfs import open_apfs
from pipeline.access.bitlocker import BitLocker
from pipeline.access.bitlocker_metadata import external_keys
from pipeline.access.ext_dir import dir_names, own_inode
from pipeline.access.ext_history import History
from pipeline.access.ext_inode import InodeTables, stream_of_inode
from pipeline.access.ext_journal import Journal
from pipeline.access.found import read_stream
from pipeline.access.hfs import open_hfs
from pipeline.access.ldm import dynamic_volumes, ldm_regions
from pipeline.access.luks import Luks
from pipeline.access.md import assemble_md, carries_raid
from pipeline.access.partitions import read_partitions
from pipeline.access.pool import Found as Carrier
from pipeline.access.udf import open_udf
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic
from pipeline.volume_keys import KeyKind, VolumeKey
from tests.builders.apfs import sealed
from tests.builders.bitlocker import bek_file
from tests.builders.md import folded
from tests.fuzz import seeds_media
from tests.fuzz.frame import VOLUME, Blocks, Target, Zeroed, opened

MIB = 1 << 20
_BEK = VolumeKey(place="*", kind=KeyKind.FILE, secret=bek_file())
_TAGS = frozenset((*range(1, 10), *range(256, 267)))


def udf(raw: bytes) -> None:
    opened(open_udf, Blocks(raw, 512, 12 * MIB, _udf_tag))


def _udf_tag(block: bytes) -> bytes:
    """Put the sum of a descriptor's tag right (ECMA-167 3/7.2)."""
    if int.from_bytes(block[:2], "little") not in _TAGS:
        return block
    return block[:4] + bytes([(sum(block[:16]) - block[4]) & 0xFF]) + block[5:]


def hfs(raw: bytes) -> None:
    opened(open_hfs, Blocks(raw, 512, 4 * MIB))


def apfs(raw: bytes) -> None:
    """Objects lie in blocks of 4096 bytes, of which the input gives parts."""
    parts = Blocks(raw, 512, 4 * MIB)
    whole = bytearray(parts.read(0, parts.size))
    for at in range(0, len(whole), 4096):
        if whole[at : at + 8].strip(b"\0"):
            whole[at : at + 4096] = sealed(bytes(whole[at : at + 4096]))
    opened(open_apfs, Zeroed(bytes(whole)), "EX-01!part:p1!volume:1")


def luks(raw: bytes) -> None:
    Luks().describe(Blocks(_luks_sum(raw), 512, 32 * MIB))


def _luks_sum(raw: bytes) -> bytes:
    """Put the checksum of a version 2 header that begins the input right."""
    head = Blocks(raw, 512, 32 * MIB).read(0, 16384)
    if head[:8] != b"LUKS\xba\xbe\0\x02" or raw[:4] != bytes(4) or len(raw) < 516:
        return raw
    total = hashlib.sha256(head[:448] + bytes(64) + head[512:]).digest()
    return raw[:452] + total + raw[484:]


def bitlocker(raw: bytes) -> None:
    medium = Blocks(raw, 512, 4 * MIB)
    list(external_keys(raw))
    BitLocker().describe(medium)
    opened_with = BitLocker().unlock(medium, [_BEK])
    for start in (0, 8192, opened_with.data.size - 600):
        assert len(opened_with.data.read(max(start, 0), 600)) <= 600


def md(raw: bytes) -> None:
    medium = Blocks(raw, 4096, 4 * MIB, _md_sum)
    carries_raid(medium)
    _assembled(assemble_md([Carrier(replace(VOLUME, length=medium.size), medium)]))


def _md_sum(block: bytes) -> bytes:
    """Put the sum of a superblock right: the old one's field is word 38, the new one's stands at 216."""
    if block[:4] != b"\xfc\x4e\x2b\xa9":
        return block
    if block[4] == 1:
        roles = min(int.from_bytes(block[220:224], "little"), 1920)
        total = folded(block[:216] + bytes(4) + block[220 : 256 + 2 * roles])
        return block[:216] + struct.pack("<I", total) + block[220:]
    return block[:152] + struct.pack("<I", folded(block[:152] + bytes(4) + block[156:])) + block[156:]


def ldm(raw: bytes) -> None:
    medium = Blocks(raw, 512, 4 * MIB)
    table = read_partitions(medium)
    for region in ldm_regions(medium, "EX-01", table):
        assert 0 <= region.start <= region.start + region.length <= medium.size
    if table is not None:
        _assembled(dynamic_volumes(Carrier(replace(VOLUME, length=medium.size), medium), table))


def _assembled(found: object) -> None:
    for one in found:  # type: ignore[attr-defined]
        if not isinstance(one, Carrier):
            assert isinstance(one, Diagnostic) or one.start >= 0
            continue
        assert 0 <= one.row.length < 1 << 63
        if one.data is not None:
            try:
                assert len(one.data.read(0, 4096)) <= 4096
                assert len(one.data.read(max(one.data.size - 512, 0), 4096)) <= 4096
            except UnreadableError:
                continue


def jbd2(raw: bytes) -> None:
    """The journal of a small ext volume, and whatever its inodes and copies of blocks say."""
    medium = Blocks(raw, 1024, 4 * MIB)
    tables = InodeTables(medium)
    for number in (2, 8, 12):
        stream = stream_of_inode(tables.inode(number), tables.layout, tables.block)
        assert len(read_stream(medium, stream, 0, 5000)) <= 5000
        list(dir_names(read_stream(medium, stream, 0, 5000)))
    stream = stream_of_inode(tables.inode(8), tables.layout, tables.block)
    journal = Journal(medium, stream, tables.layout)
    for copies in list(journal.copies.values())[:64]:
        for copy in copies:
            block = journal.read(copy)
            list(dir_names(block))
            own_inode(block)
    history = History(tables, journal)
    for state in [*history.owners(), *history.gone()][:256]:
        with suppress(UnreadableError):
            assert history.stream(state)[0].size >= 0


MEDIA = {
    "udf": Target(udf, seeds_media.udf_seeds),
    "hfs": Target(hfs, seeds_media.hfs_seeds),
    "apfs": Target(apfs, seeds_media.apfs_seeds),
    "luks": Target(luks, seeds_media.luks_seeds),
    "bitlocker": Target(bitlocker, seeds_media.bitlocker_seeds),
    "md": Target(md, seeds_media.md_seeds),
    "ldm": Target(ldm, seeds_media.ldm_seeds),
    "jbd2": Target(jbd2, seeds_media.jbd2_seeds),
}
