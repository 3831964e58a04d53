"""CPU time of listing and hashing a large NTFS volume, beside minimal pytsk3 and ``fls``: run by hand, prints a table.

``python -m tests.benchmarks.bench_listing --files 30000``; needs mkntfs, ntfs-3g with /dev/fuse, and fls. Each figure
is the user and system time of a fresh process of its own, without its start and imports, the median of three.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytsk3

from pipeline.access.content import RunReadable
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.ntfs import open_ntfs
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.records import FileEntry, Volume

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = 3
STEP: Final = 1 << 20
SIZES: Final = (0, 60, 300, 600, 2_000, 9_000, 30_000, 90_000, 250_000)
CASES: Final = ("own list + SHA-256", "own + second list + SHA-256", "pytsk3 list + SHA-256", "fls -r -m /", "own list")


def build(path: Path, files: int) -> None:
    """Write an NTFS volume with ``files`` files in folders of 100, a tenth of as many again deleted."""
    with path.open("wb") as handle:
        handle.truncate(max(files * 80_000, 64 << 20))
    subprocess.run(["mkntfs", "-F", "-Q", "-c", "4096", str(path)], check=True, capture_output=True)
    point = path.with_suffix(".mount")
    point.mkdir()
    subprocess.run(["ntfs-3g", "-o", "streams_interface=windows", str(path), str(point)], check=True)
    try:
        fill(point, files)
    finally:
        subprocess.run(["umount", str(point)], check=True)


def fill(point: Path, files: int) -> None:
    """Create the files, reproducibly."""
    chance = random.Random(files)
    block = chance.randbytes(max(SIZES) + 4096)
    for number in range(files + files // 10):
        folder = point / f"area {number // 5000:02d}" / f"folder {number // 100:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        start = chance.randrange(4096)
        (folder / f"document number {number:06d}.dat").write_bytes(block[start : start + chance.choice(SIZES)])
    for number in range(0, files + files // 10, 11):
        (
            point / f"area {number // 5000:02d}" / f"folder {number // 100:04d}" / f"document number {number:06d}.dat"
        ).unlink()


def volume_of(image: Image) -> Volume:
    """Return the image's only volume."""
    return next(row for row in scan_volumes(image, "EX-01", FileSystemOptions()) if isinstance(row, Volume))


def digest(image: Image, fs: FileSystem, entry: FileEntry) -> bytes:
    """Hash an entry by its runs, or through its file system."""
    total, at = hashlib.sha256(), 0
    readable = RunReadable(image, entry) if entry.reader == "runs" else None
    while at < entry.size:
        piece = readable.read(at, STEP) if readable else fs.read(entry, at, STEP)
        if not piece:
            break
        total.update(piece)
        at += len(piece)
    return total.digest()


def run_own(path: Path, *, hashed: bool) -> int:
    """List by the own reader alone; hash what is allocated."""
    image = open_image(path)
    volume = volume_of(image)
    fs = open_ntfs(open_volume(image, volume, FileSystemOptions()), volume, FileSystemOptions())
    return consume(image, fs, fs.entries(), hashed=hashed)


def run_both(path: Path) -> int:
    """List by both readers as a case does; hash what is allocated."""
    image, options = open_image(path), FileSystemOptions()
    volume = volume_of(image)
    return consume(image, open_file_system(image, volume, options), list_volume(image, volume, options), hashed=True)


def consume(image: Image, fs: FileSystem, rows: Any, *, hashed: bool) -> int:
    """Hash every allocated file and stream but the bad-cluster list, which is as large as the volume and empty."""
    count = 0
    for row in rows:
        if isinstance(row, FileEntry):
            count += 1
            if hashed and row.origin == "allocated" and row.kind in {"file", "metadata"} and row.stream != "$Bad":
                digest(image, fs, row)
    return count


def run_pytsk3(path: Path) -> int:
    """Walk the directories and hash every data attribute, with nothing else done."""
    fs = pytsk3.FS_Info(pytsk3.Img_Info(str(path)))
    stack, count = [int(fs.info.root_inum)], 0
    seen: set[int] = set()
    while stack:
        for file in fs.open_dir(inode=stack.pop()):
            meta = file.info.meta
            if file.info.name.name in {b".", b".."} or meta is None:
                continue
            count += 1
            if int(meta.type) == int(pytsk3.TSK_FS_META_TYPE_DIR) and int(meta.addr) not in seen:
                seen.add(int(meta.addr))
                stack.append(int(meta.addr))
            elif int(meta.flags) & int(pytsk3.TSK_FS_META_FLAG_ALLOC):
                hash_pytsk3(file)
    return count


def hash_pytsk3(file: Any) -> None:
    """Hash a file's data attributes."""
    for attribute in file:
        if int(attribute.info.type) != 128 or attribute.info.name == b"$Bad":
            continue
        total, at, size = hashlib.sha256(), 0, int(attribute.info.size)
        while at < size:
            piece = file.read_random(at, min(STEP, size - at), attribute.info.type, attribute.info.id)
            if not piece:
                break
            total.update(piece)
            at += len(piece)


def run_case(case: str, path: Path) -> int:
    """Run one case in this process; return how many rows it listed."""
    if case == CASES[1]:
        return run_both(path)
    if case == CASES[2]:
        return run_pytsk3(path)
    if case == CASES[3]:
        return subprocess.run(["fls", "-r", "-m", "/", str(path)], check=True, capture_output=True).stdout.count(b"\n")
    return run_own(path, hashed=case == CASES[0])


def measured(case: str, path: Path) -> tuple[float, int, int]:
    """Return CPU seconds without the interpreter's start, rows, and peak MiB, of a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_listing", "--case", case, "--image", str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
    return float(answer[0]), int(answer[1]), int(answer[2])


def child(case: str, path: Path) -> str:
    """Run a case and return its figures as text."""
    volume_of(open_image(path))  # imports what opening imports lazily
    before = _spent()
    rows = run_case(case, path)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f"{_spent() - before} {rows} {peak // 1024}"


def _spent() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def table(path: Path) -> str:
    """Return the figures of all cases."""
    lines = ["| case | CPU s (median of 3) | rows | peak MiB |", "|---|---|---|---|"]
    rounds: dict[str, list[tuple[float, int, int]]] = {case: [] for case in CASES}
    for _ in range(ROUNDS):
        for case in CASES:
            rounds[case].append(measured(case, path))
    for case, figures in rounds.items():
        seconds = statistics.median(figure[0] for figure in figures)
        lines.append(f"| {case} | {seconds:.2f} | {figures[0][1]} | {max(figure[2] for figure in figures)} |")
    return "\n".join(lines)


def main() -> None:
    """Build the image and measure, or run one case of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--image", type=Path)
    chosen = parser.parse_args()
    if chosen.case:
        print(child(chosen.case, chosen.image))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.image or Path(folder) / "volume.raw"
        if not path.exists():
            build(path, chosen.files)
        print(table(path))


if __name__ == "__main__":
    main()
