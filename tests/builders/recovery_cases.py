"""The cases of NIST's test of deleted file recovery, DFR-01 to DFR-17, as steps for a driver.

Titles after *Deleted File Recovery Tool Testing Results* (J. Lyle, NIST). Contents are random and every name occurs
once in its case, so that what a tool brings back can be told by name and bytes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.builders.recovery import UNIT, Driver, MountDriver

__all__ = ["CASES", "Case", "Truth"]


@dataclass(slots=True)
class Truth:
    """What a case deleted, and what it left: contents by path."""

    gone: dict[str, bytes] = field(default_factory=dict)
    live: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A case: its title and its steps; ``only`` names the systems that can do it, where not all can."""

    title: str
    steps: Callable[[Driver, random.Random], Truth]
    only: frozenset[str] = frozenset()


def _frame(driver: Driver, chance: random.Random) -> None:
    """Lay live files before what is deleted."""
    driver.write({f"/frame/before {number}.dat": chance.randbytes(3 * UNIT) for number in range(3)})


def _one(driver: Driver, chance: random.Random) -> Truth:
    _frame(driver, chance)
    gone = {"/the only deleted file.dat": chance.randbytes(9 * UNIT + 700)}
    driver.write({**gone, "/a file after it.dat": chance.randbytes(UNIT)})
    driver.delete(*gone)
    return Truth(gone)


def _pieces(count: int) -> Callable[[Driver, random.Random], Truth]:
    def steps(driver: Driver, chance: random.Random) -> Truth:
        _frame(driver, chance)
        gone = {f"/a file of {count} fragments.dat": chance.randbytes(4 * count * UNIT + 55)}
        driver.fragmented(gone, count)
        driver.delete(*gone)
        return Truth(gone)

    return steps


NAMES: Final = (
    "住民票一覧_2022年度.csv", "申請書類の控え（写）.txt", "構成表_全世帯データ.xls", "Übersicht der Straßen.txt",
    "Список жителей района.csv", "주민등록표 사본.hwp", "قائمة السكان الكاملة.txt", "家族写真😀.jpg",
)  # fmt: skip


def _names(driver: Driver, chance: random.Random) -> Truth:
    names = NAMES if isinstance(driver, MountDriver) else NAMES[:3]  # mtools knows one code page
    gone = {f"/{name}": chance.randbytes(2 * UNIT + number) for number, name in enumerate(names)}
    driver.write({**gone, "/a file after them.dat": chance.randbytes(UNIT)})
    driver.delete(*gone)
    return Truth(gone)


def _several(driver: Driver, chance: random.Random) -> Truth:
    _frame(driver, chance)
    gone = {f"/fragmented file {number}.dat": chance.randbytes((6 + number) * UNIT + 9) for number in range(4)}
    driver.fragmented(gone, 3)
    driver.delete(*gone)
    return Truth(gone)


def _braid(driver: Driver, chance: random.Random) -> Truth:
    _frame(driver, chance)
    gone = {f"/braided file {number}.dat": chance.randbytes(4 * UNIT) for number in range(2)}
    driver.braided(gone)
    driver.delete(*gone)
    return Truth(gone)


def _large(driver: Driver, chance: random.Random) -> Truth:
    gone = {"/a large file.dat": chance.randbytes((4 << 20) + 321)}
    driver.write({**gone, "/a file after it.dat": chance.randbytes(UNIT)})
    driver.delete(*gone)
    return Truth(gone)


def _overwritten(count: int, each: int) -> Callable[[Driver, random.Random], Truth]:
    """Write files, delete them, and write others until at least some of their blocks are taken."""

    def steps(driver: Driver, chance: random.Random) -> Truth:
        gone = {f"/overwritten file {number}.dat": chance.randbytes(each * UNIT + 12) for number in range(count)}
        driver.write({**gone, "/a file after them.dat": chance.randbytes(UNIT)})
        driver.wait()
        driver.delete(*gone)
        driver.wait()
        if driver.kind == "FAT32":
            driver._rewind()  # type: ignore[attr-defined]
        driver.write({"/what overwrites.dat": chance.randbytes(each * UNIT * count // 2)})
        return Truth(gone)

    return steps


def _thousand(driver: Driver, chance: random.Random) -> Truth:
    gone = {
        f"/many/deleted file {number:04}.dat": chance.randbytes(chance.randrange(1, 2 * UNIT)) for number in range(1000)
    }
    driver.write(gone)
    driver.delete(*gone)
    return Truth(gone)


def _thousand_overwritten(driver: Driver, chance: random.Random) -> Truth:
    truth = _thousand(driver, chance)
    driver.wait()
    if driver.kind == "FAT32":
        driver._rewind()  # type: ignore[attr-defined]
    driver.write({f"/later/new file {number:03}.dat": chance.randbytes(UNIT + 1) for number in range(200)})
    return truth


def _folder(driver: Driver, chance: random.Random) -> Truth:
    gone = {f"/a folder/file in it {number}.dat": chance.randbytes(2 * UNIT + number) for number in range(5)}
    driver.write({**gone, "/a file after it.dat": chance.randbytes(UNIT)})
    driver.remove("/a folder")
    return Truth(gone)


def _folders(driver: Driver, chance: random.Random) -> Truth:
    gone: dict[str, bytes] = {}
    for number in range(24):
        above = "/".join(f"level {n} of {number % 4}" for n in range(number % 4 + 1))
        gone[f"/top {number % 4}/{above}/nested file {number}.dat"] = chance.randbytes(UNIT + number)
    driver.write(gone)
    for number in range(4):
        driver.remove(f"/top {number}")
    return Truth(gone)


def _random(driver: Driver, chance: random.Random) -> Truth:
    gone: dict[str, bytes] = {}
    live: dict[str, bytes] = {}
    for number in range(160):
        if live and chance.random() < 0.45:
            path = chance.choice(sorted(live))
            gone[path] = live.pop(path)
            driver.delete(path)
            continue
        path = f"/area {number % 3}/random file {number:03}.dat"
        live[path] = chance.randbytes(chance.randrange(1, 6 * UNIT))
        driver.write({path: live[path]})
        if driver.kind == "FAT32" and chance.random() < 0.5:
            driver._rewind()  # type: ignore[attr-defined]
    return Truth(gone, live)


def _formatted(driver: Driver, chance: random.Random) -> Truth:
    """Fill folders, one of them in many fragments, format the volume over and write a little to it."""
    gone: dict[str, bytes] = {}
    for number in range(300):
        path = f"/area {number % 3}/inner/a file of a long name, number {number:03}.dat"
        gone[path] = chance.randbytes(chance.randrange(1, UNIT))
        driver.write({path: gone[path]})
    driver.reformat()
    driver.write({"/new file.dat": chance.randbytes(UNIT)})
    return Truth(gone)


def _objects(driver: Driver, chance: random.Random) -> Truth:
    """Deleted: a file with an alternate stream, one of two hard links, an empty file."""
    assert isinstance(driver, MountDriver)
    kept, gone = chance.randbytes(3 * UNIT), {"/with a stream.txt": b"main", "/in a stream.txt": chance.randbytes(5000)}
    driver.write({"/kept link.dat": kept, "/with a stream.txt": b"main"})
    os.link(driver.point / "kept link.dat", driver.point / "deleted link.dat")
    if driver.kind == "NTFS":
        (driver.point / "with a stream.txt:in a stream.txt").write_bytes(gone["/in a stream.txt"])
    else:
        del gone["/in a stream.txt"]
    driver.delete("/with a stream.txt", "/deleted link.dat")
    return Truth({**gone, "/deleted link.dat": kept})


def _each(driver: Driver, chance: random.Random) -> Truth:
    live = {"/a file.dat": chance.randbytes(5000), "/an empty file.dat": b"", "/a folder/file in it.dat": b"x" * 600}
    driver.write(live)
    return Truth(live=live)


def _many(driver: Driver, chance: random.Random) -> Truth:
    live = {f"/many/live file {number:04}.dat": b"%d" % number for number in range(2000)}
    driver.write(live)
    return Truth(live=live)


def _deep(driver: Driver, chance: random.Random) -> Truth:
    live = {
        "/" + "/".join(f"level {number:02}" for number in range(deep)) + f"/at {deep}.dat": b"%d" % deep
        for deep in (5, 20, 24)
    }
    driver.write(live)
    return Truth(live=live)


LINKS: Final = frozenset({"NTFS", "ext4"})
CASES: Final = {
    "01": Case("one file, not fragmented", _one), "02": Case("one file, two fragments", _pieces(2)),
    "03": Case("one file, several fragments", _pieces(5)), "04": Case("names outside ASCII", _names),
    "05": Case("several fragmented files", _several), "05b": Case("two braided files", _braid),
    "06": Case("one large file", _large), "07": Case("one file, overwritten in part", _overwritten(1, 20)),
    "08": Case("several files, overwritten in part", _overwritten(6, 5)), "09": Case("1,000 files", _thousand),
    "10": Case("1,000 files, some overwritten", _thousand_overwritten), "11": Case("one folder", _folder),
    "12": Case("nested folders", _folders), "13": Case("random activity", _random),
    "13q": Case("formatted over", _formatted, frozenset({"FAT12", "FAT16", "FAT32", "exFAT"})),
    "14": Case("links and streams", _objects, LINKS), "15": Case("list one of each object", _each),
    "16": Case("list 2,000 files", _many), "17": Case("list deep paths", _deep),
}  # fmt: skip
