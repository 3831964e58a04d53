"""Prefetch files in noise: whole, cut off, packed."""

from __future__ import annotations

import random
import struct

import pytest

from pipeline.access.xpress import packed_length, unpack_huffman
from pipeline.carvers import Carved
from tests.contract.test_carvers import carved
from tests.real_data import real_path


def prefetch(version: int = 17, program: str = "AKASHI.EXE", *, names_fit: bool = True) -> bytes:
    """Return a file of one metrics entry, one chain, one name and one volume, as the sections' tables ask for."""
    head, entry, chain, volume = {17: (152, 20, 12, 40), 30: (304, 32, 8, 96)}[version]
    path, device = f"\\DEVICE\\V\\{program}\0".encode("utf-16-le"), "\\DEVICE\\V\0".encode("utf-16-le")
    chains = head + entry
    names = chains + chain
    volumes = names + len(path)
    size = volumes + volume + len(device)
    metric = bytearray(entry)
    struct.pack_into("<II", metric, entry - 12 if version == 17 else 12, 0 if names_fit else 999, len(path) // 2 - 1)
    table = struct.pack("<9I", head, 1, chains, 1, names, len(path), volumes, 1, volume + len(device))
    listed = path if names_fit else path.replace(b"A", b"B")
    body = struct.pack("<II", volume, len(device) // 2 - 1).ljust(volume, b"\0") + device
    start = struct.pack("<I4sII60sII", version, b"SCCA", 15, size, program.encode("utf-16-le"), 1, 0)
    return (start + table).ljust(head, b"\0") + bytes(metric) + bytes(chain) + listed + body


@pytest.mark.parametrize("version", [17, 30])
@pytest.mark.parametrize("place", [512, 777])
def test_whole_file_is_carved_with_its_program(version: int, place: int) -> None:
    noise, data = random.Random(version).randbytes(4096), prefetch(version)
    found = carved(noise[:place] + data + noise)
    assert found == [Carved(place, len(data), "prefetch", title="AKASHI.EXE")]


def test_file_cut_off_behind_its_names_is_partial() -> None:
    data = prefetch()
    (found,) = carved(data[:-20])
    assert (found.complete, found.title, found.length) == (False, "AKASHI.EXE", len(data) - 40 - 20)


def test_file_without_a_name_that_fits_is_none() -> None:
    assert carved(prefetch(names_fit=False)) == []


@pytest.mark.parametrize("bad", [b"\0", b"\xff"])
def test_damaged_section_tables_are_none(bad: bytes) -> None:
    data = prefetch()
    for place in (12, 84, 92, 100, 108, 112):
        assert carved(data[:place] + bad * 4 + data[place + 4 :]) == []


def test_rundll32_lies_in_the_fields_own_raw_image() -> None:
    raw = carved(real_path("bulk_extractor/src/tests/test_winprefetch.raw").read_bytes())
    (found,) = (item for item in raw if item.type == "prefetch")
    assert (found.start, found.type, found.title, found.length) == (3584, "prefetch", "RUNDLL32.EXE", 16584)


def test_real_files_of_three_versions_are_carved_to_their_end() -> None:
    noise = random.Random(3).randbytes(5000)
    for name, program in (
        ("plaso/test_data/winprefetch/TASKHOST.EXE-3AE259FC.pf", "TASKHOST.EXE"),
        ("plaso/test_data/winprefetch/PING.EXE-B29F6629.pf", "PING.EXE"),
        ("Prefetch/Prefetch.Test/TestFiles/Win10/DCODEDCODEDCODEDCODEDCODEDCOD-E65B9FE8.pf", "DCODE" * 5 + "DCOD"),
    ):
        data = real_path(name).read_bytes()
        assert carved(noise + data + noise) == [Carved(5000, len(data), "prefetch", title=program)]
        assert all(not item.complete for item in carved(data[: len(data) // 2]))


def test_packed_length_is_where_the_codes_end() -> None:
    data = real_path("Prefetch/Prefetch.Test/TestFiles/Win10/DCODEDCODEDCODEDCODEDCODEDCOD-E65B9FE8.pf").read_bytes()
    size = int.from_bytes(data[4:8], "little")
    assert packed_length(data[8:] + b"\xaa" * 100, size) == len(data) - 8
    assert unpack_huffman(random.Random(1).randbytes(4096), 65536) is None
    assert packed_length(random.Random(1).randbytes(4096), 65536) is None
