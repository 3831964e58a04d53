"""What the carvers of remnants find where there is nothing, what they cost, and what they find of real files cut off.

``python -m tests.benchmarks.bench_remnants [MIB] [FOLDER]``: noise, then programs of FOLDER (default /usr/lib), both of
MIB (default 64) mebibytes; then the field's own files in noise, whole and cut to a part, where they are at hand.
"""

from __future__ import annotations

import lzma
import random
import sys
import time
from collections import Counter
from pathlib import Path

from pipeline.carvers import CARVERS, Engine, Found, Space, literals, outermost
from pipeline.detectors.literals import Literals
from tests.contract.test_carvers import Bytes
from tests.real_data import ROOT

OWN = frozenset(
    {"evtx", "evtx-chunk", "hbin", "lnk", "mail", "mbox", "mft-records", "prefetch", "pst", "recycled", "regf",
     "registry-cells", "sqlite-journal", "sqlite-page", "sqlite-wal", "text", "usn"}
)  # fmt: skip
REAL = (
    ("evtx", "EVTX-ATTACK-SAMPLES/Defense Evasion/DE_1102_security_log_cleared.evtx"),
    ("evtx", "plaso/test_data/evtx/System2.evtx"), ("regf", "plaso/test_data/NTUSER-CCLEANER.DAT"),
    ("regf", "plaso/test_data/regf/SAM"), ("regf", "regipy/regipy_tests/data/NTUSER_BAGMRU.DAT.xz"),
    ("prefetch", "plaso/test_data/winprefetch/PING.EXE-B29F6629.pf"),
    ("prefetch", "plaso/test_data/winprefetch/TASKHOST.EXE-3AE259FC.pf"),
    ("prefetch", "Prefetch/Prefetch.Test/TestFiles/Win10/DCODEDCODEDCODEDCODEDCODEDCOD-E65B9FE8.pf"),
    ("usn", "dfir_ntfs/test_data/usnjrnlj.bin"), ("mft-records", "dfir_ntfs/test_data/deleted.mft"),
    ("sqlite-page", "plaso/test_data/chrome/History"),
)  # fmt: skip


def carve(data: bytes) -> tuple[list[Found], float]:
    own = tuple(carver for carver in CARVERS if carver.name in OWN)
    engine, space = Engine(own, Literals(literals(own))), Space.whole(Bytes(data), 4096)
    started = time.process_time()
    found = [one for one in engine.carve(space, 0, len(data)) if isinstance(one, Found)]
    kept = outermost([(one.runs, one.carved.complete, one.carver) for one in found])
    return [found[index] for index in kept], time.process_time() - started


def programs(folder: Path, size: int) -> bytes:
    out = bytearray()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and len(out) < size:
            out += path.read_bytes()
            out += bytes(-len(out) % 512)
    return bytes(out[:size])


def nothing(label: str, data: bytes) -> None:
    found, seconds = carve(data)
    share = len(data) / (1 << 30)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(Counter(one.carved.type for one in found).items()))
    print(f"{label}: {len(found) / share:.0f} objects and {seconds / share:.0f} s of CPU per GiB ({kinds or 'none'})")


def real() -> None:
    noise = random.Random(1).randbytes(1 << 16)
    print("part carved of a file that is whole, or cut off at a half, a quarter, at offsets 4096 and 4099 of noise")
    for kind, name in REAL:
        raw = (ROOT / name).read_bytes()
        raw = lzma.decompress(raw) if name.endswith(".xz") else raw
        raw = raw[4096:] if kind == "sqlite-page" else raw
        cells = []
        for place in (4096, 4099):
            for part in (1.0, 0.5, 0.25):
                end = int(len(raw) * part)
                found, _ = carve(noise[:place] + raw[:end] + noise)
                inside = [one.carved for one in found if one.carved.start < place + end]
                size = sum(min(one.start + one.length, place + end) - one.start for one in inside)
                cells.append(f"{100 * size / end:.0f} %{'' if all(one.complete for one in inside) else ' partial'}")
        print(f"{kind:12} {Path(name).name[:28]:28} " + " | ".join(cells))


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 64) << 20
    nothing("noise", random.Random(7).randbytes(size))
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "/usr/lib")
    nothing(str(folder), programs(folder, size))
    if ROOT.is_dir():
        real()


if __name__ == "__main__":
    main()
