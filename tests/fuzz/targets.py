"""What the coverage-guided fuzzer feeds: one line of ``TARGETS`` per reader, with seeds from the builders.

A target takes any bytes and must return, or refuse with :class:`UnreadableError`; anything else is a bug, and so is
more than a second for 64 KiB, or memory out of proportion. ``run_atheris.py`` drives them; ``test_targets.py`` replays
seeds, small damage and every input in ``crashes/`` without it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.access.boot_backup import find_backup, restored
from pipeline.access.ewf import EwfImage
from pipeline.access.exfat import open_exfat
from pipeline.access.ext_layout import read_groups, read_layout
from pipeline.access.fat import open_fat
from pipeline.access.iso import open_iso
from pipeline.access.lvm import assemble_lvm
from pipeline.access.ntfs import describe_ntfs, open_mft_file, open_ntfs
from pipeline.access.ntfs_lznt1 import expand
from pipeline.access.ntfs_runs import decode_runs
from pipeline.access.partitions import read_partitions
from pipeline.access.pool import Found as Carrier
from pipeline.access.qcow import QcowImage
from pipeline.access.signatures import recognise
from pipeline.access.xfs import open_xfs
from pipeline.errors import UnreadableError
from tests.builders.ewf import section
from tests.fuzz import seeds
from tests.fuzz.frame import LIMIT, VOLUME, Target, Zeroed, examined, opened, refused, volume_target
from tests.fuzz.seeds import EWF_KINDS
from tests.fuzz.targets_media import MEDIA
from tests.fuzz.targets_remnants import REMNANTS

__all__ = ["LIMIT", "TARGETS", "Target", "refused"]


# -- file systems ----------------------------------------------------------------------------------------------------


def ntfs(raw: bytes) -> None:
    medium = Zeroed(raw, 1 << 20)
    describe_ntfs(medium)
    opened(open_ntfs, medium)


def mft(raw: bytes) -> None:
    examined(open_mft_file(Zeroed(raw, len(raw)), replace(VOLUME, address="M", direct=False)), len(raw))


# -- pieces of NTFS --------------------------------------------------------------------------------------------------


def lznt1(raw: bytes) -> None:
    assert len(expand(raw, 65536)) == 65536


def runlist(raw: bytes) -> None:
    found, _ = decode_runs(raw, 1 << 20)
    assert all(first == -1 or 0 <= first <= first + count <= 1 << 20 for first, count in found)


# -- disks and containers --------------------------------------------------------------------------------------------


def partitions(raw: bytes) -> None:
    medium = Zeroed(_summed_gpt(raw), 8 << 20)
    found = read_partitions(medium)
    for part in found.partitions if found else ():
        assert 0 <= part.start < medium.size
        assert 0 <= part.length <= medium.size - part.start


def _summed_gpt(raw: bytes) -> bytes:
    """Put the checksum right in a GPT header, which no fuzzer guesses."""
    header = raw[512:1024]
    if len(header) < 512 or header[:8] != b"EFI PART":
        return raw
    size = min(struct.unpack_from("<I", header, 12)[0], 512)
    total = zlib.crc32(header[:16] + bytes(4) + header[20:size])
    return raw[:528] + total.to_bytes(4, "little") + raw[532:]


@contextmanager
def files(*contents: bytes) -> Iterator[list[Path]]:
    """Give bytes as files, in memory."""
    handles = [os.memfd_create("fuzz") for _ in contents]
    try:
        for handle, content in zip(handles, contents, strict=True):
            os.write(handle, content)
        yield [Path(f"/proc/self/fd/{handle}") for handle in handles]
    finally:
        for handle in handles:
            os.close(handle)


def qcow(raw: bytes) -> None:
    with files(raw) as (path,):
        image = QcowImage(path)
        try:
            for start in (0, image.size // 2, max(image.size - 600, 0)):
                try:
                    assert len(image.read(start, 600)) == min(600, image.size - start)
                except UnreadableError:
                    continue
        finally:
            image.close()


def ewf(raw: bytes) -> None:
    with files(raw) as paths:
        _read_ewf(paths)


def ewf_sections(raw: bytes) -> None:
    """The input as section bodies, headers and checksums put right: what lies behind the sums is reached."""
    made, at = b"EVF\x09\x0d\x0a\xff\x00\x01\x01\0\0\0", 0
    while at + 3 <= len(raw):
        kind, length = raw[at] % len(EWF_KINDS), int.from_bytes(raw[at + 1 : at + 3], "little")
        made += section(EWF_KINDS[kind], len(made), _summed(raw[at + 3 : at + 3 + length], kind))
        at += 3 + length
    with files(made + section("done", len(made), b"")) as paths:
        _read_ewf(paths)


def _summed(body: bytes, kind: int) -> bytes:
    if kind in (0, 5, 6, 7):
        return body[:-4] + zlib.adler32(body[:-4]).to_bytes(4, "little") if len(body) > 4 else body
    head = {2: 24, 3: 24, 4: 520}.get(kind, 0)
    if not head or len(body) < head + 4:
        return body
    first, rest = body[: head - 4], body[head:-4]
    sums = [zlib.adler32(part).to_bytes(4, "little") for part in (first, rest)]
    return first + sums[0] + rest + sums[1]


def _read_ewf(paths: Sequence[Path]) -> None:
    image = EwfImage(paths)
    try:
        for start in (0, image.size // 2, max(image.size - 600, 0)):
            try:
                assert len(image.read(start, 600)) == min(600, image.size - start)
            except UnreadableError:
                continue
        assert all(0 <= at < at + size <= image.size for at, size in image.unreadable)
    finally:
        image.close()


# -- layers and layouts ----------------------------------------------------------------------------------------------


def lvm(raw: bytes) -> None:
    medium = Zeroed(raw, 8 << 20)
    for found in assemble_lvm([Carrier(replace(VOLUME, length=medium.size), medium)]):
        if isinstance(found, Carrier) and found.data is not None:
            assert len(found.data.read(0, 4096)) <= 4096


def ext(raw: bytes) -> None:
    medium = Zeroed(raw)
    layout = read_layout(medium)
    for number, _ in enumerate(read_groups(medium, layout)):
        layout.head(number)
        layout.has_super(number)


def backup(raw: bytes) -> None:
    medium = Zeroed(raw, 1 << 20)
    recognise(medium)
    found = find_backup(medium)
    whole = restored(medium)
    assert len(whole.read(0, 4096)) == 4096
    assert found is None or all(at >= 0 and at + len(patch) <= medium.size for at, patch in found.patches)


TARGETS = {
    "fat": Target(volume_target(open_fat), seeds.fat_seeds),
    "exfat": Target(volume_target(open_exfat), seeds.exfat_seeds),
    "iso": Target(volume_target(open_iso), seeds.iso_seeds),
    "xfs": Target(volume_target(open_xfs, 320 << 20), seeds.xfs_seeds),
    "ntfs": Target(ntfs, seeds.ntfs_seeds),
    "mft": Target(mft, seeds.mft_seeds),
    "lznt1": Target(lznt1, seeds.noise),
    "runlist": Target(runlist, seeds.noise),
    "partitions": Target(partitions, seeds.partition_seeds),
    "qcow": Target(qcow, seeds.qcow_seeds),
    "ewf": Target(ewf, seeds.ewf_seeds),
    "ewf-sections": Target(ewf_sections, seeds.ewf_section_seeds),
    "lvm": Target(lvm, seeds.lvm_seeds),
    "ext": Target(ext, seeds.ext_seeds),
    "backup": Target(backup, seeds.backup_seeds),
    **MEDIA,
    **REMNANTS,
}
