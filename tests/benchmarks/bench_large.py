"""Memory and time of listing a sparse tebibyte with two million files through the stage itself: run by hand.

``python -m tests.benchmarks.bench_large --files 2000000``; needs mkntfs and fls, and about 4 GB of disk. The units of
the ``entries`` stage run as in a case, in a jail, with both readers; their parts are written, merged and published.
Every process is measured by itself; ``fls`` stands beside.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.volumes import scan_volumes
from pipeline.config import load_case
from pipeline.flow import units
from pipeline.flow.order import stage_named
from pipeline.records import Evidence, Volume
from pipeline.stages.context import Context
from pipeline.store import PartWriter, Store
from tests.builders.large_ntfs import build_large

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "rules"
MARK: Final = "f" * 64


def make_case(folder: Path, image: Path) -> Path:
    """Return a case with the tables of the stages before: the image is not hashed, that would take an hour."""
    case = folder / "case"
    subprocess.run([sys.executable, "-m", "pipeline.cli", "init", str(case)], check=True, capture_output=True, cwd=ROOT)
    text = (case / "case.toml").read_text(encoding="utf-8")
    exhibit = f'[[exhibit]]\nlabel = "E-01"\nrole = "recovered-media"\nimage = "{image}"\n\n'
    (case / "case.toml").write_text(text.replace("[keys]", exhibit + "[keys]"), encoding="utf-8")
    store, medium = Store(case / "out"), open_image(image)
    volumes = [row for row in scan_volumes(medium, "E-01", FileSystemOptions()) if isinstance(row, Volume)]
    unknown = {name: None for name in Evidence.__dataclass_fields__ if name.startswith(("stored", "recorded", "acqu"))}
    evidence = Evidence(
        exhibit="E-01", role="", format="raw", size=medium.size, segments=1, md5="", sha1="", sha256="", merkle_root="",
        files_sha256="", verified=False, unreadable=0, cross_checked=0, serial=None, **unknown,  # type: ignore[arg-type]
    )  # fmt: skip
    for stage, rows in (("evidence", [evidence]), ("volumes", volumes)):
        store.begin(stage, MARK)
        writer = PartWriter(store.part(stage, MARK, "u"))
        writer.write(stage, rows)
        writer.commit()
        store.finish(stage, MARK, units=["u"], writes=stage_named(stage).writes)
    return case


def list_units(case: Path) -> None:
    """Run the units of the stage, and end their jail."""
    context = Context(load_case(case, RULES))
    context.store.begin("entries", MARK)
    for unit in stage_named("entries").units(context):
        units.run_unit(str(case), str(RULES), "entries", MARK, unit)
    units._jail(
        str(case), str(RULES), context.case.limits.item_memory + units._OWN_MEMORY, units.threading.get_ident()
    ).close()


def merge(case: Path) -> None:
    """Merge and publish the part."""
    context = Context(load_case(case, RULES))
    keys = [unit.key for unit in stage_named("entries").units(context)]
    context.store.finish("entries", MARK, units=keys, writes=stage_named("entries").writes)


def step(name: str, *arguments: str) -> tuple[float, float, int, int]:
    """Run one step as a process; return wall and CPU seconds, and peak MiB of it and of its children."""
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.benchmarks.bench_large", "--step", name, *arguments]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.split()
    return time.monotonic() - started, float(answer[-3]), int(answer[-2]), int(answer[-1])


def told() -> str:
    """Return CPU seconds of this process and its children, and peak MiB of it and of the largest child."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    return f"{seconds} {own.ru_maxrss >> 10} {children.ru_maxrss >> 10}"


def run(chosen: Any, folder: Path) -> None:
    """Build, list, merge, and print the table."""
    path = chosen.image or folder / "large.raw"
    if not path.exists():
        started = time.monotonic()
        build_large(path, chosen.files)
        print(f"built in {time.monotonic() - started:.0f} s, {path.stat().st_blocks >> 11} MiB on disk")
    case = make_case(folder, path)
    lines = ["| step | wall s | CPU s | peak MiB | peak MiB of its child |", "|---|---|---|---|---|"]
    for name in ("list", "merge"):
        wall, spent, own, child = step(name, "--case", str(case))
        lines.append(f"| {name} | {wall:.0f} | {spent:.1f} | {own} | {child} |")
    wall, spent, own, child = step("fls", "--image", str(path))
    lines.append(f"| `fls -r -m /` | {wall:.0f} | {spent:.1f} | | {child} |")
    print("\n".join(lines))
    print(f"{Store(case / 'out').table('entries', columns=['id']).num_rows} entries")


def main() -> None:
    """Measure, or run one step of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000_000)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--case", type=Path)
    parser.add_argument("--step", choices=("list", "merge", "fls"))
    chosen = parser.parse_args()
    if chosen.step is None:
        with tempfile.TemporaryDirectory() as folder:
            run(chosen, Path(folder))
        return
    if chosen.step == "fls":
        subprocess.run(["fls", "-r", "-m", "/", str(chosen.image)], check=True, stdout=subprocess.DEVNULL)
    else:
        {"list": list_units, "merge": merge}[chosen.step](chosen.case)
    print(told())


if __name__ == "__main__":
    main()
