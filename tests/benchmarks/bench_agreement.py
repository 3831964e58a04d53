"""Our live listings beside The Sleuth Kit's own and dfVFS's: run by hand, prints a table of differences with reasons.

``python -m tests.benchmarks.bench_agreement IMAGE…`` (or ``--real`` for the folder of real test data). A difference
without a reason makes the script end with 1. Media in containers are laid out raw first: all three read the same bytes.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dfvfs.path import factory
from dfvfs.resolver import resolver

from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.volumes import scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Origin, Volume
from tests.builders.fat_image import ExfatImage, FatImage, VolumeImage
from tests.real_data import ROOT

OPTIONS: Final = FileSystemOptions()
KNOWN: Final = {"FAT12": "FAT", "FAT16": "FAT", "FAT32": "FAT", "exFAT": "FAT", "NTFS": "NTFS", "ext2": "EXT",
                "ext3": "EXT", "ext4": "EXT"}  # fmt: skip
VIRTUAL: Final = ("$OrphanFiles", "$MBR", "$FAT1", "$FAT2", "$ALLOC_BITMAP", "$UPCASE_TABLE", "$VOLUME_GUID")
SIZES: Final = {12: 900, 16: 4200, 32: 66_000}
NAMES: Final = (
    "住民票.CSV",
    "申請.TXT",
    "構成表_全世帯.xls",
    "転入届.DOC",
    "ーソ能.DAT",
    "名簿.CSV",
    "世帯一覧_2022.csv",
)
TRAILS: Final = frozenset(b"[\\]|")


@contextmanager
def raw_of(path: Path) -> Iterator[Path]:
    """Give a medium as a raw file, of the same name."""
    image = open_image(path)
    if image.format == "raw" and len(image.segments) == 1:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / path.name
        with raw.open("wb") as handle:
            for at in range(0, image.size, 1 << 20):
                handle.write(image.read(at, 1 << 20))
        yield raw.rename(raw.with_suffix(".raw"))


def ours(image: Image, volume: Volume) -> set[str]:
    """Return our live paths without streams, in lower case, without the root."""
    rows = open_file_system(image, volume, OPTIONS).entries()
    live = [row for row in rows if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED]
    return {_plain(row.path) for row in live if row.path not in {"/", ""}}


def _plain(path: str) -> str:
    return path.strip("/").replace("\u2215", "/").lower().encode("utf-8", "replace").decode()


def by_tsk(path: Path, volume: Volume) -> set[str]:
    """Return what ``fls -r -p -u`` lists, as it names it, without streams and the marks of links' targets."""
    command = ["fls", "-r", "-p", "-u", "-o", str(volume.start // 512), str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    names = (line.partition(b":\t")[2].decode("utf-8", "replace") for line in done.stdout.splitlines())
    return {_plain(name.split(" -> ")[0]) for name in names if name and not name.startswith("-/")}


def by_dfvfs(path: Path, volume: Volume) -> set[str]:
    """Return what the back end that dfVFS prefers for the file system lists."""
    spec = factory.Factory.NewPathSpec("OS", location=str(path))
    if volume.start:
        spec = factory.Factory.NewPathSpec(
            "DATA_RANGE", range_offset=volume.start, range_size=volume.length, parent=spec
        )
    separator = "/" if KNOWN[volume.file_system] == "EXT" else "\\"
    root = factory.Factory.NewPathSpec(KNOWN[volume.file_system], location=separator, parent=spec)
    stack, found = [(resolver.Resolver.OpenFileEntry(root), "")], set[str]()
    while stack:
        folder, above = stack.pop()
        for child in folder.sub_file_entries:
            place = f"{above}/{child.name}"
            if child.IsDirectory() and _plain(place) not in found:
                stack.append((child, place))
            found.add(_plain(place))
    return found


def reason(path: str, *, ours_only: bool, others: set[str], volume: Volume, tool: str) -> str:
    """Return why one of the listings lacks a path; empty where nothing explains it."""
    name = path.rpartition("/")[2]
    if not ours_only and (path.startswith(tuple(one.lower() for one in VIRTUAL)) or "(volume label entry)" in path):
        return "virtual entry of the tool"
    if not ours_only and (":" in name or name in {"", ".", ".."}):
        return "a stream, or a folder's own entry"
    if ours_only and name.startswith("$") and volume.file_system == "NTFS":
        return "structure that the tool lists otherwise"
    if ours_only and tool == "TSK" and volume.file_system.startswith("FAT"):
        if _dropped(path):
            return "cp932 trail byte: the tool drops it"
        if not name.isascii() and name == _printed_short(name):
            return "short name in cp932 and no long one: the tool drops it"
    if any(one.rpartition("/")[0] == path.rpartition("/")[0] and _like(one, path) for one in others):
        return "same entry, another spelling"
    return ""


def _printed_short(name: str) -> str:
    """Return a name as far as it fits a short one."""
    stem, _, tail = name.partition(".")
    fits = len(stem.encode("cp932", "replace")) <= 8 and len(tail.encode("cp932", "replace")) <= 3
    return name if fits else ""


def _dropped(path: str) -> bool:
    return any(len(raw := one.encode("cp932", "ignore")) == 2 and raw[1] in TRAILS for one in path)


def _like(one: str, other: str) -> bool:
    """Tell whether two names are one, of which a tool printed the bytes of cp932 that are no ASCII as ``^``."""
    return _printed(one) == _printed(other)


def _printed(name: str) -> str:
    return "".join("^" if byte >= 0x80 else chr(byte) for byte in name.encode("cp932", "replace")).lower()


def built(folder: Path) -> list[Path]:
    """Write FAT and exFAT volumes of Japanese names, live and deleted, and return their paths."""
    volumes: dict[str, VolumeImage] = {f"fat{bits}": FatImage(bits, clusters=size) for bits, size in SIZES.items()}
    volumes["exfat"] = ExfatImage(clusters=900)
    folder.mkdir(parents=True, exist_ok=True)
    for volume in volumes.values():
        volume.mkdir("/FOLDER")
        for number, name in enumerate(NAMES):
            volume.create(f"/FOLDER/{name}", b"x" * 100)
            volume.delete(volume.create(f"/deleted {number} {name}", b"y" * 700))
    for name, volume in volumes.items():
        (folder / f"{name}.raw").write_bytes(volume.image())
    return [folder / f"{name}.raw" for name in volumes]


def compared(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the table's lines of an image, and whether each is without an unexplained difference."""
    image = open_image(path)
    for volume in scan_volumes(image, "X", OPTIONS):
        if (
            not isinstance(volume, Volume)
            or volume.file_system not in KNOWN
            or volume.state != "open"
            or not volume.direct
        ):
            continue
        mine = ours(image, volume)
        for tool, listing in (("TSK", by_tsk), ("dfVFS", by_dfvfs)):
            try:
                theirs = listing(path, volume)
            except Exception as error:  # noqa: BLE001 - whatever the other tool raises is its answer
                yield (
                    f"| {path.name} | {volume.file_system} | {tool} | {len(mine)} | fails: {str(error)[:60]} | | | |",
                    True,
                )
                continue
            why: Counter[str] = Counter()
            for one in mine - theirs:
                why[reason(one, ours_only=True, others=theirs - mine, volume=volume, tool=tool)] += 1
            for one in theirs - mine:
                why[reason(one, ours_only=False, others=mine - theirs, volume=volume, tool=tool)] += 1
            left = why.pop("", 0)
            told = "; ".join(f"{text}: {count}" for text, count in sorted(why.items()))
            line = f"| {path.name} | {volume.file_system} | {tool} | {len(mine)} | {len(theirs)} | {len(mine & theirs)}"
            yield f"{line} | {told} | {left} |", not left


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--built", type=Path, help="write the builders' volumes into this folder, and compare them")
    chosen = parser.parse_args()
    images = [*chosen.images, *(built(chosen.built) if chosen.built else ())]
    if chosen.real:
        images += sorted(path for path in ROOT.rglob("*") if path.suffix in {".raw", ".dd", ".img", ".E01", ".qcow2"})
    print("| image | system | beside | ours | theirs | agree | explained | unexplained |")
    print("|---|---|---|---|---|---|---|---|")
    good = True
    for path in images:
        try:
            with raw_of(path) as raw:
                for line, fine in compared(raw):
                    print(line, flush=True)
                    good &= fine
        except UnreadableError:
            continue
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
