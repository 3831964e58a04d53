"""Laws of an E01 image's structure: segments, tables, bad sectors; and of what is said when it is broken."""

from __future__ import annotations

import random
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.ewf import EwfImage
from pipeline.access.ewf_reference import ReferenceImage
from pipeline.access.ewf_segments import segment_name
from pipeline.access.ewf_tables import overflow
from pipeline.access.image import cross_check, open_image
from pipeline.errors import UnreadableError
from tests.builders.ewf import EwfShape, build_ewf, build_segments, section, write_segments

MEDIA = random.Random(7).randbytes(512 * 300) + bytes(512 * 300)
FOUR = EwfShape(segments=4, sectors_per_chunk=8)


def _four(folder: Path) -> list[Path]:
    return write_segments(folder, build_segments(MEDIA, FOUR))


@pytest.mark.parametrize("lower", [False, True])
def test_segments_are_found_in_order_and_in_either_case(tmp_path: Path, lower: bool) -> None:
    paths = _four(tmp_path)
    for path in paths if lower else ():
        path.rename(path.with_suffix(path.suffix.lower()))
    paths = [path.with_suffix(path.suffix.lower()) for path in paths] if lower else paths
    image = open_image(paths[0])
    assert image.segments == tuple(map(str, paths))
    assert image.read(0, len(MEDIA)) == MEDIA
    image.close()


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "E01"), (99, "E99"), (100, "EAA"), (125, "EAZ"), (126, "EBA"), (775, "EZZ"), (776, "FAA"), (14971, "ZZZ"),
     (14972, None)],
)  # fmt: skip
def test_segment_names_follow_the_specification(number: int, name: str | None) -> None:
    assert segment_name(Path("x.E01"), number) == (None if name is None else f"x.{name}")
    assert segment_name(Path("x.e01"), number) == (None if name is None else f"x.{name.lower()}")


def test_a_hundred_segments_are_one_medium(tmp_path: Path) -> None:
    segments = build_segments(MEDIA, EwfShape(segments=101, sectors_per_chunk=1))
    for number, data in enumerate(segments, 1):
        (tmp_path / str(segment_name(Path("a.E01"), number))).write_bytes(data)
    image = open_image(tmp_path / "a.E01")
    assert image.segments[-1].endswith("a.EAB")
    assert image.read(0, len(MEDIA)) == MEDIA
    image.close()


def test_a_later_segment_is_refused_and_the_first_named(tmp_path: Path) -> None:
    for number, path in enumerate(_four(tmp_path)[1:], 2):
        with pytest.raises(UnreadableError, match=rf"{path.name}: not the first .* number {number}; name a\.E01 in"):
            open_image(path)


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_missing_segment_is_named(tmp_path: Path, gone: int) -> None:
    paths = _four(tmp_path)
    paths[gone].unlink()
    with pytest.raises(UnreadableError, match=rf"{paths[gone].name}: segment is missing.*put all segments in one"):
        open_image(paths[0])


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_segment_cut_anywhere_is_named(tmp_path: Path, number: int) -> None:
    paths = _four(tmp_path)
    good = paths[number].read_bytes()
    for length in [*range(14, 200, 31), *range(200, len(good), 997), len(good) - 76, len(good) - 1]:
        paths[number].write_bytes(good[:length])
        with pytest.raises(UnreadableError, match=rf"{paths[number].name}: truncated at byte {length}.*copy the seg"):
            open_image(paths[0])


def test_an_empty_segment_is_named(tmp_path: Path) -> None:
    paths = _four(tmp_path)
    paths[2].write_bytes(b"")
    with pytest.raises(UnreadableError, match=r"a\.E03: the segment is empty; copy it again"):
        open_image(paths[0])
    paths[0].write_bytes(b"")
    with pytest.raises(UnreadableError, match=r"a\.E01: the image is empty; acquire it again"):
        open_image(paths[0])


@pytest.mark.parametrize("name", ["a.E01", "a.e01", "a.Ex01", "a.L01", "a.s01", "a.E02"])
def test_text_named_like_an_image_is_not_a_medium(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("segment copied as text\n" * 9)
    with pytest.raises(UnreadableError, match=rf"{name}: named like an E01 image but is none; name the right file"):
        open_image(tmp_path / name)


def test_a_segment_of_another_kind_or_number_is_named(tmp_path: Path) -> None:
    paths = _four(tmp_path)
    good = paths[1].read_bytes()
    paths[1].write_bytes(b"text" * 90)
    with pytest.raises(UnreadableError, match=r"a\.E02: not an E01 segment; put the right file in its place"):
        open_image(paths[0])
    paths[1].write_bytes(paths[2].read_bytes())
    with pytest.raises(UnreadableError, match=r"a\.E02: says it is segment 3, its name says 2; put the right file"):
        open_image(paths[0])
    other = build_segments(MEDIA, EwfShape(segments=4, sectors_per_chunk=8, identifier=b"another picture!"))
    paths[1].write_bytes(other[1])
    with pytest.raises(UnreadableError, match=r"a\.E02: is of another image than the first segment"):
        open_image(paths[0])
    paths[1].write_bytes(good)
    open_image(paths[0]).close()


@pytest.mark.parametrize(("kind", "at"), [("volume", 16), ("volume", 90), ("hash", 76), ("sectors", 3), ("table", 20)])
def test_damage_in_the_structure_is_named(tmp_path: Path, kind: str, at: int) -> None:
    data = bytearray(build_ewf(MEDIA))
    data[data.index(kind.encode() + b"\0") + at] ^= 4
    (path,) = write_segments(tmp_path, [bytes(data)])
    with pytest.raises(UnreadableError, match=r"a\.E01: .*fails its checksum; copy the segment again"):
        open_image(path)


def _damaged(data: bytes, *places: tuple[bytes, int]) -> bytes:
    """Flip a bit ``at`` bytes into the body of each section named."""
    out = bytearray(data)
    for kind, at in places:
        out[data.index(kind + b"\0") + 76 + at] ^= 1
    return bytes(out)


@pytest.mark.parametrize("places", [[(b"table", 0)], [(b"table", 8)], [(b"table", 24)], [(b"table", 30)],
                                    [(b"table2", 0)], [(b"table2", 25)]])  # fmt: skip
def test_a_damaged_table_is_replaced_by_its_double(tmp_path: Path, places: list[tuple[bytes, int]]) -> None:
    (path,) = write_segments(tmp_path, [_damaged(build_ewf(MEDIA), *places)])
    image = open_image(path)
    assert image.read(0, len(MEDIA)) == MEDIA
    image.close()


def test_two_damaged_tables_cost_their_own_chunks_only(tmp_path: Path) -> None:
    data = build_segments(MEDIA, EwfShape(sectors_per_chunk=8, tables=10))[0]
    (path,) = write_segments(tmp_path, [_damaged(data, (b"table", 24), (b"table2", 24))])
    image = open_image(path)
    with pytest.raises(UnreadableError, match=r"a\.E01: chunk table at byte \d+: its entries fail their checksum"):
        image.read(4096 * 9, 1)
    assert image.read(4096 * 10, len(MEDIA)) == MEDIA[4096 * 10 :]
    image.close()


def test_two_damaged_table_headers_leave_no_numbering(tmp_path: Path) -> None:
    (path,) = write_segments(tmp_path, [_damaged(build_ewf(MEDIA), (b"table", 0), (b"table2", 0))])
    with pytest.raises(UnreadableError, match=r"a\.E01: chunk table at byte \d+ is damaged and has no sound double"):
        open_image(path)


@pytest.mark.parametrize("compress", [True, False])
def test_a_damaged_chunk_is_named_and_costs_itself_only(tmp_path: Path, compress: bool) -> None:
    data = bytearray(build_segments(MEDIA, EwfShape(sectors_per_chunk=8, compress=compress))[0])
    data[data.index(b"sectors\0") + 76 + 100] ^= 1
    (path,) = write_segments(tmp_path, [bytes(data)])
    image = open_image(path)
    with pytest.raises(UnreadableError, match=r"a\.E01: the chunk of medium byte 0 is damaged"):
        image.read(5, 1)
    assert image.read(4096, len(MEDIA)) == MEDIA[4096:]
    image.close()


@pytest.mark.parametrize("sector", [512, 2048, 4096])
def test_bad_sectors_are_counted_in_the_sectors_of_the_medium(tmp_path: Path, sector: int) -> None:
    media = bytes(sector * 100)
    shape = EwfShape(sector=sector, sectors_per_chunk=8, errors=[(90, 50), (3, 2), (3, 2), (7, 0), (400, 9)])
    paths = write_segments(tmp_path, build_segments(media, shape))
    own, reference = open_image(paths[0]), ReferenceImage(paths)
    assert own.unreadable == ((3 * sector, 2 * sector), (90 * sector, 10 * sector))
    assert reference.unreadable == own.unreadable
    own.close()
    reference.close()


@pytest.mark.tools
def test_bad_sectors_are_those_that_ewfinfo_lists(tmp_path: Path, tools: Callable[..., None]) -> None:
    tools("ewfinfo")
    shape = EwfShape(sector=4096, sectors_per_chunk=8, errors=[(3, 2), (40, 16)])
    paths = write_segments(tmp_path, build_segments(bytes(4096 * 100), shape))
    listed = subprocess.run(["ewfinfo", "-e", str(paths[0])], check=True, capture_output=True, text=True).stdout
    assert "total number: 2" in listed
    assert "at sector(s): 3 - 4 number: 2" in listed
    assert "at sector(s): 40 - 55 number: 16" in listed
    image = open_image(paths[0])
    assert image.unreadable == ((3 * 4096, 2 * 4096), (40 * 4096, 16 * 4096))
    image.close()


def test_a_damaged_list_of_bad_sectors_is_an_error(tmp_path: Path) -> None:
    data = build_segments(MEDIA, EwfShape(errors=[(3, 2), (9, 1)]))[0]
    for at, text in ((0, "section 'error2' fails"), (521, "the list of bad sectors fails")):
        (path,) = write_segments(tmp_path, [_damaged(data, (b"error2", at))])
        with pytest.raises(UnreadableError, match=rf"a\.E01: {text} its checksum; copy the segment again"):
            open_image(path)


def test_offsets_run_into_bit_31_only_where_they_go_on(tmp_path: Path) -> None:
    top, plain = 0x80000000, 0x7FFF0000
    assert overflow([top | 100, top | 200, top | 300], 70000) == 3
    assert overflow([plain, plain + 0x8000, top, top + 0x8000], 70000) == 2
    assert overflow([top | plain, top | (plain + 0x8000), top + 0x8000], 70000) == 2
    assert overflow([top | 900, top | 100, top | 1000], 70000) == 3  # a fall far from the limit is damage
    assert overflow([plain, 5, plain + 9], 70000) == 3


def _over_two_gib(media: bytes, path: Path, *, compress_first: bool) -> None:
    """Write an image whose chunks cross byte 2^31 of its segment, as EnCase 6.7.1 does; the file has a hole."""
    pieces = [media[at : at + 32768] for at in range(0, len(media), 32768)]
    first = (1 << 31) - 2 * 32768
    head = build_ewf(media)
    head = head[: head.index(b"sectors\0")]
    places, stored, offset = [], [], first
    for piece in pieces:
        packed = compress_first and offset < 1 << 31
        chunk = zlib.compress(piece) if packed else piece + struct.pack("<I", zlib.adler32(piece))
        places.append(offset | (0x80000000 if packed else 0))
        stored.append(chunk)
        offset += len(chunk)
    entries = struct.pack(f"<{len(places)}I", *places)
    header = struct.pack("<I4xQ4x", len(places), 0)
    table = header + struct.pack("<I", zlib.adler32(header)) + entries + struct.pack("<I", zlib.adler32(entries))
    descriptor = struct.pack("<16sQQ40s", b"sectors", offset, offset - len(head), b"")
    tail = section("table", offset, table)
    tail += section("table2", offset + len(tail), table)
    with path.open("wb") as handle:
        handle.write(head + descriptor + struct.pack("<I", zlib.adler32(descriptor)))
        handle.seek(first)
        handle.write(b"".join(stored) + tail + section("done", offset + len(tail), b""))


@pytest.mark.parametrize("compress_first", [True, False])
def test_a_segment_over_two_gib_reads_as_libewf_reads_it(tmp_path: Path, compress_first: bool) -> None:
    media = random.Random(2).randbytes(32768 * 6)
    _over_two_gib(media, tmp_path / "a.E01", compress_first=compress_first)
    image = open_image(tmp_path / "a.E01")
    assert isinstance(image, EwfImage)
    assert image.read(0, len(media)) == media
    assert cross_check(image) > 0
    image.close()
