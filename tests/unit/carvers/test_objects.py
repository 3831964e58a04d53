"""Laws of carved objects: exact where whole, partial and said where not, nothing where it is not one."""

from __future__ import annotations

import random
import struct
import zipfile

import pytest

from pipeline.carvers import Carved
from tests.builders import documents
from tests.builders.pictures import picture
from tests.contract.test_carvers import carved
from tests.unit.decoders import samples
from tests.unit.decoders.samples import BASELINE, PROGRESSIVE, RESTARTS, SAMPLES, zipped

NOISE = random.Random(7).randbytes(1 << 18)
FILES = {f"{number}.bin": random.Random(number).randbytes(2000) + bytes(3000) for number in range(3)}


def lone(data: bytes) -> Carved:
    """Return the only object in data between noise, its start counted from the data's own."""
    (item,) = carved(NOISE[:4096] + data + NOISE[4096:])
    assert item.start == 4096
    return item


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE, RESTARTS], ids=["baseline", "progressive", "restarts"])
def test_jpeg_of_any_frame_ends_at_its_end_marker(data: bytes) -> None:
    assert lone(data) == Carved(4096, len(data), "jpeg")


@pytest.mark.parametrize("frame", [0xC1, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_jpeg_frames_of_every_process_are_taken(frame: int) -> None:
    data = BASELINE.replace(b"\xff\xc0", bytes((0xFF, frame)))
    note = "" if frame == 0xC1 else "not decoded: not a Huffman process"
    assert lone(data) == Carved(4096, len(data), "jpeg", note=note)


def test_jpeg_with_fill_bytes_before_a_marker_is_taken() -> None:
    data = BASELINE.replace(b"\xff\xc0", b"\xff\xff\xff\xc0")
    assert lone(data).length == len(data)


def test_jpeg_without_its_end_keeps_the_clusters_that_decode() -> None:
    data = picture(400, 300, seed=3)
    cut = len(data) // 1024 * 512
    for rest in (bytes(9000), b"", NOISE, b"plain words and more of them\n" * 400):
        (item,) = carved(NOISE[:512] + data[:cut] + rest)
        assert (item.start, item.complete) == (512, False)
        assert 0 <= cut - item.length < 1024
    assert carved(NOISE[:512] + BASELINE[:150]) == []


def test_png_is_exact_and_partial_behind_its_last_sound_chunk() -> None:
    data = samples.png()
    assert lone(data) == Carved(4096, len(data), "png")
    cut = lone(data[:-12])
    assert (cut.length, cut.complete) == (len(data) - 12, False)
    assert carved(data[:60] + b"\0" + data[61:]) == []


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_ends_at_its_record_and_says_what_was_not_checked(method: int, seekable: bool) -> None:
    data = zipped(FILES, method, seekable=seekable)
    checked = method == zipfile.ZIP_DEFLATED or (method == zipfile.ZIP_STORED and seekable)
    assert lone(data) == Carved(4096, len(data), "zip", note="" if checked else "3 of 3 members not checked")


def test_zip_ends_at_the_member_whose_checksum_fails() -> None:
    data = bytearray(zipped(FILES, zipfile.ZIP_STORED))
    third = data.rindex(b"PK\3\4")
    data[third + 200] ^= 1
    item = lone(bytes(data))
    assert (item.length, item.complete) == (third, False)
    assert "no directory" in item.note


def test_zip_cut_off_keeps_its_whole_members() -> None:
    data = zipped(FILES)
    third = data.rindex(b"PK\3\4")
    assert (lone(data[: third + 500]).length, lone(data[: third + 500]).complete) == (third, False)


def test_zip_inside_a_zip_belongs_to_it() -> None:
    data = zipped({"inner.zip": zipped(FILES), "b": b"x"}, zipfile.ZIP_STORED)
    assert lone(data) == Carved(4096, len(data), "zip")


def test_office_packages_and_cp932_archives_are_whole() -> None:
    for data in (SAMPLES["xlsx"], SAMPLES["docx"], documents.zip_cp932({"名簿.csv": b"x"})):
        assert lone(data) == Carved(4096, len(data), "zip")


def test_pdf_with_a_pdf_inside_is_one_object() -> None:
    inner = documents.pdf(["内側"])
    data = samples.pdf(attachment=inner)
    assert inner in data
    assert lone(data) == Carved(4096, len(data), "pdf")


def test_neighbouring_pdfs_are_two_objects() -> None:
    one = samples.pdf()
    assert [(item.start, item.length) for item in carved(one + one + NOISE)] == [(0, len(one)), (len(one), len(one))]


def test_updated_pdf_ends_at_its_last_update() -> None:
    one = samples.pdf()
    offset = len(one)
    update = b"9 0 obj\n<<>>\nendobj\n"
    table = b"xref\n9 1\n%010d 00000 n \n" % offset
    tail = b"trailer\n<</Size 10/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    data = one + update + table + tail % (one.rindex(b"xref\n0"), offset + len(update))
    assert lone(data) == Carved(4096, len(data), "pdf")


def test_pdf_that_must_be_repaired_is_partial_and_one_that_is_locked_is_whole() -> None:
    data = samples.pdf()
    at = data.rindex(b"startxref\n") + 10
    wrong = lone(data[:at] + b"999999\n%%EOF\n")
    assert (wrong.complete, wrong.note) == (False, "cross-reference damaged")
    assert lone(samples.locked_pdf()).complete


def test_sqlite_ends_with_its_last_page() -> None:
    data = samples.sqlite(rows=3000)
    assert lone(data) == Carved(4096, len(data), "sqlite")


@pytest.mark.parametrize("field", [28, 92])
def test_sqlite_without_a_valid_page_count_ends_with_the_last_tree_page(field: int) -> None:
    data = bytearray(samples.sqlite(rows=3000))
    struct.pack_into(">I", data, field, 0 if field == 28 else 77)
    item = lone(bytes(data))
    assert item.length == len(data)
    assert "page count not in the header" in item.note


def test_sqlite_whose_pages_are_not_its_own_is_partial() -> None:
    data = samples.sqlite(rows=3000)
    mixed = lone(data[:8192] + NOISE[: len(data) - 8192])
    assert (mixed.length, mixed.complete) == (len(data), False)
    cut = carved(data[:10000])
    assert [(item.length, item.complete) for item in cut] == [(8192, False)]
