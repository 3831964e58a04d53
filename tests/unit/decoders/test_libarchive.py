"""Laws of archives that libarchive reads: members whole, locks and damage by name, limits kept."""

from __future__ import annotations

import random

import pytest

from pipeline.decoders import Limits, Locked, Member, Trouble, type_of
from tests.unit.decoders.archive_samples import ARCHIVES
from tests.unit.decoders.samples import BODY, decoded, members, troubles

TABLE = BODY.encode("cp932") * 4
NAME = "名簿.csv"


@pytest.mark.parametrize("name", ["lzma.7z", "bzip2.7z", "ppmd.7z", "mszip.cab"])
def test_members_are_given_whole(name: str) -> None:
    assert decoded(ARCHIVES[name]) == [Member(NAME, TABLE)]


def test_a_stream_is_one_member() -> None:
    assert decoded(ARCHIVES["x.zst"]) == [Member("content", TABLE)]


@pytest.mark.parametrize("name", ["rar3-subdirs.rar", "rar5-subdirs.rar"])
def test_both_generations_of_rar_are_read(name: str) -> None:
    found = members(decoded(ARCHIVES[name]))
    assert {path: len(data) for path, data in found.items()} == {
        "sub/dir2/file2.txt": 6, "sub/with space/long fn.txt": 8, "sub/üȵĩöḋè/file.txt": 5, "sub/dir1/file1.txt": 6,
    }  # fmt: skip
    assert troubles(decoded(ARCHIVES[name])) == []


def test_lzh_names_are_read_by_their_code_page() -> None:
    assert [item.path for item in decoded(ARCHIVES["unicode.lzh"]) if isinstance(item, Member)] == ["ÜÖÄüöä/äöüÄÖÜ.txt"]


def test_what_is_encrypted_is_locked_by_name_or_as_a_whole() -> None:
    assert decoded(ARCHIVES["locked.7z"]) == [Locked(NAME, "encrypted-member")]
    assert decoded(ARCHIVES["locked-names.7z"]) == [Locked("", "encrypted-archive")]


@pytest.mark.parametrize("name", ["aes.zip", "crypto.zip"])
def test_an_encrypted_zip_opens_with_a_password_of_the_case_and_no_other(name: str) -> None:
    assert decoded(ARCHIVES[name]) == [Locked(NAME, "encrypted-member")]
    assert decoded(ARCHIVES[name], limits=Limits(passwords=(b"wrong", "違う".encode()))) == [
        Locked(NAME, "encrypted-member")
    ]
    assert decoded(ARCHIVES[name], limits=Limits(passwords=(b"wrong", b"secret"))) == [Member(NAME, TABLE)]
    assert "secret" not in repr(Limits(passwords=(b"secret",)))


@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_a_cut_archive_never_passes_for_a_whole_one(name: str) -> None:
    data = ARCHIVES[name]
    for end in (len(data) // 2, len(data) - 30):
        items = decoded(data[:end])
        whole = [item for item in items if isinstance(item, Member)] == decoded(data)
        assert whole or any(isinstance(item, Trouble | Locked) for item in items)


@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_damage_gives_rows_and_no_exception(name: str) -> None:
    chance = random.Random(1)
    for _ in range(20):
        data = bytearray(ARCHIVES[name])
        for _ in range(3):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        assert all(isinstance(item, Member | Trouble | Locked) for item in decoded(bytes(data)))


def test_limits_are_said() -> None:
    assert troubles(decoded(ARCHIVES["lzma.7z"], limits=Limits(member_bytes=10))) == ["limit-member-bytes"]
    assert troubles(decoded(ARCHIVES["rar5-subdirs.rar"], limits=Limits(members=1))) == ["limit-members"]


@pytest.mark.parametrize(
    ("kind", "head"),
    [("7z", b"7z\xbc\xaf\x27\x1c\0\4"),
     ("cab", b"MSCF\0\0\0\0"), ("lzh", b"\x22\x30-lh5-\0\0"), ("zstd", b"\x28\xb5\x2f\xfd"),
     ("rar", b"Rar!\x1a\x07\x01\0"), ("rar", b"Rar!\x1a\x07\0"), ("lz4", b"\x04\x22\x4d\x18"), ("lzip", b"LZIP\x01")],
)  # fmt: skip
def test_a_signature_alone_is_never_silent(kind: str, head: bytes) -> None:
    for data in (head, head + bytes(100)):
        assert type_of(data) == kind
        items = decoded(data)
        assert [item for item in items if isinstance(item, Trouble)]
        assert not any(item.data for item in items if isinstance(item, Member))
