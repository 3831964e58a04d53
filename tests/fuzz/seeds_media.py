"""Inputs for the targets of :mod:`tests.fuzz.targets_media`: volumes of the builders and of the systems' own tools."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.builders.bitlocker import Protector, bitlocker
from tests.builders.ldm import Dynamic, Piece, dynamic_disks
from tests.builders.md import Raid, build
from tests.builders.udf import Writer
from tests.fuzz.frame import packed
from tests.real_data import ROOT

SEARCH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin"
_HFS_SIGNATURES = (b"H+\x00\x04", b"HX\x00\x05")


def _told(folder: Path, size: int, *command: str | Path, keys: bytes = b"") -> Path | None:
    """Let a program write the volume of ``folder``; None where it is not installed."""
    path = shutil.which(str(command[0]), path=SEARCH)
    if path is None:
        return None
    volume = folder / "volume"
    with volume.open("wb") as handle:
        handle.truncate(size)
    subprocess.run([path, *map(str, command[1:])], check=True, capture_output=True, input=keys)
    return volume


def _tree(folder: Path) -> Path:
    (folder / "tree" / "folder").mkdir(parents=True)
    (folder / "tree" / "folder" / "住民票.txt").write_bytes(b"text" * 300)
    (folder / "tree" / "a.txt").write_bytes(b"hello")
    return folder / "tree"


@cache
def udf_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        volume = _told(Path(name), 12 << 20, "mkudffs", "-m", "hd", "-b", "512", "-r", "2.01", f"{name}/volume")
        if volume is None:
            return []
        writer = Writer(volume, 512)
        gone = writer.file(b"lost" * 300)
        inner = writer.folder([("住民票.csv", writer.file(b"row," * 400, 2), 0)], writer.root)
        names = [("a.txt", writer.file(b"inside", inside=True), 0), ("folder", inner, 2), ("gone", gone, 4)]
        writer.folder(names, writer.root, writer.root)
        writer.forget(gone)
        return [packed(bytes(writer.raw), 512)]


@cache
def hfs_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["-as", "mkisofs", "-quiet", "-hfsplus", "-R", "-o", folder / "volume", _tree(folder)]
        volume = _told(folder, 0, "xorriso", *options)
        raw = b"" if volume is None else volume.read_bytes()
        starts = [at - 1024 for at in range(1024, len(raw), 512) if raw[at : at + 4] in _HFS_SIGNATURES]
        return [packed(raw[starts[0] : starts[0] + (4 << 20)], 512)] if starts else []


@cache
def apfs_seeds() -> list[bytes]:
    """The container of dfVFS's test data, where it is there: no tool to make one is at hand everywhere."""
    path = ROOT / "dfvfs" / "test_data" / "apfs.raw"
    return [packed(path.read_bytes()[: 4 << 20], 512)] if path.is_file() else []


@cache
def luks_seeds() -> list[bytes]:
    found = []
    for kind in ("luks1", "luks2"):
        with tempfile.TemporaryDirectory() as name:
            volume = _told(
                Path(name), 32 << 20, "cryptsetup", "luksFormat", "--type", kind, "-q", "--key-file", "-", "--pbkdf",
                "pbkdf2", "--pbkdf-force-iterations", "1000", f"{name}/volume", keys=b"password",
            )  # fmt: skip
            if volume is not None:
                found.append(packed(volume.read_bytes()[:32768], 512))
    return found


@cache
def bitlocker_seeds() -> list[bytes]:
    whole = bitlocker(bytes(1 << 20), [Protector("startup"), Protector("tpm")], places=(1 << 16, 2 << 16, 3 << 16))
    kept = b"".join(whole[at : at + 1536].ljust(1 << 16, b"\0") for at in range(0, 4 << 16, 1 << 16))
    return [packed(kept, 512)]


@cache
def md_seeds() -> list[bytes]:
    found = []
    for level, version in ((1, "1.2"), (0, "0.90"), (5, "1.0"), (-1, "1.1")):
        raid = Raid(level=level, members=1 if level != 5 else 3, share=1 << 20, version=version)
        (first, *_) = build(raid, b"data" * 256)
        found.append(packed(first.rjust(4 << 20, b"\0") if version in {"0.90", "1.0"} else first, 4096))
    return found


@cache
def ldm_seeds() -> list[bytes]:
    pieces = [[Piece(0, 100, 600), Piece(0, 2000, 600)]]
    volumes = [
        (Dynamic(name="Spanned", copies=pieces), b""), (Dynamic(name="Other", layout=1, chunk=64, copies=pieces), b""),
    ]  # fmt: skip
    (disk,) = dynamic_disks([4000], volumes)
    return [packed(disk, 512)]


@cache
def jbd2_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["-q", "-F", "-t", "ext4", "-b", "1024", "-J", "size=1", "-N", "16", "-d", _tree(folder)]
        volume = _told(folder, 4 << 20, "mke2fs", *options, folder / "volume")
        return [] if volume is None else [packed(volume.read_bytes(), 1024)]
