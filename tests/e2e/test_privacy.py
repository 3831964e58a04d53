"""No personal value of the demo register is anywhere under ``out/``, in logs or on the terminal."""

from __future__ import annotations

import csv
import io
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import hyperscan
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import NAMES, ROOT, Demo, akashi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

PERSONAL = ("氏名", "カナ", "生年月日", "個人番号", "電話", "口座", "メール", "統一コード", "宛名")
ENCODINGS = ("utf-8", "cp932", "euc_jp", "utf-16-le", "utf-16-be")


def values(name: str) -> set[str]:
    """Every personal value of a register in the forms it may take; addresses of a street alone are not a person."""
    text = (ROOT / "cases" / name / "registers/residents.csv").read_bytes().decode("cp932")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) > 500
    found: set[str] = set()
    for row in rows:
        for header, value in row.items():
            if value and len(value) >= 4 and any(word in header for word in PERSONAL):
                found |= {value, value.replace(" ", "").replace("　", ""), unicodedata.normalize("NFKC", value)}
    return {value for value in found if (len(value) >= 4 and not value.isascii()) or len(value) >= 7}


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what every file under ``out/`` says: tables column by column, other files as they are."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            for column in table.column_names:
                if pa.types.is_string(table.column(column).type):
                    yield f"{path.name}:{column}", "\n".join(v or "" for v in table.column(column).to_pylist()).encode()
        elif path.suffix == ".arrow":
            data = pa.ipc.open_file(path).read_all()
            for column in data.column_names:
                if pa.types.is_string(data.column(column).type):
                    yield f"{path.name}:{column}", "\n".join(v or "" for v in data.column(column).to_pylist()).encode()
        elif path.is_file():
            yield path.name, path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_no_value_of_the_register_is_under_out_or_on_the_terminal(demo: Demo, name: str) -> None:
    haystacks = [*texts(demo.case(name) / "out"), ("terminal", demo.printed.encode())]
    assert leaks(values(name), haystacks) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_value_would_be_seen(name: str) -> None:
    planted = min(values(name))
    for encoding in ENCODINGS:
        data = b"before " + planted.encode(encoding) + b" after"
        assert leaks(values(name), [("planted", data)])


@pytest.mark.parametrize("name", NAMES[:1])
def test_a_value_planted_under_out_fails_the_run_and_the_check(copied: Callable[[str], Path], name: str) -> None:
    folder = copied(name)
    planted = min(value for value in values(name) if "@" in value)
    with (folder / "out/run.log").open("a", encoding="utf-8") as log:
        log.write(f"{planted}\n")
    for command in ("run", "verify"):
        done = akashi(command, folder)
        assert done.returncode == 4, done.stderr
        assert "run.log (email)" in done.stdout + done.stderr
        assert planted not in done.stdout + done.stderr


def inside_a_digest(data: bytes, start: int, end: int, needle: bytes) -> bool:
    """Tell whether a run of digits is part of a longer hexadecimal number: a digest, not a value."""
    around = data[max(start - 1, 0) : start] + data[end : end + 1]
    return needle.isdigit() and any(byte in b"0123456789abcdef" for byte in around)


def leaks(personal: set[str], haystacks: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return where values stand in any encoding; by one multi-pattern pass, for there are many of both."""
    needles = sorted({form.encode(encoding, "ignore") for form in personal for encoding in ENCODINGS})
    needles = [needle for needle in needles if len(needle) >= 7]
    patterns = ["".join(f"\\x{byte:02x}" for byte in needle).encode() for needle in needles]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [0] * len(patterns)
    database.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), flags=flags)
    found: list[str] = []
    for place, data in haystacks:

        def note(
            number: int, start: int, end: int, flags: int, context: object, place: str = place, data: bytes = data
        ) -> None:
            if not inside_a_digest(data, end - len(needles[number]), end, needles[number]):
                found.append(f"{place} ends {end} pattern {zlib.crc32(needles[number]):08x}")

        if data:
            database.scan(data, match_event_handler=note)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_register_index_holds_no_value(demo: Demo, name: str) -> None:
    data = (demo.case(name) / "registers/residents.akr").read_bytes()
    assert leaks(values(name), [("index", data)]) == []
