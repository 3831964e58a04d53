"""A register as one CSV in a FAT32 image, from image to people: wall, CPU and memory. Run by hand.

``python -m tests.benchmarks.bench_register [--people 460517] [--encoding cp932] [--workers 2] [--keep FOLDER]``; needs
mkfs.fat and mcopy, and about 8 GB of disk for the whole register. The case runs as the command line runs it; CPU is
of all its processes, memory that of the largest of them, seconds of a stage are those of its log. The index of the
register is built first and counted apart; with ``--alone`` there is none.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.builders.people import generate

ROOT: Final = Path(__file__).parents[2]
HEADERS: Final = (
    "統一コード", "氏名", "氏名カナ", "生年月日", "郵便番号", "住所", "電話番号", "メールアドレス", "個人番号",
    "口座番号",
)  # fmt: skip


def write_register(path: Path, people: int, encoding: str, seed: int = 7) -> None:
    """Write the register: ten columns, no person real; what an encoding lacks becomes a question mark."""
    with path.open("w", encoding=encoding, errors="replace", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\r\n")
        rows.writerow(HEADERS)
        for one in generate(people, seed):
            rows.writerow(
                (
                    one.citizen_code, one.name, one.kana, one.birth_date, one.postal_code, one.address, one.phone,
                    one.email, one.my_number, one.account,
                )
            )  # fmt: skip


def make_image(folder: Path, register: Path) -> Path:
    """Return a FAT32 image that holds the register."""
    image = folder / "stick.img"
    size = max(register.stat().st_size * 5 // 4, 64 << 20)
    with image.open("wb") as stream:
        stream.truncate(size)
    subprocess.run(["mkfs.fat", "-F", "32", image], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", image, register, "::/register.csv"], check=True)
    return image


def make_case(folder: Path, image: Path, *, index: bool) -> Path:
    """Return a case of the image, with a place for the register's index."""
    case = folder / "case"
    measured("init", ["init", str(case)])
    text = (case / "case.toml").read_text(encoding="utf-8")
    exhibit = f'[[exhibit]]\nlabel = "E-01"\nrole = "recovered-media"\nimage = "{image}"\n\n'
    text = text.replace("[keys]", exhibit + "[keys]")
    if index:
        dataset = '[[dataset]]\nid = "residents"\ntitle = "residents"\nregister = "registers/residents.akr"\n\n'
        text = text.replace("[keys]", dataset + "[keys]")
    (case / "case.toml").write_text(text, encoding="utf-8")
    return case


def measured(name: str, arguments: Sequence[str]) -> float:
    """Run a command of the program; print and return what it took."""
    before = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = child.stderr.read() if child.stderr else b""
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - before
    code = os.waitstatus_to_exitcode(status)
    print(
        f"{name:10} {wall:7.1f} s wall {used.ru_utime + used.ru_stime:7.1f} s CPU {used.ru_maxrss >> 10:6d} MiB"
        f"{'' if code in {0, 3} else f'  exit code {code}: {said.decode()[-300:]}'}",
        flush=True,
    )
    return wall


def stages(log: Path) -> list[tuple[str, float]]:
    """Return the stages of a run and their seconds, as its log has them."""
    rows = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return [(row["stage"], row["seconds"]) for row in rows if "seconds" in row]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=460_517)
    parser.add_argument("--encoding", default="cp932")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--alone", action="store_true", help="without an index of the register")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        run(folder, options)


def run(folder: Path, options: argparse.Namespace) -> None:
    """Make the case, run it stage by stage and print what it found."""
    register = folder / "register.csv"
    if not register.exists():
        write_register(register, options.people, options.encoding)
    print(f"{options.people} people, {register.stat().st_size / 1e6:.1f} MB {options.encoding}")
    case = make_case(folder, make_image(folder, register), index=not options.alone)
    if not options.alone:
        index = ["register", "build", str(register), "--dataset", "residents", "--case", str(case)]
        measured("register", index)
    total = measured("people", ["run", str(case), "--stage", "people", "--workers", str(options.workers)])
    print(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages(case / "out" / "run.log")))
    print(f"{total:.1f} s from image to people")
    findings = pq.read_table(case / "out" / "tables" / "findings.parquet", columns=["kind", "person"])
    people = pq.read_table(case / "out" / "tables" / "people.parquet", columns=["basis"])
    print(
        f"{findings.num_rows} findings, {people.num_rows} people", *pc.value_counts(people.column("basis")).to_pylist()
    )


if __name__ == "__main__":
    main()
