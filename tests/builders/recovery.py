"""Volumes that the real drivers wrote to and deleted from: mtools (FAT), exfat-fuse, ntfs-3g and the kernel (ext4).

A driver does what a user does; times move on between its steps, for readers may judge by them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["KINDS", "Driver", "open_driver"]

UNIT: Final = 4096
SIZE: Final = {
    "FAT12": 14 << 20,
    "FAT16": 60 << 20,
    "FAT32": 300 << 20,
    "exFAT": 60 << 20,
    "NTFS": 60 << 20,
    "ext4": 60 << 20,
}
KINDS: Final = tuple(SIZE)
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _run(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})},
    )  # fmt: skip
    return done.stdout


class Driver(ABC):
    """A formatted volume that files are written to and deleted from."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.path = kind, folder, folder / "volume.raw"
        with self.path.open("wb") as handle:
            handle.truncate(SIZE[kind])

    @abstractmethod
    def write(self, files: Mapping[str, bytes]) -> None:
        """Write whole files, in order; folders are made as needed."""

    @abstractmethod
    def delete(self, *paths: str) -> None:
        """Delete files."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Delete a folder with all that it holds."""

    @abstractmethod
    def fragmented(self, files: Mapping[str, bytes], pieces: int) -> None:
        """Write each file in about so many pieces, live files between them."""

    @abstractmethod
    def braided(self, files: Mapping[str, bytes]) -> None:
        """Write files so that their pieces alternate."""

    @abstractmethod
    def reformat(self) -> None:
        """Format the volume over, quickly, and go on with it."""

    @abstractmethod
    def wait(self) -> None:
        """Let time pass: longer than the coarsest time stamp of the system tells apart."""

    @abstractmethod
    def close(self) -> Path:
        """Finish; return the volume."""


class MtoolsDriver(Driver):
    """FAT by mkfs.fat and mtools, whose clock is told."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(kind, folder)
        self._format()
        self._now = 1_655_800_000
        self._stage = folder / "stage"
        self._stage.mkdir()
        rc = folder / "mtoolsrc"
        rc.write_text(f'mtools_skip_check=1\ndefault_codepage=932\ndrive c: file="{self.path}"\n')
        self._rc = str(rc)

    def _format(self) -> None:
        _run("mkfs.fat", "-F", self.kind[3:], "-s", str(UNIT // 512), self.path)

    def _tool(self, *command: str | Path) -> None:
        self._now += 20
        _run(*command, env={"MTOOLSRC": self._rc, "SOURCE_DATE_EPOCH": str(self._now), "TZ": "UTC"})

    def _rewind(self) -> None:
        """Let FAT32 begin its search for free clusters at the first one, as after a mount by an old driver."""
        if self.kind == "FAT32":
            with self.path.open("r+b") as handle:
                handle.seek(512 + 492)
                handle.write(b"\xff\xff\xff\xff")

    def write(self, files: Mapping[str, bytes]) -> None:
        groups: dict[str, list[Path]] = {}
        for path, content in files.items():
            place = self._stage / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            groups.setdefault(path.rpartition("/")[0], []).append(place)
        for parent, places in groups.items():
            self._folder(parent)
            for first in range(0, len(places), 200):
                self._tool("mcopy", "-n", *places[first : first + 200], f"c:{parent}/")

    def _folder(self, path: str) -> None:
        known = self._stage / "known" / path.lstrip("/")
        if path and not known.is_dir():
            self._folder(path.rpartition("/")[0])
            self._tool("mmd", f"c:{path}")
            known.mkdir(parents=True)

    def delete(self, *paths: str) -> None:
        for first in range(0, len(paths), 200):
            self._tool("mdel", *(f"c:{path}" for path in paths[first : first + 200]))

    def remove(self, path: str) -> None:
        self._tool("mdeltree", f"c:{path}")

    def fragmented(self, files: Mapping[str, bytes], pieces: int) -> None:
        for path, content in files.items():
            share = -(-len(content) // UNIT) // pieces * UNIT
            holes = [f"/hole {number} {path.rpartition('/')[2]}" for number in range(pieces - 1)]
            for number, hole in enumerate(holes):
                self.write({hole: bytes(share), f"/live {number} of {path.rpartition('/')[2]}": os.urandom(UNIT)})
            self.delete(*holes)
            self._rewind()
            self.write({path: content})

    def braided(self, files: Mapping[str, bytes]) -> None:
        names = list(files)
        count = max(-(-len(content) // UNIT) for content in files.values())
        fillers = {name: [f"/part {n} of {name.rpartition('/')[2]}" for n in range(count)] for name in names}
        for number in range(count):
            self.write({fillers[name][number]: bytes(UNIT) for name in names})
        for name in names:
            self.delete(*fillers[name])
            self._rewind()
            self.write({name: files[name]})

    def reformat(self) -> None:
        self._format()
        shutil.rmtree(self._stage / "known", ignore_errors=True)

    def wait(self) -> None:
        self._now += 3600

    def close(self) -> Path:
        return self.path


class MountDriver(Driver):
    """A volume that is mounted: by exfat-fuse, ntfs-3g or the kernel."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(kind, folder)
        self.point = folder / "mount"
        self.point.mkdir()
        self._loop = ""
        self._mount()

    def _mount(self) -> None:
        {"exFAT": self._exfat, "NTFS": self._ntfs, "ext4": self._ext4}[self.kind]()

    def _exfat(self) -> None:
        _run("mkfs.exfat", "-c", str(UNIT), self.path)
        self._loop = _run("losetup", "-f", "--show", self.path).strip()
        _run("mount.exfat-fuse", self._loop, self.point)

    def _ntfs(self) -> None:
        _run("mkntfs", "-F", "-Q", "-c", str(UNIT), self.path)
        _run("ntfs-3g", "-o", "streams_interface=windows", self.path, self.point)

    def _ext4(self) -> None:
        _run("mkfs.ext4", "-q", "-F", "-b", str(UNIT), self.path)
        _run("mount", "-o", "loop", self.path, self.point)

    def _place(self, path: str) -> Path:
        return self.point / path.lstrip("/")

    def write(self, files: Mapping[str, bytes]) -> None:
        for path, content in files.items():
            place = self._place(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            self._append(place, content)

    def _append(self, place: Path, content: bytes) -> None:
        with place.open("ab") as handle:
            handle.write(content)
            handle.flush()
            if self.kind == "ext4":
                os.fsync(handle.fileno())

    def delete(self, *paths: str) -> None:
        for path in paths:
            self._place(path).unlink()

    def remove(self, path: str) -> None:
        shutil.rmtree(self._place(path))

    def fragmented(self, files: Mapping[str, bytes], pieces: int) -> None:
        for path, content in files.items():
            share = -(-len(content) // UNIT) // pieces * UNIT
            cuts = [number * share for number in range(pieces)] + [len(content)]
            for number in range(pieces):
                self._append(self._place(path), content[cuts[number] : cuts[number + 1]])
                self._append(self._place(f"/live {number} of {path.rpartition('/')[2]}"), os.urandom(UNIT))

    def braided(self, files: Mapping[str, bytes]) -> None:
        count = max(-(-len(content) // UNIT) for content in files.values())
        for number in range(count):
            for path, content in files.items():
                self._append(self._place(path), content[number * UNIT : (number + 1) * UNIT])

    def reformat(self) -> None:
        self.close()
        self._mount()

    def wait(self) -> None:
        if self.kind == "exFAT":
            time.sleep(2.1)

    def close(self) -> Path:
        subprocess.run(["sync"], check=True)
        _run("umount", self.point)
        if self._loop:
            _run("losetup", "-d", self._loop)
        for _ in range(200):
            found = subprocess.run(["pgrep", "-f", f"[n]tfs-3g.*{self.path}"], capture_output=True, check=False)
            if found.returncode:
                break
            time.sleep(0.05)
        return self.path


_MAKERS: Final[dict[str, Callable[[str, Path], Driver]]] = {
    **dict.fromkeys(("FAT12", "FAT16", "FAT32"), MtoolsDriver), **dict.fromkeys(("exFAT", "NTFS", "ext4"), MountDriver),
}  # fmt: skip
NEEDS: Final = {
    **dict.fromkeys(("FAT12", "FAT16", "FAT32"), ("mkfs.fat", "mcopy", "mdel", "mdeltree", "mmd")),
    "exFAT": ("mkfs.exfat", "mount.exfat-fuse", "losetup"), "NTFS": ("mkntfs", "ntfs-3g"),
    "ext4": ("mkfs.ext4", "mount"),
}  # fmt: skip


def missing(kind: str) -> list[str]:
    """Return what this machine lacks to write a kind of volume."""
    lacking = [name for name in NEEDS[kind] if shutil.which(name, path=PATH) is None]
    if not kind.startswith("FAT") and os.geteuid():
        lacking.append("root, to mount")
    if kind in ("exFAT", "NTFS") and not Path("/dev/fuse").exists():
        lacking.append("/dev/fuse")
    if kind in ("exFAT", "ext4") and not Path("/dev/loop-control").exists():
        lacking.append("/dev/loop-control")
    return lacking


def open_driver(kind: str, folder: Path) -> Driver:
    """Format a volume and return its driver."""
    folder.mkdir(parents=True, exist_ok=True)
    return _MAKERS[kind](kind, folder)
