"""Laws of the type of content: what holds data is never passed over without a decoder that says so."""

from __future__ import annotations

import pytest

from pipeline.decoders import Locked, Trouble, decoder_for, refine_ole, refine_zip, type_of
from tests.unit.decoders.samples import HTML, SAMPLES, decoded

CLOSED = {
    "access": b"\0\1\0\0Standard ACE DB\0",
    "dbx": b"\xcf\xad\x12\xfe",
    "disk-image": b"EVF\x09\x0d\x0a\xff\0\1",
    "onenote": b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d",
    "wim": b"MSWIM\0\0\0",
}  # fmt: skip
SECRET = {
    "aescrypt": b"AES\x02\0", "age": b"age-encryption.org/v1\n", "bitlocker": b"\xeb\x58\x90-FVE-FS-",
    "efs": b"\0\x10\0\0" + bytes(4) + b"\2\0\0\0" + bytes(52) + b"\x54\0\0\0",
    "luks": b"LUKS\xba\xbe\0\1", "openssl": b"Salted__12345678", "pgp": b"-----BEGIN PGP MESSAGE-----\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(CLOSED))
def test_a_type_that_is_not_opened_is_named_and_said(kind: str) -> None:
    assert type_of(CLOSED[kind]) == kind
    (item,) = decoded(CLOSED[kind])
    assert isinstance(item, Trouble)
    assert (item.code, item.what) == ("no-decoder", kind)


@pytest.mark.parametrize("kind", sorted(SECRET))
def test_an_encrypted_container_is_locked(kind: str) -> None:
    assert type_of(SECRET[kind]) == kind
    assert decoded(SECRET[kind]) == [Locked("", "encrypted-container")]


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_a_valid_file_has_its_type_and_a_decoder(kind: str) -> None:
    package = kind in {"docx", "odt", "pptx", "xlsx"}
    assert type_of(SAMPLES[kind]) == ("zip" if package else kind)
    assert decoder_for(kind) is not None


def test_markup_is_known_in_any_unicode_form() -> None:
    page = HTML.decode()
    assert [type_of(page.encode(code)) for code in ("utf-8", "utf-8-sig", "utf-16")] == ["html"] * 3
    assert type_of(b"\r\n<?xml version='1.0'?><a/>") == "xml"


def test_words_that_begin_like_a_signature_stay_text() -> None:
    assert type_of("BZhang 張\n".encode()) == "text"
    assert type_of(b"Frome,Somerset\n") == "text"


def test_a_folder_named_like_a_package_is_an_archive() -> None:
    assert refine_zip(["word/list.csv"]) == "zip"
    assert refine_zip(["word/document.xml", "[Content_Types].xml"]) == "docx"
    assert refine_zip(["content.xml", "META-INF/manifest.xml"]) == "odt"


def test_compound_files_are_told_apart_by_their_streams() -> None:
    assert [refine_ole([name]) for name in ("Workbook", "WordDocument", "PowerPoint Document", "x")] == [
        "xls", "doc", "ppt", "ole2",
    ]  # fmt: skip
