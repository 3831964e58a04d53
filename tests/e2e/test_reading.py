"""What was found is read again as it was found, whatever the bytes around it leave open."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from pipeline.keys import open_keys
from pipeline.review.reading import Reader
from pipeline.rules_values import value_tag
from tests.builders.cases import make_case, rows_of, run_to

ROW = "氏名,クドウ ハナコ,昭和30年1月2日,女,世帯主,673-0854,兵庫県明石市東朝霧丘999番9号,078-999-0000,x@example.com\r\n"


@pytest.mark.parametrize("torn", [b"\x1b(B,673", b"\x1b$B@$BS<g", b"\x1b(B,078"])
def test_a_torn_escape_sequence_leaves_no_finding_unreadable(tmp_path: Path, torn: bytes) -> None:
    line = ROW.encode("iso2022_jp")
    assert torn in line
    body = bytes(4096) + line.replace(torn, torn[:1] + b"\x05\x00" + torn[3:]) * 2 + bytes(8192)
    (tmp_path / "image.raw").write_bytes(body.ljust(1 << 16, b"\0"))
    case = make_case(tmp_path, "image.raw")
    run_to(case, "people")
    found, key = rows_of(case, "findings"), open_keys(case.keys_directory).tag_key
    assert {"email", "postal-code"} <= {row.kind for row in found}
    reader = Reader(case)
    assert [row.kind for row in found if value_tag(key, row.kind, reader.value(row)) != row.value_tag] == []


def test_a_bare_zlib_stream_in_raw_space_is_opened_and_read_again(tmp_path: Path) -> None:
    packed = zlib.compress(ROW.encode("cp932") * 5)
    noise = random.Random(5).randbytes(200_000)
    (tmp_path / "image.raw").write_bytes((noise[:70_001] + packed + noise[70_001:]).ljust(1 << 18, b"\0"))
    case = make_case(tmp_path, "image.raw")
    run_to(case, "people")
    found, key = rows_of(case, "findings"), open_keys(case.keys_directory).tag_key
    assert {"email", "postal-code", "address"} <= {row.kind for row in found}
    assert [(row.type, row.size) for row in rows_of(case, "files") if row.origin == "carved"] == [("zlib", len(packed))]
    reader = Reader(case)
    assert all(value_tag(key, row.kind, reader.value(row)) == row.value_tag for row in found)
