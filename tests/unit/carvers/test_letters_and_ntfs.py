"""Letters, Outlook files, journal and MFT records, recycle bin notes in raw space."""

from __future__ import annotations

import random
import struct
import zlib
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from pipeline.carvers import Carved
from tests.builders.evtx import filetime
from tests.builders.mft import data as data_attribute
from tests.builders.mft import file_name, record, root, standard
from tests.contract.test_carvers import carved
from tests.real_data import real_path
from tests.unit.artefacts.test_usn import journal
from tests.unit.artefacts.test_usn import record as usn_record

NOISE = random.Random(13).randbytes(8184) + bytes(8)
WHEN = filetime(datetime(2022, 6, 22, 3, tzinfo=UTC))


def letter(*, parts: bool = True) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.jp", "b@example.jp", "名簿"
    message["Date"] = "Wed, 22 Jun 2022 12:00:00 +0900"
    message.set_content("本文です。\n" * 5)
    if parts:
        message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="x.bin")
    return message.as_bytes()


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("place", [512, 777])
def test_letter_is_carved_to_its_closing_boundary(place: int, ends: bytes) -> None:
    data = letter().replace(b"\n", ends)
    assert carved(NOISE[-place:] + data + b"other text" + NOISE) == [Carved(place, len(data), "mail")]


def test_letter_of_one_part_ends_with_its_text() -> None:
    data = letter(parts=False)
    assert carved(NOISE + data + NOISE[:0] + b"\0" + NOISE) == [Carved(8192, len(data), "mail")]


def test_letter_without_its_closing_boundary_is_partial() -> None:
    data = letter()[:-30]
    (found,) = carved(NOISE + data + b"\0")
    assert (found.type, found.complete, found.length) == ("mail", False, len(data))


def test_fields_alone_are_no_letter() -> None:
    assert carved(b"\0From: a\nTo: b\n\ntext\0") == []
    assert carved(b"\0text with From: a\nDate: x\nTo: b\n\ntext\0") == []


def test_mailbox_holds_all_its_letters() -> None:
    data = b"".join(b"From a@example.jp Wed Jun 22 12:00:00 2022\n" + letter() + b"\n" for _ in range(3))
    assert carved(NOISE + data + b"\0") == [Carved(8192, len(data), "mbox")]


def outlook(maps: int = 3) -> bytes:
    """Return header and allocation maps of a Unicode file, at their places ([MS-PST] 2.2.2.6, 2.2.2.7.2)."""
    size = 0x4400 + maps * 253952
    data = bytearray(size)
    data[:4], data[8:14] = b"!BDN", b"SM" + struct.pack("<HH", 23, 19)
    struct.pack_into("<Q", data, 184, size)
    data[512] = 0x80
    struct.pack_into("<I", data, 4, ~zlib.crc32(data[8:479], 0xFFFFFFFF) & 0xFFFFFFFF)
    for at in range(0x4400, size, 253952):
        data[at : at + 496] = b"\xff" * 496
        checksum = ~zlib.crc32(data[at : at + 496], 0xFFFFFFFF) & 0xFFFFFFFF
        struct.pack_into("<BBHI", data, at + 496, 0x84, 0x84, 0, checksum)
    return bytes(data)


def test_outlook_file_is_carved_to_its_stated_end() -> None:
    data = outlook()
    assert carved(NOISE + data + NOISE) == [Carved(8192, len(data), "pst")]


def test_outlook_file_that_breaks_off_ends_with_its_last_map() -> None:
    data = outlook()
    (found,) = carved(data[:300000] + NOISE * 60)
    assert (found.type, found.complete, found.length) == ("pst", False, 0x4400 + 2 * 253952)
    broken = bytearray(data)
    broken[30] ^= 1
    assert carved(bytes(broken)) == []


def test_journal_records_are_one_run_across_pages() -> None:
    data = journal(*[0x100] * 40, start=1 << 30).ljust(4096, b"\0") + journal(*[0x2] * 9, start=(1 << 30) + 4096)
    assert carved(NOISE + data + NOISE) == [Carved(8192, len(data), "usn")]
    assert carved(NOISE + data[72 * 5 : 72 * 9] + NOISE) == [Carved(8192, 72 * 4, "usn")]


def test_one_journal_record_is_too_little() -> None:
    assert carved(NOISE + usn_record(0) + NOISE) == []


def test_mft_record_gives_its_name_and_several_are_one_object() -> None:
    first = record(standard(), file_name("名簿.csv", 5), data_attribute(b"a,b"))
    assert carved(NOISE + first + NOISE) == [Carved(8192, 1024, "mft-records", title="名簿.csv")]
    assert carved(NOISE + root() + first + NOISE) == [Carved(8192, 2048, "mft-records")]
    torn = bytearray(first)
    torn[510] ^= 1
    assert carved(NOISE + bytes(torn) + NOISE) == []


@pytest.mark.parametrize("version", [1, 2])
def test_recycle_bin_note_gives_the_path(version: int) -> None:
    path = "C:\\Users\\a\\名簿.csv"
    text = path.encode("utf-16-le") + b"\0\0"
    data = struct.pack("<QQQ", version, 99, WHEN)
    data += struct.pack("<I", len(path) + 1) + text if version == 2 else text.ljust(520, b"\0")
    assert carved(NOISE + data + NOISE) == [Carved(8192, len(data), "recycled", title=path)]
    assert carved(NOISE + data[:16] + bytes(8) + data[24:] + NOISE) == []


def test_real_records_are_carved() -> None:
    data = real_path("dfir_ntfs/test_data/usnjrnlj.bin").read_bytes()
    assert carved(NOISE + data + NOISE) == [Carved(8192, len(data), "usn")]
    table = real_path("dfir_ntfs/test_data/deleted.mft").read_bytes()
    assert [(item.start, item.length) for item in carved(table)] == [(0, 16384), (24576, 25600)]
    (note,) = carved(NOISE + real_path("plaso/test_data/recycler/$II3DF3L.zip").read_bytes() + NOISE)
    assert note.title == "C:\\Users\\nfury\\Documents\\Alloy Research\\StarFury.zip"
