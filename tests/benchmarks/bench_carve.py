"""Carving beside photorec and foremost on images with known contents: recall, partial and false objects, CPU seconds.

``python tests/benchmarks/bench_carve.py [--size-mib 256] [--seed 1] [--cluster 512]``; ``--carve IMAGE`` runs the
carving pass alone over an image. Objects come from Pillow, zipfile, gzip, sqlite3, ffmpeg, 7z and, where this machine
has them, from real files of it; they lie whole, in two pieces, overwritten at the tail, and at odd sectors.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

CLUSTER = 4096
REAL = (("jpg", 24), ("jpeg", 8), ("png", 24), ("gif", 16), ("pdf", 8), ("whl", 4), ("jar", 6), ("tiff", 4), ("zip", 4))
KNOWN = b"".join(b"%06d the quick brown fox jumps over the lazy dog, and so on\n" % number for number in range(60000))


@dataclass(frozen=True)
class Planted:
    """An object as it lies in the image: its bytes, how, and where its pieces are."""

    kind: str
    how: str
    data: bytes
    pieces: tuple[tuple[int, int], ...]


def made(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield objects that the tools of this project's tests write."""
    from tests.builders import documents
    from tests.builders.archives import rar4, rar5
    from tests.builders.people import generate
    from tests.builders.pictures import FORMS, picture
    from tests.unit.decoders import samples
    from tests.unit.decoders.compound import biff, compound

    chance = random.Random(seed)
    for number in range(6):
        for form in FORMS:
            yield (
                "jpeg" if FORMS[form]["format"] == "JPEG" else form.partition("-")[0],
                picture(chance.randrange(200, 1200), chance.randrange(150, 900), seed=seed * 100 + number, form=form),
            )
        rows = [person.cells() for person in generate(chance.randrange(40, 900), number)]
        yield "zip", documents.xlsx(rows)
        yield "zip", documents.docx([" ".join(row) for row in rows])
        yield "pdf", documents.pdf([" ".join(row) for row in rows[:60]])
        yield "gzip", gzip.compress("\n".join(",".join(row) for row in rows).encode("cp932", "replace"), mtime=0)
        members = {f"{item}.bin": chance.randbytes(chance.randrange(1, 40000)) for item in range(5)}
        yield "rar", (rar4 if number % 2 else rar5)(members)
        yield "zip", samples.zipped(members, seekable=bool(number % 2))
        yield (
            "ole2",
            compound({"Workbook": biff({1: "x" * 90}, "s"), "Data": chance.randbytes(chance.randrange(9000, 30000))}),
        )
        yield "rtf", b"{\\rtf1\\ansi " + b"{\\b word %d}\\par\n" % number * chance.randrange(200, 4000) + b"}"
        yield "sqlite", samples.sqlite(rows=chance.randrange(200, 4000))
    yield from _by_tools(chance)


def _by_tools(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("ffmpeg"):
            for name in ("a.mp4", "b.mov", "c.mp4"):
                source = f"testsrc=size=320x240:rate=10:duration={chance.randrange(2, 6)}"
                subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", name],
                               cwd=folder, check=True)  # fmt: skip
                yield "mp4", (Path(folder) / name).read_bytes()
        if shutil.which("7z"):
            for number in range(3):
                (Path(folder) / "x").write_bytes(chance.randbytes(20000) + KNOWN[: chance.randrange(90000)])
                subprocess.run(["7z", "a", f"{number}.7z", "x"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
                yield "7z", (Path(folder) / f"{number}.7z").read_bytes()


def found_here(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield real files of this machine."""
    names = {"jpg": "jpeg", "whl": "zip", "jar": "zip"}
    for suffix, most in REAL:
        paths = [path for root in ("/usr/share", "/usr/lib", sys.prefix) for path in Path(root).rglob(f"*.{suffix}")]
        usable = sorted({path for path in paths if path.is_file() and 2000 < path.stat().st_size < 3 << 20})
        for path in chance.sample(usable, min(most, len(usable))):
            yield names.get(suffix, suffix), path.read_bytes()


def noise(chance: random.Random, clusters: int) -> bytes:
    """Return whole clusters of random bytes, text or zeros."""
    size = clusters * CLUSTER
    start = chance.randrange(len(KNOWN) // 2)
    return (chance.randbytes(size), KNOWN[start : start + size].ljust(size, b"\n"), bytes(size))[chance.randrange(3)]


def build(path: Path, size: int, seed: int) -> list[Planted]:
    """Write an image and return what lies in it."""
    chance = random.Random(seed)
    objects = [*made(seed), *found_here(chance)]
    seen = set[bytes]()
    objects = [item for item in objects if len(item[1]) > 1000 and not (item[1] in seen or seen.add(item[1]))]
    chance.shuffle(objects)
    planted: list[Planted] = []
    spare = (size - sum(len(data) + CLUSTER for _, data in objects)) // CLUSTER // (len(objects) + 1)
    with path.open("wb") as out:
        for number, (kind, data) in enumerate(objects):
            out.write(noise(chance, max(spare // 2 + chance.randrange(max(spare // 2, 1)), 1)))
            how = ("whole", "whole", "pieces", "tail", "slack")[number % 5]
            how = "whole" if how in ("pieces", "tail") and len(data) < 4 * CLUSTER else how
            planted.append(_plant(out, chance, kind, how, data))
        out.write(noise(chance, max((size - out.tell()) // CLUSTER, 1)))
    return planted


def _plant(out: io.BufferedWriter, chance: random.Random, kind: str, how: str, data: bytes) -> Planted:
    last = (len(data) - 1) // CLUSTER
    if how == "pieces":
        cut = chance.randrange(1, last + 1) * CLUSTER
        start = out.tell()
        out.write(data[:cut])
        out.write(noise(chance, chance.randrange(1, 17)))
        second = out.tell()
        out.write(data[cut:] + bytes(-len(data) % CLUSTER))
        return Planted(kind, how, data, ((start, cut), (second, len(data) - cut)))
    if how == "slack":
        sector = chance.randrange(1, 8) * 512
        out.write(KNOWN[:sector])
    start = out.tell()
    if how == "tail":
        cut = chance.randrange(last // 2, last) * CLUSTER + CLUSTER
        out.write(data[:cut] + noise(chance, 4))
        return Planted(kind, how, data[:cut], ((start, cut),))
    out.write(data + bytes(-out.tell() - len(data) & CLUSTER - 1))
    return Planted(kind, how, data, ((start, len(data)),))


def carve_alone(image: Path, cluster: int, *, text: bool) -> None:
    """Print what the carving pass finds, a line each: runs, type, whether it is whole, SHA-256."""
    from pipeline.access.raw import RawImage, raw_segments
    from pipeline.carvers import CARVERS, Engine, Found, Space, outermost
    from pipeline.carvers.engine import literals
    from pipeline.detectors.literals import Literals

    medium = RawImage(raw_segments(image))
    carvers = tuple(carver for carver in CARVERS if text or carver.name != "text")
    engine = Engine(carvers, Literals(literals(carvers)))
    found = [one for one in engine.carve(Space.whole(medium, cluster), 0, medium.size) if isinstance(one, Found)]
    for index in outermost([(one.runs, one.carved.complete, one.carver) for one in found]):
        one = found[index]
        digest = hashlib.sha256()
        for start, length in one.runs:
            digest.update(medium.read(start, length))
        print(json.dumps([one.runs, one.carved.type, one.carved.complete, one.carved.note, digest.hexdigest()]))


def run(command: list[str], cwd: Path) -> tuple[float, str]:
    """Return a command's CPU seconds and output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and "photorec" not in command[0]:
        print(done.stderr[-2000:], file=sys.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def judge(planted: list[Planted], emitted: list[bytes]) -> dict[str, object]:
    """Return what a tool's objects are: exact by how they lay, parts of planted ones, inside planted ones, false."""
    exact, heads = {item.data: item for item in planted}, {item.data[:512]: item for item in planted}
    score: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    got, parts = set[bytes](), set[bytes]()
    for data in emitted:
        if data in exact:
            got.add(data)
        elif data[:512] in heads:
            parts.add(heads[data[:512]].data)
            score["altered" if not heads[data[:512]].data.startswith(data) else "shorter"] += 1
        elif any(data[:4096] in item.data for item in planted):
            score["inside"] += 1
        else:
            score["false"] += 1
    for item in planted:
        total = f"{item.how} of"
        score[total] += 1
        hit = item.data in got or (item.how == "tail" and item.data in parts)
        score[item.how] += hit
        if not hit:
            kinds[f"{item.how}:{item.kind}"] += 1
    return {**dict(sorted(score.items())), "missed": dict(sorted(kinds.items()))}


def main() -> None:
    """Build, run each tool, print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size-mib", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cluster", type=int, default=0)
    parser.add_argument("--carve", type=Path)
    parser.add_argument("--no-text", action="store_true", help="leave out runs of Japanese text")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.carve:
        carve_alone(options.carve, options.cluster, text=not options.no_text)
        return
    folder = options.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "image.raw"
    planted = build(image, options.size_mib << 20, options.seed)
    medium = image.read_bytes()
    print(
        f"{len(medium) >> 20} MiB, {len(planted)} objects:",
        dict(sorted(Counter(item.kind for item in planted).items())),
    )
    command = [sys.executable, str(Path(__file__).resolve()), "--carve", str(image), "--cluster", str(options.cluster)]
    command += ["--no-text"] if options.no_text else []
    seconds, text = run(command, ROOT)
    rows = [json.loads(line) for line in text.splitlines()]
    objects = [b"".join(medium[start : start + length] for start, length in row[0]) for row in rows]
    print(f"akashi    {seconds:7.2f} s", judge(planted, objects))
    whole = [data for row, data in zip(rows, objects, strict=True) if row[2]]
    print("   of these whole:   ", {k: v for k, v in judge(planted, whole).items() if k != "missed"})
    checked = [data for row, data in zip(rows, objects, strict=True) if row[2] and not row[3]]
    print("   of these checked: ", {k: v for k, v in judge(planted, checked).items() if k != "missed"})
    for name, line in (
        (
            "photorec",
            [
                "photorec",
                "/d",
                str(folder / "p"),
                "/cmd",
                str(image),
                "partition_none,fileopt,everything,enable,search",
            ],
        ),
        ("foremost", ["foremost", "-q", "-T", "-o", str(folder / "f"), "-i", str(image)]),
    ):
        if shutil.which(name) is None:
            print(f"{name}: not installed, left out")
            continue
        for old in folder.glob(f"{name[0]}*"):
            shutil.rmtree(old, ignore_errors=True)
        seconds, _ = run(line, folder)
        files = [path for place in folder.glob(f"{name[0]}*") for path in sorted(place.rglob("*")) if path.is_file()]
        outputs = [path.read_bytes() for path in files if path.name not in ("report.xml", "audit.txt")]
        print(f"{name:9} {seconds:7.2f} s", judge(planted, outputs))
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
