"""How often ordinary files are taken for encrypted ones, and encrypted ones for ordinary: ``bench_noise.py DIR…``.

Every file below the folders is judged as the examination judges it; ciphers by OpenSSL stand against them. Files with a
signature are not judged; ``--all`` judges them as if they had none, which is what raw space knows of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.access.noise import BLOCK, WINDOW, Noise, is_noise, noisy_windows
from pipeline.decoders import type_of

CIPHERS = ("-aes-128-cbc", "-aes-256-ctr", "-chacha20", "-camellia-256-cbc", "-aria-256-cbc")
SIZES = (BLOCK, 292 << 10, 1 << 20, 16 << 20)
MOST = 64 << 20


def files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(root) / name
                if path.is_file() and not path.is_symlink() and BLOCK <= path.stat().st_size <= MOST:
                    yield path


def judge(data: bytes) -> bool:
    noise = Noise()
    for at in range(0, len(data), 4 << 20):
        noise.feed(data[at : at + (4 << 20)])
    return noise.holds


def ordinary(folders: list[Path], everything: bool) -> None:
    total, judged, alarms, size, windows, noisy = 0, 0, Counter[str](), 0, 0, Counter[str]()
    started = time.process_time()
    for path in files(folders):
        data = path.read_bytes()
        kind = type_of(data[: 64 << 10], path.name)
        total += 1
        size += len(data)
        windows += len(data) // WINDOW
        noisy[kind] += sum(1 for _ in noisy_windows(data, 0)) if everything else 0
        if kind == "unknown" or everything:
            judged += 1
            if judge(data):
                alarms[f"{kind} {path.suffix}"] += 1
    seconds = time.process_time() - started
    print(
        f"{total} files, {size >> 20} MiB, {judged} judged in {seconds:.1f} s CPU; taken for encrypted: {dict(alarms)}"
    )
    if everything:
        print(f"{windows} windows of {WINDOW >> 10} KiB, taken for noise: {dict(noisy)}")


def encrypted(rounds: int) -> None:
    plain = b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[2].glob("pipeline/**/*.py")))
    plain *= -(-(16 << 20) // len(plain))
    openssl = shutil.which("openssl")
    for size in SIZES:
        found = 0
        for number in range(rounds):
            cipher = CIPHERS[number % len(CIPHERS)]
            key = os.urandom(16 if "128" in cipher else 32).hex()
            command = [str(openssl), "enc", cipher, "-nopad", "-K", key, "-iv", os.urandom(16).hex()]
            sealed = subprocess.run(command, input=plain[:size], capture_output=True, check=True).stdout
            found += judge(sealed)
        print(f"{size >> 10} KiB enciphered: {found} of {rounds} found")
    print(f"random bytes missed: {sum(not is_noise(os.urandom(WINDOW)) for _ in range(2000))} of 2000 windows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=50)
    given = parser.parse_args()
    ordinary(given.folders, given.all)
    encrypted(given.rounds)
