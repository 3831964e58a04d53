"""E01 read + SHA-256 beside ewfverify and pyewf, in CPU seconds: run by hand, prints a table.

ewfverify always computes MD5, to compare it with the stored one; with ``-d sha256`` it computes SHA-256, too, and there
is no option to leave MD5 out. Ours is therefore timed twice: SHA-256 alone (what the aim names), and MD5 with SHA-256
(the same work). Every program is a fresh process, its start-up and imports included; each figure is the median of the
runs' user + system time. All digests must agree.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_MIB: Final = 1 << 20
_OURS: Final = """
import sys
from pathlib import Path
from pipeline.access.ewf import EwfImage, ewf_segments
from pipeline.access.hashing import digest_image
print(digest_image(EwfImage(ewf_segments(Path(sys.argv[1])))))
"""
_BOTH: Final = """
import hashlib, sys
from pathlib import Path
from pipeline.access.ewf import EwfImage, ewf_segments
md5, sha256 = hashlib.md5(), hashlib.sha256()
for block in EwfImage(ewf_segments(Path(sys.argv[1]))).blocks():
    md5.update(block)
    sha256.update(block)
print(md5.hexdigest(), sha256.hexdigest())
"""
_PYEWF: Final = """
import hashlib, sys, pyewf
handle = pyewf.handle()
handle.open(pyewf.glob(sys.argv[1]))
digest = hashlib.sha256()
while piece := handle.read(1 << 20):
    digest.update(piece)
print(digest.hexdigest())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Medians over a program's runs, in seconds."""

    cpu_s: float
    wall_s: float


def write_media(path: Path, size_mib: int) -> str:
    """Write a medium (half text-like, a quarter random, a quarter zeros) and return its SHA-256."""
    chance = random.Random(20260101)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randrange(2, 10))) for _ in range(4000)]
    pages = [b" ".join(chance.choices(words, k=200_000))[:_MIB] for _ in range(8)]
    digest = hashlib.sha256()
    with path.open("wb") as handle:
        for number in range(size_mib):
            page, turn = chance.choice(pages), chance.randrange(_MIB)
            kinds = (page[turn:] + page[:turn], chance.randbytes(_MIB), bytes(_MIB))
            block = kinds[(0, 0, 1, 2)[number % 4]]
            digest.update(block)
            handle.write(block)
    return digest.hexdigest()


def acquire(folder: Path, raw: Path, level: str) -> Path:
    """Acquire a medium with ewfacquire and return the first segment."""
    target = folder / f"bench-{level}"
    command = ["ewfacquire", "-u", "-q", "-c", level, "-f", "encase6", "-S", "1900MiB", "-t", str(target), str(raw)]
    subprocess.run(command, check=True, capture_output=True)
    return target.with_suffix(".E01")


def clock_runs(name: str, command: Sequence[str], *, runs: int, proof: str) -> Timing:
    """Run a program; its output must hold the right digest."""
    cpu, wall = [], []
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - started)
        cpu.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        if proof not in out:
            raise SystemExit(f"{name}: digest differs")
    return Timing(cpu_s=median(cpu), wall_s=median(wall))


def programs(image: Path, md5: str, sha256: str) -> list[tuple[str, list[str], str]]:
    """Return what is compared: name, command, the digest that its output must hold; the yardstick first."""
    python = [sys.executable, "-c"]
    return [
        ("ewfverify -d sha256 (MD5 + SHA-256)", ["ewfverify", "-q", "-d", "sha256", str(image)], sha256),
        ("ewfverify (MD5)", ["ewfverify", "-q", str(image)], md5),
        ("akashi, SHA-256", [*python, _OURS, str(image)], sha256),
        ("akashi, MD5 + SHA-256", [*python, _BOTH, str(image)], sha256),
        ("pyewf, SHA-256", [*python, _PYEWF, str(image)], sha256),
    ]


def compare(image: Path, md5: str, sha256: str, *, options: argparse.Namespace) -> None:
    """Print a row for each program as soon as it is measured."""
    stored = sum(segment.stat().st_size for segment in image.parent.glob("*.E??")) / _MIB
    print(f"{options.size_mib} MiB of media, {stored:.0f} MiB of E01 ({options.level}), medians of {options.runs}")
    print(f"{'':38}{'CPU s':>8}{'wall s':>8}{'ratio':>8}{'MiB/CPU s':>11}", flush=True)
    yardstick = 0.0
    for name, command, proof in programs(image, md5, sha256)[: -1 if options.without_pyewf else None]:
        timing = clock_runs(name, command, runs=options.runs, proof=proof)
        yardstick = yardstick or timing.cpu_s
        ratio, speed = timing.cpu_s / yardstick, options.size_mib / timing.cpu_s
        print(f"{name:38}{timing.cpu_s:8.2f}{timing.wall_s:8.2f}{ratio:8.2f}{speed:11.0f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mib", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--level", default="fast", choices=["none", "empty-block", "fast", "best"])
    parser.add_argument("--without-pyewf", action="store_true", help="leave the slow one out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        raw = Path(temporary) / "media.raw"
        sha256 = write_media(raw, options.size_mib)
        with raw.open("rb") as handle:
            md5 = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        image = acquire(Path(temporary), raw, options.level)
        raw.unlink()
        compare(image, md5, sha256, options=options)


if __name__ == "__main__":
    main()
