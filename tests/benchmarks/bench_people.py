"""People counted from six sources with duplicates, a decoy city, and names with birth dates alone: run by hand.

``python -m tests.benchmarks.bench_people [--people 460517]`` makes the records of six sources as their values are
tagged, and counts them with the stage's own functions: a register, half of it as another list, a base by My Number,
transfers by account and kana, accounts, remnants by name and birth date. With ``--image`` the sources are files (CP932
CSV, XLSX, SQLite, Zengin, a ZIP in a mail, a deleted CSV without header) in two images and the whole program runs.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from pipeline.cli import main as akashi
from pipeline.register import Register, build_register
from pipeline.rules_values import canonical_many, canonical_tags
from pipeline.stages.people import people_batch
from pipeline.stages.people_columns import Detections
from pipeline.stages.people_links import owners_of
from tests.benchmarks.bench_register import measured
from tests.builders.documents import eml, xlsx, zip_cp932
from tests.builders.municipal import half_width, transfers
from tests.builders.people import HEADERS, Resident, generate

KEY: Final = b"k" * 32
FIELDS: Final = {
    "citizen-code": "citizen_code", "name": "name", "name-kana": "kana", "birth-date": "birth_date",
    "address": "address", "postal-code": "postal_code", "phone": "phone", "my-number": "my_number",
    "household-number": "household_number", "bank-account": "account",
}  # fmt: skip
TITLES: Final = {field: HEADERS[list(Resident.__dataclass_fields__).index(field)] for field in FIELDS.values()}
Source = tuple[Sequence[str], Sequence[Resident]]


def sources(people: Sequence[Resident]) -> dict[str, Source]:
    """Return the kinds of each source and whom it names."""
    return {
        "register.csv": (("citizen-code", "name", "name-kana", "birth-date", "postal-code", "address"), people),
        "list.xlsx": (("citizen-code", "name", "my-number", "phone"), people[::2]),
        "base.db": (("my-number", "name", "birth-date"), people[::4]),
        "transfers.txt": (("bank-account", "name-kana"), people[::3]),
        "mail.eml": (("citizen-code", "bank-account", "name-kana"), people[::3]),
        "deleted.csv": (("name", "birth-date", "address"), people[1::7]),
    }  # fmt: skip


def detections(found: Mapping[str, Source], key: bytes = KEY) -> Detections:
    """Return the records of sources as the stage reads them: each source a content, each second one on a PC."""
    kinds = sorted({kind for own, _ in found.values() for kind in own})
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    first = 0
    for number, (own, people) in enumerate(found.values()):
        for kind in own:
            values = canonical_many(kind, [getattr(one, FIELDS[kind]) for one in people])
            tags = np.frombuffer(canonical_tags(key, kind, values), ">u8").astype(np.uint64).reshape(-1, 2)
            parts["record"].append(np.arange(first, first + len(people), dtype=np.int32))
            parts["kind"].append(np.full(len(people), kinds.index(kind), np.int16))
            parts["exhibit"].append(np.full(len(people), number % 2, np.int32))
            parts["source"].append(np.full(len(people), 2 * number, np.int32))
            parts["high"].append(tags[:, 0])
            parts["low"].append(tags[:, 1])
        first += len(people)
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    alone = np.zeros(len(joined["record"]), dtype=bool)
    return Detections(kinds=kinds, exhibits=["PC-01", "USB-01"], records=first, alone=alone, **joined)


def judge(found: Mapping[str, Source], registers: Mapping[str, Register]) -> str:
    """Return people counted, people whose records are of several residents, and records of nobody."""
    rows = detections(found)
    owners = owners_of(rows, registers)
    truth = np.array([one.citizen_code for _, people in found.values() for one in people])
    known = owners.person >= 0
    who, resident = owners.person[known], np.unique(truth[known], return_inverse=True)[1]
    pairs = np.unique(np.stack([who, resident]), axis=1)
    wrong = int((np.bincount(pairs[0]) > 1).sum()) if pairs.size else 0
    split = int((np.bincount(pairs[1]) > 1).sum()) if pairs.size else 0
    batch = people_batch(rows, owners) if owners.people else None
    most = sum(batch.column("most").to_pylist()) if batch is not None else 0
    basis = Counter(basis.partition(":")[0] for basis, _ in (owners.reasons[n] for n in owners.reason[known]))
    return (
        f"{len(truth)} records, {len(owners.people)} people (at most {most}), wrong merges {wrong}, people in two "
        f"{split}, records of nobody {int((~known).sum())}; records by basis {dict(basis)}"
    )


def register_of(people: Sequence[Resident], folder: Path) -> Register:
    """Return the keyed index of a city's register."""
    path = folder / "register.csv"
    path.write_text(csv_of(tuple(FIELDS), people), "utf-8")
    build_register(path, "residents", KEY, folder / "register.akr")
    return Register.open(folder / "register.akr", KEY)


def csv_of(kinds: Sequence[str], people: Sequence[Resident], *, header: bool = True) -> str:
    """Return a source as CSV."""
    fields = [FIELDS[kind] for kind in kinds]
    lines = [",".join(TITLES[field] for field in fields)] if header else []
    lines += [",".join(getattr(one, field) for field in fields) for one in people]
    return "".join(f"{line}\r\n" for line in lines)


def in_memory(count: int, folder: Path) -> None:
    """Count the people of a city, of a decoy against its register, and of a list of names and birth dates."""
    began = time.process_time()

    def say(what: str, text: str) -> None:
        print(f"{what} ({time.process_time() - began:.0f} s CPU): {text}", flush=True)

    city = generate(count, 11)
    pairs = {(one.name, one.birth_date) for one in city}
    say("city", f"{count} people, {len(pairs)} pairs of name and birth date")
    found = sources(city)
    say("six sources, no register", judge(found, {}))
    registers = {"residents": register_of(city, folder)}
    say("six sources, register", judge(found, registers))
    say("name and birth date", judge({"list": (("name", "birth-date"), city)}, {}))
    decoy = sources(generate(count, 12))
    say("decoy city", judge(decoy, registers))


def files(people: Sequence[Resident], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the sources as files."""
    for name, (kinds, own) in sources(people).items():
        text = csv_of(kinds, own)
        path = folder / name
        if name.endswith(".xlsx"):
            yield name, xlsx([line.split(",") for line in text.splitlines()])
        elif name.endswith(".db"):
            with sqlite3.connect(path) as base:
                base.execute("create table juminkihon (kojin_bango text, shimei text, seinengappi text)")
                rows = ([getattr(one, FIELDS[kind]) for kind in kinds] for one in own)
                base.executemany("insert into juminkihon values (?,?,?)", rows)
            base.close()
            yield name, path.read_bytes()
        elif name == "transfers.txt":
            yield name, transfers(own)
        elif name == "mail.eml":
            rows = "統一コード,金融機関コード,支店コード,口座区分,口座番号,口座名義\r\n" + "".join(
                f"{one.citizen_code},{one.bank},{one.branch},1,{one.account},{half_width(one.kana)}\r\n" for one in own
            )
            packed = zip_cp932({"口座一覧.csv": rows.encode("cp932")})
            yield name, eml(sender="a@example.jp", to="b@example.jp", subject="口座", body="送付します。\n",
                            date="Mon, 20 Jun 2022 12:00:00 +0900", attachment=("口座.zip", packed))  # fmt: skip
        else:
            yield name, csv_of(kinds, own, header=name != "deleted.csv").encode("cp932", "replace")


def in_images(count: int, folder: Path) -> None:
    """Run the program over two images of the sources."""
    people = generate(count, 11)
    labels = {name: ("USB-01", "PC-01")[number % 2] for number, name in enumerate(sources(people))}
    made = dict(files(people, folder))
    for label in ("USB-01", "PC-01"):
        image = folder / f"{label}.img"
        with image.open("wb") as stream:
            stream.truncate(max(sum(map(len, made.values())) * 2, 64 << 20))
        subprocess.run(["mkfs.fat", "-F", "32", image], check=True, capture_output=True)
        for name, raw in made.items():
            if labels[name] == label:
                (folder / name).write_bytes(raw)
                subprocess.run(["mcopy", "-o", "-i", image, folder / name, "::/"], check=True)
        if labels["deleted.csv"] == label:
            subprocess.run(["mdel", "-i", image, "::/deleted.csv"], check=True)
    case = folder / "case"
    measured("init", ["init", str(case)])
    exhibits = "".join(
        f'[[exhibit]]\nlabel = "{label}"\nrole = "workstation"\nimage = "{folder / label}.img"\n\n'
        for label in ("USB-01", "PC-01")
    )
    settings = case / "case.toml"
    settings.write_text(settings.read_text("utf-8").replace("[keys]", exhibits + "[keys]"), "utf-8")
    code = akashi(["run", str(case), "--stage", "people", "--workers", "1"])
    found = pq.read_table(case / "out" / "tables" / "people.parquet", columns=["basis", "most"])
    basis = dict(Counter(found.column("basis").to_pylist()))
    print(f"exit code {code}; {count} people in {len(made)} files: {found.num_rows} counted, by {basis}")


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=460_517)
    parser.add_argument("--image", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        (in_images if options.image else in_memory)(options.people, Path(scratch))


if __name__ == "__main__":
    main()
