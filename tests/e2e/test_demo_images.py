"""The committed demo images: what they hold is what their truth says, and what a rebuild makes again."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pyevtx
import pytest

from pipeline.config import load_case
from tests.builders import demo, documents, images
from tests.builders.demo_laptop import Variant
from tests.builders.people import Resident
from tests.builders.reading import Listed, file_bytes, listing, media
from tests.builders.truth import Place, places_of, truth

ROOT = Path(__file__).parents[2]
CASES = ROOT / "cases"
DATA = ROOT / "tests" / "data"
IMAGES = {"USB-01": "usb.E01", "PC-01": "pc.E01", "SV-01": "sv.vmdk"}
CHROME = "/Users/kyufu/AppData/Local/Google/Chrome/User Data/Default"


@pytest.fixture(scope="module")
def people() -> list[Resident]:
    return demo.register()


def _image(case: str, exhibit: str) -> Path:
    return CASES / case / "images" / IMAGES[exhibit]


@pytest.mark.parametrize("case", demo.CASES)
def test_images_have_the_committed_digests(case: str) -> None:
    folder = CASES / case / "images"
    lines = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["pc.E01", "sv.vmdk", "usb.E01"]
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_all_images_together_are_under_ten_mebibytes() -> None:
    sizes = [path.stat().st_size for path in CASES.glob("demo-*/images/*")]
    assert len(sizes) == 8
    assert sum(sizes) < 10 << 20


@pytest.mark.parametrize("case", demo.CASES)
def test_acquisition_digest_is_that_of_the_medium(case: str) -> None:
    settings = load_case(CASES / case, ROOT / "rules")
    assert [exhibit.label for exhibit in settings.exhibits] == ["USB-01", "PC-01", "SV-01"]
    for exhibit in settings.exhibits:
        assert exhibit.md5 == hashlib.md5(media(exhibit.image)).hexdigest()


@pytest.mark.parametrize("case", demo.CASES)
def test_committed_register_is_the_generated_one(case: str, people: list[Resident]) -> None:
    assert (CASES / case / "registers" / "residents.csv").read_bytes() == documents.register_csv(people)


@pytest.mark.parametrize("case", demo.CASES)
def test_committed_truth_is_the_builders_truth(case: str) -> None:
    text = (demo.TRUTH / f"{case}.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(truth(case)))


@pytest.mark.parametrize("case", demo.CASES)
def test_rows_stand_in_the_media_where_the_truth_says(case: str, people: list[Resident]) -> None:
    held = {name: media(_image(case, name)) for name in IMAGES}
    plain = [place for place in places_of(case) if _is_plain(place)]
    assert len(plain) == (7 if case == "demo-clean" else 11)
    for place in plain:
        separator = "\t" if place.path.endswith(".xls") else ","
        rows = documents.register_csv(people[place.first : place.last], encoding=place.encoding, separator=separator)
        assert rows.split(b"\r\n", 1)[1] in held[place.exhibit], place.path


def _is_plain(place: Place) -> bool:
    return place.fields == "all" and place.whole and "!" not in place.path and not place.path.endswith(".xlsx")


def test_clean_laptop_holds_no_citizen_code_of_the_register(people: list[Resident]) -> None:
    data = media(_image("demo-clean", "PC-01"))
    packed = data.replace(b"\0", b"")
    codes = {person.citizen_code for person in people} | {person.my_number for person in people}
    runs = {found.group(1).decode() for found in re.finditer(rb"(?=(52\d{8}(?:\d\d)?))", packed)}
    assert all(code.startswith("52") for code in codes)
    assert not runs & codes
    assert not {run[:10] for run in runs} & codes


@pytest.mark.parametrize("case", demo.CASES)
def test_event_logs_are_unbroken_over_the_loss_window(case: str, tmp_path: Path) -> None:
    data = media(_image(case, "PC-01"))
    for name in ("System", "Security", "Microsoft-Windows-Partition%4Diagnostic"):
        path = tmp_path / "log.evtx"
        path.write_bytes(file_bytes(data, f"/Windows/System32/winevt/Logs/{name}.evtx"))
        numbers, times = _records(path)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert times[0] < "2022-06-21T13:30" < "2022-06-24T02:40" < times[-1]


def _records(path: Path) -> tuple[list[int], list[str]]:
    log = pyevtx.file()
    log.open(str(path))
    assert not log.is_corrupted()
    numbers, times = [], []
    for position in range(log.number_of_records):
        record = log.get_record(position)
        assert record.xml_string.startswith("<Event ")
        numbers.append(record.identifier)
        times.append(record.written_time.isoformat())
    log.close()
    return numbers, times


def test_variant_without_history_lacks_only_chromes_files() -> None:
    whole = _paths(listing(media(_image("demo-clean", "PC-01"))))
    less = _paths(listing(media(DATA / "PC-01-no-history.E01")))
    assert whole - less == {f"{CHROME}/History", f"{CHROME}/Preferences"}
    assert not less - whole


def test_variant_with_cleared_logs_begins_inside_the_window(tmp_path: Path) -> None:
    data = media(DATA / "PC-01-log-cleared.E01")
    for name, number in (("System", 104), ("Security", 1102)):
        path = tmp_path / f"{name}.evtx"
        path.write_bytes(file_bytes(data, f"/Windows/System32/winevt/Logs/{name}.evtx"))
        log = pyevtx.file()
        log.open(str(path))
        first = log.get_record(0)
        assert (first.identifier, first.event_identifier) == (1, number)
        assert first.written_time.isoformat() == "2022-06-23T23:15:00"
        log.close()


def _paths(rows: list[Listed]) -> set[str]:
    return {row.path for row in rows if row.allocated}


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("case", demo.CASES)
def test_rebuild_has_the_same_contents(case: str, tmp_path: Path) -> None:
    missing = images.missing_tools()
    if missing:
        pytest.skip(f"cannot rebuild the demo images: missing {', '.join(missing)}")
    demo.build_case(case, tmp_path)
    for exhibit in ("USB-01", "SV-01"):
        made = media(tmp_path / case / "images" / IMAGES[exhibit])
        assert hashlib.sha256(made).digest() == hashlib.sha256(media(_image(case, exhibit))).digest()
    made = media(tmp_path / case / "images" / IMAGES["PC-01"])
    assert listing(made) == listing(media(_image(case, "PC-01")))
    shutil.rmtree(tmp_path / case)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("variant", [Variant.NO_HISTORY, Variant.LOG_CLEARED])
def test_rebuilt_variant_has_the_same_contents(variant: Variant, tmp_path: Path) -> None:
    missing = images.missing_tools()
    if missing:
        pytest.skip(f"cannot rebuild the variant: missing {', '.join(missing)}")
    target = tmp_path / "variant.E01"
    demo.build_variant("demo-clean", variant, target)
    assert listing(media(target)) == listing(media(DATA / f"PC-01-{variant.value}.E01"))
