"""CPU time of listing a large NTFS volume, beside ``fls`` and a minimal pytsk3 loop: run by hand, prints a table.

``python -m tests.benchmarks.bench_listing --files 30000``; needs mkntfs, ntfs-3g with /dev/fuse, and fls. Each figure
is the user and system time of a process, the median of ``--rounds``: once all of it, once without the start of the
interpreter and imports. A case ``in a jail`` is a fork of a warm process, as a run's jails are: all of the fork counts,
and in the first figure loading the warm process too, which a run does once. Akashi's listings are the columns that the
``entries`` stage writes, with runs and deleted files. ``--hash`` adds the cases that read and hash every live file.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytsk3

from pipeline.access.content import RunReadable
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.ntfs import open_ntfs
from pipeline.access.pages import Addresses, Page, entries_in
from pipeline.access.reconcile import list_batches
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.lean import keep_pandas_out
from pipeline.records import Diagnostic, FileEntry, Volume

ROOT: Final = Path(__file__).parents[2]
STEP: Final = 1 << 20
SIZES: Final = (0, 60, 300, 600, 2_000, 9_000, 30_000, 90_000, 250_000)
FLS: Final = "fls -r -m /"
LISTINGS: Final = (FLS, "pytsk3 list", "own list", "own + second list")
JAILED: Final = ("pytsk3 list in a jail", "own list in a jail", "own + second list in a jail")
HASHES: Final = ("pytsk3 list + SHA-256", "own list + SHA-256", "own + second list + SHA-256")


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


def run_own(path: Path, *, second: bool, hashed: bool) -> int:
    """List by the own reader alone, or by both as a case does; hash what is allocated."""
    image, options = open_image(path), FileSystemOptions()
    volume = volume_of(image)
    if second:
        batches: Any = list_batches(image, volume, options)
    else:
        pages = open_ntfs(open_volume(image, volume, options), volume, options).pages(Addresses())
        batches = (page.rows if isinstance(page, Page) else page for page in pages)
    if not hashed:
        return sum(batch.num_rows for batch in batches if not isinstance(batch, Diagnostic))
    return consume(image, open_file_system(image, volume, options), entries_in(batches))


def consume(image: Image, fs: FileSystem, rows: Any) -> int:
    """Hash every allocated file and stream but the bad-cluster list, which is as large as the volume and empty."""
    count = 0
    for row in rows:
        if isinstance(row, FileEntry):
            count += 1
            if row.origin == "allocated" and row.kind in {"file", "metadata"} and row.stream != "$Bad":
                digest(image, fs, row)
    return count


def run_pytsk3(path: Path, *, hashed: bool) -> int:
    """Walk the directories, take name and size, or hash every data attribute, with nothing else done."""
    fs = pytsk3.FS_Info(pytsk3.Img_Info(str(path)))
    stack, count = [int(fs.info.root_inum)], 0
    seen: set[int] = set()
    while stack:
        for file in fs.open_dir(inode=stack.pop()):
            meta = file.info.meta
            if file.info.name.name in {b".", b".."} or meta is None:
                continue
            count += 1
            _ = file.info.name.name, meta.size
            if int(meta.type) == int(pytsk3.TSK_FS_META_TYPE_DIR) and int(meta.addr) not in seen:
                seen.add(int(meta.addr))
                stack.append(int(meta.addr))
            elif hashed and int(meta.flags) & int(pytsk3.TSK_FS_META_FLAG_ALLOC):
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
    hashed = case in HASHES
    if case.startswith("pytsk3"):
        return run_pytsk3(path, hashed=hashed)
    return run_own(path, second="second" in case, hashed=hashed)


def measured(case: str, path: Path) -> tuple[float, float, int, int]:
    """Return CPU seconds of a fresh process, those without its start, rows, and peak MiB."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_listing", "--case", case, "--image", str(path)]
    if case == FLS:
        command = ["fls", "-r", "-m", "/", str(path)]
    with tempfile.TemporaryFile() as answer:
        child = subprocess.Popen(command, stdout=answer, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        answer.seek(0)
        text = answer.read()
    spent = usage.ru_utime + usage.ru_stime
    if case == FLS:
        return spent, spent, text.count(b"\n"), usage.ru_maxrss >> 10
    inside, rows = text.split()
    return spent, float(inside), int(rows), usage.ru_maxrss >> 10


def forked(case: str, path: Path) -> str:
    """Run a case in a fork of this process once it is warm, and return the fork's figures as text."""
    importlib.import_module("pipeline.flow.warm")
    gc.collect()
    gc.freeze()
    told, tells = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(tells, str(run_case(case, path)).encode())
        os._exit(0)
    rows = os.read(told, 20).decode()
    usage = os.wait4(pid, 0)[2]
    return f"{usage.ru_utime + usage.ru_stime} {rows}"


def child(case: str, path: Path) -> str:
    """Run a case and return its figures as text."""
    if not case.startswith("pytsk3"):
        volume_of(open_image(path))  # imports what opening imports lazily
    before = time.process_time()
    rows = run_case(case, path)
    return f"{time.process_time() - before} {rows}"


def table(path: Path, cases: Sequence[str], rounds: int) -> str:
    """Return the figures of all cases; the cases take turns."""
    lines = [
        "| case | CPU s | x fls | CPU s without start | x fls | rows | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    figures: dict[str, list[tuple[float, float, int, int]]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            figures[case].append(measured(case, path))
    least = statistics.median(one[0] for one in figures[FLS])
    for case, found in figures.items():
        whole, inside = (statistics.median(one[column] for one in found) for column in (0, 1))
        lines.append(
            f"| {case} | {whole:.2f} | {whole / least:.2f} | {inside:.2f} | {inside / least:.2f} | {found[0][2]} "
            f"| {max(one[3] for one in found)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Build the image and measure, or run one case of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hash", action="store_true")
    parser.add_argument("--case", choices=(*LISTINGS, *JAILED, *HASHES))
    parser.add_argument("--image", type=Path)
    chosen = parser.parse_args()
    if chosen.case:
        keep_pandas_out()  # as every worker does
        print((forked if chosen.case in JAILED else child)(chosen.case, chosen.image), flush=True)
        os._exit(0)  # without what libraries say at the end of a process whose objects are frozen
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.image or Path(folder) / "volume.raw"
        if not path.exists():
            build(path, chosen.files)
        print(table(path, (*LISTINGS, *JAILED, *(HASHES if chosen.hash else ())), chosen.rounds))


if __name__ == "__main__":
    main()
