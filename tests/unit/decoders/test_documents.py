"""Laws of documents: what a reader of the file sees is what the decoder gives, at its place."""

from __future__ import annotations

import zlib

import pytest

from pipeline.decoders import Limits, Locked, Text
from tests.builders import documents
from tests.unit.decoders import samples
from tests.unit.decoders.compound import biff, compound
from tests.unit.decoders.samples import BODY, NAME, SAMPLES, decoded, members, texts, troubles, zipped


def test_a_workbook_gives_rows_of_hidden_sheets_and_what_no_row_shows() -> None:
    items = decoded(SAMPLES["xlsx"])
    assert texts(items) == {
        "一覧!1": "氏名\t1",
        "一覧!2": "架空花子\t2",
        "隠し!5": NAME,
        "xl/comments1.xml comment 1": "要確認",
    }
    assert sorted(members(items)) == ["extra.txt", "xl/media/image1.jpg"]
    assert troubles(items) == []


def test_an_old_workbook_in_a_compound_file_gives_its_rows() -> None:
    items = decoded(compound({"Workbook": biff({1: "氏名", 3: NAME}, "隠し")}))
    assert items == [Text("隠し!1", "氏名"), Text("隠し!3", NAME)]


def test_a_message_in_a_compound_file_gives_its_streams() -> None:
    body = NAME.encode("utf-16-le")
    streams = {"__properties_version1.0": b"", "__substg1.0_1000001F": body, "__substg1.0_37010102": SAMPLES["zip"]}
    found = members(decoded(compound(streams)))
    assert found["__substg1.0_1000001F"].rstrip(b"\0") == body.rstrip(b"\0")
    assert found["__substg1.0_37010102"].startswith(SAMPLES["zip"])


def test_an_old_document_is_said_to_be_unread_and_its_streams_are_given() -> None:
    items = decoded(compound({"WordDocument": b"x" * 5000}))
    assert troubles(items) == ["no-decoder"]
    assert members(items) == {"WordDocument": b"x" * 5000}


def test_an_encrypted_package_is_locked() -> None:
    assert decoded(compound({"EncryptedPackage": b"x", "EncryptionInfo": b"x"})) == [Locked("", "encrypted-office")]


def test_a_sheet_that_spans_the_whole_grid_is_not_loaded_but_its_parts_are_given() -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    sheet = f'<worksheet xmlns="{samples.MAIN}"><sheetData>{cells}</sheetData></worksheet>'
    book = f'<workbook xmlns="{samples.MAIN}" xmlns:r="{documents.OFFICE}"><sheets>'
    book += '<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
    data = documents.ooxml({"xl/workbook.xml": ("x", book), "xl/worksheets/sheet1.xml": ("x", sheet)})
    items = decoded(data)
    assert troubles(items) == ["limit-cells"]
    assert "xl/worksheets/sheet1.xml" in members(items)


def test_words_keep_tabs_rows_and_the_properties() -> None:
    assert texts(decoded(SAMPLES["docx"])) == {
        "word/document.xml paragraph 1": "氏名\t電話",
        "word/document.xml row 2": f"{NAME}\t架空県\n見本市",
        "docProps/core.xml other": "作成 者",
    }


def test_slides_and_open_documents_give_their_paragraphs() -> None:
    assert texts(decoded(SAMPLES["pptx"])) == {"ppt/slides/slide1.xml paragraph 1": NAME}
    assert texts(decoded(SAMPLES["odt"])) == {"content.xml paragraph 1": f"{NAME}\tABC"}
    assert troubles(decoded(samples.odt(encrypted=True))) == ["locked"]


@pytest.mark.parametrize("part", [b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>" * 5000, b"<a>", b""])
def test_a_part_that_is_refused_or_broken_is_said(part: bytes) -> None:
    items = decoded(zipped({"[Content_Types].xml": b"<a/>", "word/document.xml": part}))
    assert len(troubles(items)) == 1
    assert troubles(items)[0].startswith("xml-")


def test_a_pdf_gives_text_by_its_unicode_map_and_its_attachment() -> None:
    items = decoded(SAMPLES["pdf"])
    assert texts(items) == {"page 1": NAME}
    inner = members(items)["inner.pdf"]
    assert texts(decoded(inner)) == {"page 1": "内側"}


def test_a_pdf_without_its_password_is_locked_and_one_of_blank_pages_is_read() -> None:
    assert decoded(samples.locked_pdf()) == [Locked("", "encrypted-pdf")]
    assert troubles(decoded(documents.pdf([]))) == []


def test_what_a_pdf_dropped_or_keeps_beside_its_pages_is_read() -> None:
    text, inner = BODY.encode("cp932"), zipped({"a.csv": BODY.encode()})
    dropped = b"9 0 obj<</Filter/FlateDecode>>stream\n" + zlib.compress(text) + b"\nendstream endobj\n"
    picture = b"8 0 obj<</Subtype/Image/Filter/FlateDecode>>stream\n" + zlib.compress(text) + b"\nendstream endobj\n"
    file = b"7 0 obj<</Filter [/FlateDecode]>>\r\nstream\r\n" + zlib.compress(inner) + b"\nendstream endobj\n"
    found = members(decoded(samples.pdf() + dropped + picture + file))
    assert sum(body.count(text) for body in found.values()) == 1
    assert inner in found.values()


def test_a_stream_of_a_pdf_that_does_not_unpack_is_said() -> None:
    packed = zlib.compress(BODY.encode())
    for data, told in ((packed, []), (packed[:-9], ["pdf-streams"]), (b"no stream", ["pdf-streams"])):
        stream = b"9 0 obj<</Filter/FlateDecode>>stream\n" + data + b"\nendstream endobj\n"
        assert troubles(decoded(samples.pdf() + stream)) == troubles(decoded(samples.pdf())) + told


def test_content_above_the_limit_is_said_by_every_decoder() -> None:
    for kind, data in SAMPLES.items():
        assert troubles(decoded(data, limits=Limits(total_bytes=16))) == ["limit-total-bytes"], kind


def test_markup_gives_what_references_hide_and_nothing_else() -> None:
    assert texts(decoded(samples.HTML)) == {"block 1": "海野\t架空県"}
    assert decoded(b"<html><p>A &amp; B</p>") == []
    assert texts(decoded(b"<?xml version='1.0' encoding='Shift_JIS'?><r><item a='&#28023;'>x</item></r>")) == {
        "block 1": "<item a='海'>x",
    }


def test_rich_text_gives_what_its_escapes_hide() -> None:
    hexed = "".join(f"\\'{byte:02x}" for byte in NAME.encode("cp932"))
    numbers = "".join(f"\\u{ord(letter)}?" for letter in "架空県")
    rows = f"{hexed}\\cell {numbers}\\cell\\row {{\\b plain}}\\tab x\\par {{\\pict 00ff}}"
    data = ("{\\rtf1\\ansi\\ansicpg932{\\fonttbl{\\f0\\fcharset128 MS;}}" + rows + "}").encode()
    items = decoded(data)
    assert texts(items) == {"line 1": f"{NAME}\t架空県", "line 2": "plain\tx"}
    assert troubles(items) == ["rtf-object"]


def test_rich_text_of_a_western_code_page_and_deep_groups_ends() -> None:
    pair = b"{\\rtf1\\uc2 \\u-10179\\'81\\'40\\u-8704\\'81\\'40!}"
    assert texts(decoded(pair)) == {"line 1": "\U0001f600!"}
    assert texts(decoded(b"{\\rtf1\\ansicpg1252 caf\\'e9}")) == {"line 1": "café"}
    assert troubles(decoded(b"{\\rtf1" + b"{" * 5000)) == ["rtf-damaged"]


def test_an_old_sheet_that_spans_more_than_any_real_one_is_not_loaded() -> None:
    stream = biff({1: "a", 65535: "b"}, "s").replace(b"\xfe\xff\0\0", b"\xfe\xff\xff\xff")
    assert troubles(decoded(compound({"Workbook": stream}))) == ["limit-cells"]


def test_cells_out_of_order_are_said_and_end() -> None:
    assert troubles(decoded(compound({"Workbook": biff({9: "a", 2: "b"}, "s")}))) == ["limit-cells"]
