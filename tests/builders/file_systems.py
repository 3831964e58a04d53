"""File systems made by their own tools; a missing tool leaves the test out, and says so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SEARCH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin"
TEXT = b"hello" * 1000


def tool(name: str) -> str:
    """Return a program's path; skip the test where it is not installed."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        pytest.skip(f"left out: {name} is not installed")
    return found


def run(name: str, *arguments: str | Path, env: dict[str, str] | None = None) -> bytes:
    """Run a program and return what it says."""
    done = subprocess.run([tool(name), *map(str, arguments)], check=True, capture_output=True, env=env)
    return done.stdout


def make_ext(folder: Path, *options: str, kind: str = "ext4", size: int = 20 << 20, files: int = 1) -> Path:
    """Return a volume with /x.txt (5000 bytes) and more files of growing size."""
    tree, volume = folder / "tree", folder / "volume"
    tree.mkdir(exist_ok=True)
    (tree / "x.txt").write_bytes(TEXT)
    for number in range(files - 1):
        (tree / f"file-{number}").write_bytes(bytes([65 + number % 26]) * 7000 * (number + 1))
    with volume.open("wb") as file:
        file.truncate(size)
    run("mke2fs", "-q", "-F", "-t", kind, *options, "-d", tree, volume)
    return volume


def make_ntfs(folder: Path, size: int = 8 << 20) -> Path:
    """Return a volume with /x.txt (5000 bytes)."""
    volume, text = folder / "volume", folder / "x.txt"
    volume.write_bytes(bytes(size))
    text.write_bytes(TEXT)
    run("mkntfs", "-q", "-F", "-f", volume)
    run("ntfscp", "-q", volume, text, "x.txt")
    return volume


def make_fat(folder: Path, *options: str, size: int = 40 << 20, name: str = "x.txt") -> Path:
    """Return a volume with one file of 5000 bytes."""
    volume, text = folder / "volume", folder / "x.txt"
    volume.write_bytes(bytes(size))
    text.write_bytes(TEXT)
    run("mkfs.vfat", *options, volume)
    run("mcopy", "-i", volume, text, f"::{name}")
    return volume


def make_exfat(folder: Path, size: int = 8 << 20) -> Path:
    """Return an empty volume."""
    volume = folder / "volume"
    volume.write_bytes(bytes(size))
    run("mkfs.exfat", volume)
    return volume


def make_xfs(folder: Path, size: int = 320 << 20, version: int = 5) -> Path:
    """Return a volume with /x.txt (5000 bytes) and /folder/x.txt, by a prototype file."""
    volume, text, prototype = folder / "volume", folder / "x.txt", folder / "prototype"
    text.write_bytes(TEXT)
    lines = ["/dev/null", "0 0", "d--755 0 0", f"x.txt ---644 0 0 {text}", "folder d--755 0 0"]
    prototype.write_text("\n".join([*lines, f"x.txt ---644 0 0 {text}", "$", "$", ""]), encoding="utf-8")
    with volume.open("wb") as file:
        file.truncate(size)
    run("mkfs.xfs", "-q", "-f", "-m", f"crc={version - 4}", "-p", prototype, volume)
    return volume


def make_iso(folder: Path) -> Path:
    """Return an ISO 9660 image, with Rock Ridge and Joliet, of /x.txt and /folder/x.txt."""
    tree, volume = folder / "tree", folder / "volume"
    (tree / "folder").mkdir(parents=True)
    for place in (tree, tree / "folder"):
        (place / "x.txt").write_bytes(TEXT)
    run("genisoimage", "-quiet", "-R", "-J", "-o", volume, tree)
    return volume


@contextmanager
def mounted(volume: Path, kind: str) -> Iterator[Path]:
    """Mount a volume for writing while the block runs; skip the test where this machine cannot."""
    place = volume.with_name(volume.name + ".mounted")
    place.mkdir(exist_ok=True)
    command = [tool("mount"), "-t", kind, "-o", "loop", str(volume), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"left out: {kind} cannot be mounted here ({done.stderr.strip()[:80]})")
    try:
        yield place
    finally:
        subprocess.run([tool("umount"), str(place)], check=True)
        place.rmdir()
