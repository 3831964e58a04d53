"""Event logs, registry and shell links in raw space: whole, loose, cut off."""

from __future__ import annotations

import lzma
import random
import struct
from datetime import UTC, datetime

import olefile
import pytest

from pipeline.carvers import Carved
from tests.builders.evtx import Event, evtx
from tests.builders.regf import Key, hive, text
from tests.contract.test_carvers import carved
from tests.real_data import real_path

NOISE = random.Random(11).randbytes(70000)
WHEN = datetime(2022, 6, 22, 3, tzinfo=UTC)
LOG = "EVTX-ATTACK-SAMPLES/Defense Evasion/DE_1102_security_log_cleared.evtx"


def log(count: int) -> bytes:
    one = Event(time=WHEN, event_id=1102, provider="P", channel="Security", computer="PC", data=(("a", "値" * 99),))
    return evtx([one] * count)


def registry() -> bytes:
    root = Key("ROOT", WHEN)
    for number in range(40):
        root.child(f"Key{number:03}", WHEN, [text(f"Value{number}", f"値{number}" * 9)])
    return hive(root, name="x")


@pytest.mark.parametrize("place", [512, 777])
def test_log_is_carved_to_its_last_chunk(place: int) -> None:
    data = log(400)
    assert len(data) > 2 * 65536
    assert carved(NOISE[:place] + data + NOISE) == [Carved(place, len(data), "evtx")]


@pytest.mark.parametrize("place", [512, 777])
def test_loose_chunks_that_go_on_are_one_object(place: int) -> None:
    data = log(400)[4096:]
    assert carved(NOISE[:place] + data + NOISE) == [Carved(place, len(data), "evtx-chunk")]
    apart = data[65536:131072] + data[:65536]
    assert [item.length for item in carved(apart)] == [65536, 65536]


def test_chunk_that_breaks_off_ends_with_its_last_record() -> None:
    (found,) = carved(log(400)[4096:34096] + NOISE)
    assert (found.type, found.complete) == ("evtx-chunk", False)
    assert 29000 < found.length <= 30000
    assert carved(log(400)[4096:4700]) == []


def test_altered_record_breaks_a_chunk_off() -> None:
    data = bytearray(log(400)[4096 : 4096 + 65536])
    data[30000] ^= 1
    (found,) = carved(bytes(data))
    assert not found.complete


@pytest.mark.parametrize("place", [512, 777])
def test_hive_is_carved_to_its_last_bin(place: int) -> None:
    data = registry()
    assert carved(NOISE[:place] + data + NOISE) == [Carved(place, len(data), "regf")]


def test_bins_without_their_base_block() -> None:
    data = registry()[4096:]
    assert carved(NOISE[:3] + data + NOISE) == [Carved(3, len(data), "hbin")]


def test_cells_without_their_bin() -> None:
    data = registry()[4096:]
    first = data.index(b"\xff\xffnk", 600) - 2
    (found,) = carved(NOISE[:5] + data[first : first + 2500] + NOISE)
    assert (found.start, found.type, found.complete) == (5, "registry-cells", True)
    assert 2000 < found.length <= 2600


def test_key_whose_name_does_not_fit_its_cell_proves_nothing() -> None:
    cell = struct.pack("<i2sHQ", -96, b"nk", 0x20, 0x01D8000000000000).ljust(96, b"\0")
    assert carved(cell * 9) == []


def link(*, strings: bool = True) -> bytes:
    flags = 0x1 | (0x88 if strings else 0)
    head = struct.pack("<I", 76) + bytes.fromhex("0114020000000000c000000000000046") + struct.pack("<II", flags, 0x20)
    head += bytes(24) + struct.pack("<IIIH", 5, 0, 1, 0) + bytes(10)
    items = struct.pack("<H", 20) + b"\x1f" * 18 + struct.pack("<H", 0)
    body = struct.pack("<H", len(items)) + items
    name = "..\\名簿.csv"
    body += struct.pack("<H", len(name)) + name.encode("utf-16-le") if strings else b""
    return head + body + struct.pack("<II", 12, 0xA0000003) + bytes(4) + bytes(4)


@pytest.mark.parametrize("place", [512, 777])
def test_link_is_walked_to_its_terminal_block(place: int) -> None:
    data = link()
    assert carved(NOISE[:place] + data + NOISE) == [Carved(place, len(data), "lnk", title="..\\名簿.csv")]


def test_link_that_breaks_off_ends_with_its_item_list() -> None:
    (found,) = carved(link()[:-9] + NOISE)
    assert (found.complete, found.length) == (False, 76 + 2 + 22)
    assert carved(link()[:90] + NOISE) == []


def test_real_logs_and_hives_are_carved_whole_or_as_the_damage_allows() -> None:
    data = real_path(LOG).read_bytes()
    assert carved(NOISE + data + NOISE) == [Carved(70000, 4096 + 2 * 65536, "evtx")]
    for name, length in (("plaso/test_data/regf/SAM", 32768), ("plaso/test_data/NTUSER-CCLEANER.DAT", 442368)):
        assert carved(NOISE + real_path(name).read_bytes()) == [Carved(70000, length, "regf")]
    packed = real_path("regipy/regipy_tests/data/NTUSER_BAGMRU.DAT.xz").read_bytes()
    assert carved(lzma.decompress(packed)) == [Carved(0, 6488064, "regf")]


def test_links_of_a_real_jump_list_are_carved_to_their_end() -> None:
    path = real_path("plaso/test_data/automaticDestinations-ms/1b4dd67f29cb1962.automaticDestinations-ms")
    with olefile.OleFileIO(path) as container:
        links = [container.openstream(name).read() for name in container.listdir() if name != ["DestList"]]
    assert len(links) == 7
    for data in links:
        (found,) = carved(NOISE[:9] + data + NOISE)
        assert (found.start, found.length, found.complete) == (9, len(data), True)
        assert found.title.startswith("C:\\")
