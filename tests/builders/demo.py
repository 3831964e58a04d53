"""Builds the demo cases from nothing: ``python -m tests.builders.demo --out DIR [--case demo-leak] [--variants DIR]``.

Needs the programs of ``images.TOOLS``. A rebuild has the same contents, names and times; container headers (the hour
of acquisition) and identifiers that formatting tools choose at random differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.builders import documents, images
from tests.builders.demo_laptop import Variant, laptop_disk
from tests.builders.demo_server import server_disk
from tests.builders.demo_stick import SERIALS, stick_disk
from tests.builders.people import Resident, generate
from tests.builders.truth import truth

__all__ = ["CASES", "DECOY_SEED", "REGISTER_SEED", "build_case", "build_variant", "main", "register"]

CASES: Final = tuple(sorted(SERIALS))
RESIDENTS: Final = 1200
REGISTER_SEED: Final = 2022
DECOY_SEED: Final = 4711
TRUTH: Final = Path(__file__).parent / "truth"
TITLES: Final = {
    "demo-clean": "USBメモリー紛失事案（漏えいの痕跡なし）",
    "demo-leak": "USBメモリー紛失事案（漏えいあり）",
}

CASE_TOML: Final = """# A synthetic case: no person, number or account in it exists. Built by tests/builders/demo.py.
[case]
id = "{case}"
title = "{title}"
timezone = "Asia/Tokyo"
language = "ja"

[incident]
lost_from = 2022-06-21T22:30:00+09:00
recovered_at = 2022-06-24T11:40:00+09:00
discovered_at = 2022-06-22T15:45:00+09:00
regime = "administrative-body"
{exhibits}
[[dataset]]
id = "resident-register"
title = "住民基本台帳"
register = "registers/residents.akr"

[keys]
directory = "secrets"
"""
EXHIBIT_TOML: Final = """
[[exhibit]]
label = "{label}"
role = "{role}"
image = "images/{image}"
md5 = "{md5}"
serial = "{serial}"
acquired = {{ by = "解析担当", at = 2022-06-25T10:00:00+09:00, \
tool = "{tool}", witness = "立会人", seal = "封印-{label}" }}
custody = [ {{ at = 2022-06-24T12:00:00+09:00, from = "受託者", to = "調査委員会", note = "封印して受領" }} ]
authorised = [{authorised}]
"""
EXHIBITS: Final = (
    ("USB-01", "recovered-media", "usb.E01", "KYUFU0000001", "ewfacquire", '"resident-register"'),
    ("PC-01", "workstation", "pc.E01", "S0000000000000001", "ewfacquire", ""),
    ("SV-01", "server", "sv.vmdk", "kyufu-sv", "qemu-img", '"resident-register"'),
)


def register() -> list[Resident]:
    """Return the residents of the demo register."""
    return generate(RESIDENTS, REGISTER_SEED)


def build_case(case: str, folder: Path) -> None:
    """Build one case below ``folder``: case.toml, images with their digests, and the register in clear."""
    people, root = register(), folder / case
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        stick = stick_disk(case, scratch, people)
        disks = {
            "usb.E01": stick,
            "pc.E01": laptop_disk(case, scratch, people, stick),
            "sv.vmdk": server_disk(case, scratch, people),
        }
        for image, raw in disks.items():
            _contain(scratch, raw, root / "images" / image)
    digests = {image: hashlib.md5(raw).hexdigest() for image, raw in disks.items()}
    (root / "case.toml").write_text(_case_toml(case, digests), encoding="utf-8")
    (root / "registers").mkdir(exist_ok=True)
    (root / "registers" / "residents.csv").write_bytes(documents.register_csv(people))
    sums = [
        f"{hashlib.sha256((root / 'images' / image).read_bytes()).hexdigest()}  {image}\n" for image in sorted(disks)
    ]
    (root / "images" / "SHA256SUMS").write_text("".join(sums), encoding="ascii")


def build_variant(case: str, variant: Variant, target: Path) -> None:
    """Build one E01 of a case's laptop that differs by ``variant``."""
    people = register()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        stick = stick_disk(case, scratch, people)
        _contain(scratch, laptop_disk(case, scratch, people, stick, variant=variant), target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line asks for; 2 where a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.builders.demo", description="Build the demo cases.")
    parser.add_argument("--out", type=Path, required=True, help="folder to build the cases in")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case")
    parser.add_argument("--variants", type=Path, help="folder for the laptop variants of demo-clean")
    chosen = parser.parse_args(arguments)
    missing = images.missing_tools()
    if missing:
        print(f"cannot build: missing {', '.join(missing)}", file=sys.stderr)
        return 2
    for case in chosen.case or CASES:
        build_case(case, chosen.out)
        _write_truth(case)
    if chosen.variants:
        for variant in (Variant.NO_HISTORY, Variant.LOG_CLEARED):
            build_variant("demo-clean", variant, chosen.variants / f"PC-01-{variant.value}.E01")
    return 0


def _contain(scratch: Path, raw: bytes, target: Path) -> None:
    if target.suffix == ".vmdk":
        images.vmdk(scratch, raw, target)
    else:
        images.ewf(scratch, raw, target, evidence=target.stem, removable=target.stem == "usb")


def _case_toml(case: str, digests: dict[str, str]) -> str:
    exhibits = "".join(
        EXHIBIT_TOML.format(
            label=label, role=role, image=image, md5=digests[image], serial=serial, tool=tool, authorised=may
        )
        for label, role, image, serial, tool, may in EXHIBITS
    )
    return CASE_TOML.format(case=case, title=TITLES[case], exhibits=exhibits)


def _write_truth(case: str) -> None:
    TRUTH.mkdir(exist_ok=True)
    text = json.dumps(truth(case), ensure_ascii=False, indent=1, sort_keys=True)
    (TRUTH / f"{case}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
