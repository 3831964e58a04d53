"""Laws of archives and streams: what can be read is given, what cannot is said, bombs are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest

from pipeline.decoders import Limits, Locked, Member, decoder_for
from tests.builders.documents import zip_cp932
from tests.unit.decoders import samples
from tests.unit.decoders.samples import BODY, SAMPLES, decoded, members, troubles, zipped

FILES = {f"{number}.txt": bytes([65 + number]) * 3000 + BODY.encode() for number in range(4)}
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_members_are_found_with_and_without_a_directory(method: int, seekable: bool) -> None:
    data = zipped(FILES, method, seekable=seekable)
    assert (members(decoded(data)), troubles(decoded(data))) == (FILES, [])
    headless = decoded(data[: data.rindex(b"PK\5\6")])
    assert members(headless) == FILES
    assert "zip-directory" in troubles(headless)


def test_an_archive_cut_in_a_member_gives_the_members_before_and_part_of_it() -> None:
    data = zipped(FILES, zipfile.ZIP_STORED)
    items = decoded(data[: data.index(b"CCC") + 1000])
    assert members(items) == {"0.txt": FILES["0.txt"], "1.txt": FILES["1.txt"], "2.txt": b"C" * 1000}
    assert troubles(items) == ["zip-directory", "zip-member"]


def test_a_member_that_differs_from_its_checksum_is_given_and_said() -> None:
    data = zipped({"a.txt": b"hello world"}, zipfile.ZIP_STORED).replace(b"hello", b"jello")
    items = decoded(data)
    assert members(items) == {"a.txt": b"jello world"}
    assert troubles(items) == ["zip-crc"]


def test_overlapping_members_are_refused() -> None:
    data = zipped({"a.txt": b"x" * 9000, "b.txt": b"y"})
    at = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    bomb = data[: at + 42] + struct.pack("<I", 0) + data[at + 46 :]
    assert troubles(decoded(bomb)) == ["zip-overlap"]
    assert members(decoded(bomb)) == {"a.txt": b"x" * 9000, "b.txt": b"y"}, "what lies at its own place is read there"


def test_an_encrypted_member_is_locked_and_the_others_are_read() -> None:
    data = bytearray(zipped({"a.txt": b"x", "b.txt": b"y"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    items = decoded(bytes(data))
    assert Locked("a.txt", "encrypted-member") in items
    assert members(items) == {"b.txt": b"y"}


def test_names_are_utf8_by_flag_or_by_form_else_cp932() -> None:
    assert list(members(decoded(zip_cp932({"名簿.csv": b"x", "ソ表.txt": b"y"})))) == ["名簿.csv", "ソ表.txt"]
    assert list(members(decoded(zipped({"名簿.csv": b"x"})))) == ["名簿.csv"]
    raw = "名簿.csv".encode()
    plain = zipped({"a" * len(raw): b"x"}).replace(b"a" * len(raw), raw)
    assert list(members(decoded(plain))) == ["名簿.csv"]


def test_no_time_is_given_for_none_has_a_zone() -> None:
    for kind in ("zip", "tar"):
        assert all(item.modified is None for item in decoded(SAMPLES[kind]) if isinstance(item, Member))


def test_zip64_sizes_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("big.txt", "w", force_zip64=True) as file:
        file.write(BODY.encode())
    data = out.getvalue()
    assert members(decoded(data)) == {"big.txt": BODY.encode()}
    assert members(decoded(data[: data.rindex(b"PK\5\6")])) == {"big.txt": BODY.encode()}


def test_a_bomb_is_refused_by_ratio_size_and_count() -> None:
    bomb = zipped({"a": bytes(20 << 20)})
    assert troubles(decoded(bomb, limits=Limits(ratio=100))) == ["limit-ratio"]
    assert troubles(decoded(bomb, limits=Limits(member_bytes=1 << 20))) == ["limit-member-bytes"]
    assert troubles(decoded(bomb, limits=Limits(total_bytes=1 << 20))) == ["limit-total-bytes"]
    assert troubles(decoded(zipped(FILES), limits=Limits(members=2))) == ["limit-members"]


def test_refused_members_use_up_the_room_as_well() -> None:
    bomb = zipped({str(number): bytes(1 << 20) for number in range(5)})
    found = troubles(decoded(bomb, limits=Limits(member_bytes=1 << 19, total_bytes=1 << 20)))
    assert found == ["limit-member-bytes", *["limit-total-bytes"] * 4]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_streams_of_several_members_are_one_content_up_to_the_damage(pack: object) -> None:
    assert callable(pack)
    packed: bytes = pack(b"first ") + pack(b"second")
    assert members(decoded(packed)) == {"content": b"first second"}
    cut = decoded(packed[:-5])
    assert members(cut)["content"].startswith(b"first ")
    assert troubles(cut) == ["stream-damaged"]


def test_a_stream_with_a_wrong_checksum_is_given_and_said() -> None:
    packed = bytearray(gzip.compress(b"small content"))
    packed[-6] ^= 1
    items = decoded(bytes(packed))
    assert members(items) == {"content": b"small content"}
    assert troubles(items) == ["stream-damaged"]


def test_a_stream_bomb_is_cut_at_its_ratio() -> None:
    items = decoded(gzip.compress(bytes(30 << 20)), limits=Limits(ratio=100))
    assert troubles(items) == ["limit-member-bytes"]
    assert len(members(items)["content"]) < 4 << 20


def test_a_tape_archive_gives_files_at_their_offsets_and_says_where_it_breaks() -> None:
    data = SAMPLES["tar"]
    items = decoded(data)
    assert members(items) == {"名簿.csv": BODY.encode(), "a.txt": BODY.encode()}
    offsets = [item.stored_offset for item in items if isinstance(item, Member)]
    assert [data[at : at + 6] for at in offsets if at is not None] == ["氏名".encode()] * 2
    broken = data[:1024] + b"\xff" * 512 + data[1536:]
    assert (list(members(decoded(broken))), troubles(decoded(broken))) == (["名簿.csv"], ["tar-damaged"])


def test_a_tape_archive_that_claims_a_huge_file_is_refused() -> None:
    info = tarfile.TarInfo("a")
    info.size = 1 << 40
    items = decoded(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert "limit-member-bytes" in troubles(items)


def test_a_database_gives_rows_files_and_what_it_does_not_read() -> None:
    items = decoded(samples.sqlite(rows=2, virtual=True, logged=True))
    found = samples.texts(items)
    assert found["people!0"] == "name\tnote\tpicture"
    assert found["people!2"] == f"{samples.NAME} 1\t1\t"
    assert members(items) == {"people/3/3": samples.png()}
    assert troubles(items) == ["sqlite-wal", "sqlite-virtual"]
    assert samples.NAME in found["words_content!1"]


def test_entries_that_the_directory_does_not_name_are_read() -> None:
    data = zipped(FILES, zipfile.ZIP_DEFLATED)
    listed = data.index(b"PK\1\2")
    cut = data.index(b"PK\1\2", data.index(b"PK\1\2", listed + 4) + 4)
    size = data.index(b"PK\5\6") - cut
    end = data[-22:-14] + struct.pack("<HHIIH", 2, 2, size, cut, 0)
    hidden = data[:cut] + data[cut : data.index(b"PK\5\6")] + end
    assert (members(decoded(hidden)), troubles(decoded(hidden))) == (FILES, [])


@pytest.mark.parametrize("counted", ["from the archive", "from the program"])
def test_an_archive_behind_a_program_is_opened_at_its_place(counted: str) -> None:
    program = b"MZ" + bytes(5000)
    data = zipped(FILES, zipfile.ZIP_STORED)
    if counted == "from the program":
        out = io.BytesIO(program)
        with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
            for name, body in FILES.items():
                archive.writestr(name, body)
        whole = out.getvalue()
    else:
        whole = program + data
    decoder = decoder_for("pe", whole + b"rest")
    assert decoder is not None
    items = list(decoder.decode(samples.Bytes(whole + b"rest"), Limits()))
    assert (members(items), troubles(items)) == (FILES, [])
    assert all(whole[item.stored_offset :].startswith(item.data) for item in items if isinstance(item, Member))


@pytest.mark.parametrize("data", [b"PK\5\6", b"x" * 30 + b"PK\5\6" + b"\xff" * 18, b"PK\1\2" + b"PK\5\6" + bytes(17)])
def test_an_end_record_that_leads_nowhere_is_no_archive(data: bytes) -> None:
    assert decoder_for("unknown", data) is None


@pytest.mark.parametrize("kind", ["png", "pdf", "bzip2", "rtf", "7z"])
def test_an_archive_behind_content_that_has_a_decoder_is_opened_too(kind: str) -> None:
    data = b"in front" + zipped(FILES, zipfile.ZIP_DEFLATED)
    decoder = decoder_for(kind, data)
    assert decoder is not None
    found = members(list(decoder.parts(samples.Bytes(data), Limits())))
    assert {name: found[name] for name in FILES} == FILES
    assert not isinstance(decoder_for(kind, b"in front"), type(decoder))


@pytest.mark.parametrize("kind", ["zip", "tar", "mbox", "docx"])
def test_an_archive_that_the_decoder_gives_is_not_opened_twice(kind: str) -> None:
    assert decoder_for(kind, zipped(FILES, zipfile.ZIP_STORED)) is decoder_for(kind)


def test_compressed_texts_of_a_picture_are_read() -> None:
    packed = zlib.compress(BODY.encode("cp932"))
    chunks = [
        (b"zTXt", b"Comment\0\0" + packed), (b"iTXt", b"K\0\1\0ja\0\0" + packed), (b"tEXt", b"K\0plain"),
        (b"zTXt", b"K\0\0" + packed[:-9]),
    ]  # fmt: skip
    parts = (struct.pack(">I", len(body)) + kind + body + bytes(4) for kind, body in chunks)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    found = members(decoded(data))
    assert [found["zTXt-0"], found["iTXt-1"]] == [BODY.encode("cp932")] * 2
    assert troubles(decoded(data)) == ["png-text", "picture-damaged"]


def test_members_of_one_name_have_places_of_their_own() -> None:
    data = zipped({f"{number}.txt": bytes([65 + number]) for number in range(3)})
    data = data.replace(b"1.txt", b"0.txt").replace(b"2.txt", b"0.txt")
    decoder = decoder_for("zip")
    assert decoder is not None
    found = members(list(decoder.parts(samples.Bytes(data), Limits())))
    assert found == {"0.txt": b"A", "0.txt#2": b"B", "0.txt#3": b"C"}


def test_archives_in_a_program_are_opened_once_whatever_their_end_records_say() -> None:
    inner = zipped({"inner.txt": b"inner"}, zipfile.ZIP_STORED)
    outer = zipped({"a.txt": b"a" * 999, "inner.zip": inner}, zipfile.ZIP_STORED)
    size, offset = struct.unpack_from("<II", outer, len(outer) - 10)
    data = b"MZ" + bytes(300) + outer
    ends = (struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, size + 22 * more, offset, 0) for more in range(1, 400))
    again = b"".join(ends)
    decoder = decoder_for("pe", data + again)
    assert decoder is not None
    found = [item.path for item in decoder.parts(samples.Bytes(data + again), Limits()) if isinstance(item, Member)]
    assert found == ["a.txt", "inner.zip"]


def test_archives_of_one_content_share_its_limits() -> None:
    data = b"MZ" + b"".join(zipped({f"{number}.bin": bytes(9000)}) for number in range(9))
    decoder = decoder_for("pe", data)
    assert decoder is not None
    items = list(decoder.parts(samples.Bytes(data), Limits(total_bytes=40_000)))
    assert len(members(items)) == 4
    assert "limit-total-bytes" in troubles(items)
