"""Laws of objects in two pieces: put together exactly where the structure proves the joint, never guessed."""

from __future__ import annotations

import random
import struct
import zipfile
import zlib

import pytest

from tests.builders.pictures import picture
from tests.contract.test_carvers import found_in
from tests.unit.decoders.samples import zipped

CLUSTER = 4096
TEXT = b"".join(b"%06d the quick brown fox jumps over the lazy dog\n" % number for number in range(20000))


def between(kind: str, clusters: int, seed: int) -> bytes:
    """Return whole clusters of something else."""
    chance = random.Random(seed)
    size = clusters * CLUSTER
    if kind == "noise":
        return chance.randbytes(size)
    if kind == "zeros":
        return bytes(size)
    if kind == "picture":
        return picture(640, 480, seed=99 + seed, grain=90)[:size].ljust(size, b"\0")
    return TEXT[:size]


def laid_out(data: bytes, before: int, gap: bytes, seed: int) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Return a medium with an object in two pieces, and its runs."""
    chance = random.Random(seed)
    start, cut = 8 * CLUSTER, before * CLUSTER
    medium = chance.randbytes(start) + data[:cut] + gap + data[cut:]
    medium += bytes(-len(medium) % CLUSTER) + chance.randbytes(16 * CLUSTER)
    return medium, ((start, cut), (start + cut + len(gap), len(data) - cut))


@pytest.mark.parametrize("kind", ["noise", "text", "zeros", "picture"])
@pytest.mark.parametrize("form", ["baseline", "progressive", "grey", "restarts"])
def test_a_picture_in_two_pieces_is_put_together(kind: str, form: str) -> None:
    for seed in range(3):
        data = picture(500, 400, seed=seed, form=form)
        before = 1 + (len(data) // CLUSTER - 1) * (seed + 1) // 4
        medium, runs = laid_out(data, before, between(kind, 3 + seed, seed), seed)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]


def png(seed: int, chunk: int, comment: int = 1) -> bytes:
    """Return a picture of noise whose data lies in chunks of a size, behind a comment."""
    chance = random.Random(seed)
    rows = b"".join(b"\0" + chance.randbytes(300) for _ in range(400))
    packed = zlib.compress(rows)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 100, 400, 8, 2, 0, 0, 0)), (b"tEXt", b"a".ljust(comment, b"\0"))]
    parts += [(b"IDAT", packed[at : at + chunk]) for at in range(0, len(packed), chunk)]
    chunks = (struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
              for kind, body in [*parts, (b"IEND", b"")])  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("chunk", [3000, 8192, 65536, 1 << 20, CLUSTER - 12])
@pytest.mark.parametrize("kind", ["noise", "text", "zeros"])
def test_a_png_in_two_pieces_is_put_together_by_its_checksums(kind: str, chunk: int) -> None:
    """Wherever the joint lies: in a chunk, and in pictures of one chunk only."""
    for seed in range(4):
        data = png(seed, chunk)
        medium, runs = laid_out(data, 1 + (len(data) // CLUSTER - 1) * seed // 4, between(kind, 3 + seed, seed), seed)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]


@pytest.mark.parametrize("own", [True, False])
def test_the_head_of_one_png_is_joined_to_its_own_rest_only(own: bool) -> None:
    """The chunks of both begin at clusters and are sound; only the picture data tells which goes on."""
    one, other = (png(seed, CLUSTER - 12, CLUSTER - 8 - 25 - 12) for seed in (1, 2))
    rest = (one if own else other)[9 * CLUSTER :]
    medium = one[: 9 * CLUSTER] + random.Random(3).randbytes(5 * CLUSTER) + rest + bytes(9000)
    found = [row.carved for row in found_in(medium, cluster=CLUSTER) if row.carved.type == "png"]
    assert [(row.complete, row.length) for row in found] == [(own, len(one) if own else 9 * CLUSTER)]


def test_a_png_with_a_changed_byte_is_not_put_together() -> None:
    data = bytearray(png(5, 8192))
    data[len(data) - 9000] ^= 1
    medium, _ = laid_out(bytes(data), 4, between("noise", 5, 5), 5)
    assert [row.carved.complete for row in found_in(medium, cluster=CLUSTER) if row.carved.type == "png"] == [False]


def archive(seed: int, method: int, *, seekable: bool) -> bytes:
    """Return a ZIP of files that pack well and badly."""
    chance = random.Random(seed)
    files = {f"{number}.bin": chance.randbytes(chance.randrange(30000)) + TEXT[: chance.randrange(90000)]
             for number in range(8)}  # fmt: skip
    return zipped(files, method, seekable=seekable)


@pytest.mark.parametrize("kind", ["noise", "text", "zeros"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])
def test_an_archive_in_two_pieces_is_put_together(kind: str, method: int, seekable: bool) -> None:
    for seed in range(4):
        data = archive(seed, method, seekable=seekable)
        last = (len(data) - 1) // CLUSTER
        before = (1, last // 3, last * 2 // 3, last)[seed]
        medium, runs = laid_out(data, before, between(kind, 2 + seed, seed), seed)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]


def test_an_archive_between_two_pieces_of_another_is_found_as_well() -> None:
    outer, inner = archive(1, zipfile.ZIP_DEFLATED, seekable=True), archive(2, zipfile.ZIP_DEFLATED, seekable=True)
    gap = inner + bytes(-len(inner) % CLUSTER)
    medium, runs = laid_out(outer, 3, gap, 5)
    found = found_in(medium, cluster=CLUSTER)
    assert [one.runs for one in found] == [runs, ((11 * CLUSTER, len(inner)),)]
    assert all(one.carved.complete for one in found)


def test_an_archive_with_a_damaged_member_is_not_put_together() -> None:
    data = bytearray(archive(1, zipfile.ZIP_STORED, seekable=True))
    data[-9000] ^= 1
    medium, _ = laid_out(bytes(data), 3, between("noise", 3, 1), 5)
    assert not [one for one in found_in(medium, cluster=CLUSTER) if one.carved.complete]


def test_the_head_of_one_archive_is_not_joined_to_the_rest_of_another() -> None:
    members = {"a.bin": TEXT[:9000], "b.bin": random.Random(1).randbytes(20000)}
    whole = zipped(members, zipfile.ZIP_STORED, seekable=True)
    head = whole[: 2 * CLUSTER]
    medium = head + between("noise", 5, 1) + whole + bytes(-len(whole) % CLUSTER)
    found = found_in(medium, cluster=CLUSTER)
    assert [one.runs for one in found if one.carved.complete] == [((7 * CLUSTER, len(whole)),)]


@pytest.mark.parametrize("at", [10, 14, 18, 22])
def test_a_local_header_that_the_directory_contradicts_is_no_part_of_a_joint(at: int) -> None:
    data = bytearray(archive(3, zipfile.ZIP_DEFLATED, seekable=True))
    second = data.index(b"PK\3\4", 4)
    data[second + at] ^= 1
    last = len(data) // CLUSTER - 2
    medium, runs = laid_out(bytes(data), last, between("noise", 3, 1), 1)
    found = found_in(medium, cluster=CLUSTER)
    assert not [one for one in found if one.carved.complete and one.runs == runs]


def paged(seed: int, *, packed: bool) -> bytes:
    """Return a PDF of several pages of packed text, with a table or a cross-reference stream (7.5.8)."""
    chance = random.Random(seed)
    out, offsets = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), [0]
    kids = " ".join(f"{3 + 2 * page} 0 R" for page in range(6))
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count 6>>".encode()]
    for page in range(6):
        words = " ".join(
            chance.choice(["見本", "city", "tax", "09", "alpha", "beta"]) + str(chance.random()) for _ in range(900)
        )
        stream = zlib.compress(f"BT /F1 9 Tf 20 700 Td ({words}) Tj ET".encode("ascii", "replace"))
        bodies.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R>>" % (4 + 2 * page))
        bodies.append(b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    size, start = len(offsets), len(out)
    if packed:
        offsets.append(start)
        rows = b"".join(struct.pack(">BIB", number > 0, at, 0) for number, at in enumerate(offsets))
        stream = zlib.compress(rows)
        head = b"<</Type/XRef/W [1 4 1]/Size %d/Root 1 0 R/Filter/FlateDecode/Length %d>>" % (size + 1, len(stream))
        out += b"%d 0 obj\n%sstream\n%s\nendstream\nendobj\n" % (size, head, stream)
    else:
        table = b"".join(b"%010d 00000 n \n" % at for at in offsets[1:])
        out += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n" % (size, table, size)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


@pytest.mark.parametrize("kind", ["noise", "text", "zeros"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_document_in_two_pieces_is_put_together(kind: str, packed: bool) -> None:
    data = paged(1, packed=packed)
    for before in range(1, len(data) // CLUSTER + 1):
        medium, runs = laid_out(data, before, between(kind, 2 + before % 3, before), before)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]


@pytest.mark.parametrize("packed", [True, False])
def test_a_document_broken_off_inside_its_table_is_put_together(packed: bool) -> None:
    data, cluster = paged(2, packed=packed), 64
    table = data.rindex(b"15 0 obj" if packed else b"xref\n0")
    at = (table // cluster + 1) * cluster
    medium = bytes(cluster) + data[:at] + random.Random(3).randbytes(4 * cluster) + data[at:] + bytes(4096)
    found = [one for one in found_in(medium, cluster=cluster) if one.runs[0][0] == cluster]
    assert [one.carved.complete for one in found] == [True]
    assert found[0].runs == ((cluster, at), (5 * cluster + at, len(data) - at))


def test_two_pictures_in_turns_are_both_put_together() -> None:
    one, two = picture(300, 260, seed=5), picture(280, 240, seed=6)
    first, second = 2 * CLUSTER, 3 * CLUSTER
    pieces = [one[:first], two[:second], one[first:], two[second:]]
    medium, starts = bytes(CLUSTER), []
    for piece in pieces:
        starts.append(len(medium))
        medium += piece + bytes(-len(piece) % CLUSTER)
    found = found_in(medium + bytes(CLUSTER), cluster=CLUSTER)
    runs = [tuple((starts[at], len(pieces[at])) for at in pair) for pair in ((0, 2), (1, 3))]
    assert [(item.runs, item.carved.complete) for item in found] == [(item, True) for item in runs]
