"""Text in pictures: read in each form, placed line by line, bounded, and told where it is not read."""

from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image

from pipeline.config_ocr import Ocr
from pipeline.decoders import Limits, Spared, Text, ocr, picture_text
from tests.builders import written
from tests.unit.decoders.samples import decoded, troubles

ON = Limits(ocr=Ocr())
LINES = ["氏名 佐藤 花子", "住所 東京都千代田区霞が関一丁目", "電話 03-1234-5678", "mail kanri@example.jp"]


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    """Nothing here can be tested without the reader, its data and a font to write with."""
    lacking = ocr.missing(Ocr()) or ("" if written.font() else "no Japanese font is installed")
    if lacking:
        pytest.skip(f"left out: {lacking}")


def read(data: bytes, limits: Limits = ON) -> list[Text]:
    items = decoded(data, limits=limits)
    assert troubles(items) == []
    return [item for item in items if isinstance(item, Text)]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_a_picture_of_each_form_gives_its_lines_with_their_boxes(form: str) -> None:
    (text,) = read(written.picture_bytes(written.page(LINES[2:3]), form))
    assert "03-1234-5678" in text.text
    start, place = text.place(text.text.index("03-1234-5678"))
    left, top, width, height = (
        int(side) for side in place.partition(" at ")[2].replace("x", " ").replace(",", " ").split()
    )
    assert place.startswith("picture 1 line 1 at ")
    assert start == 0
    assert left in range(55, 70)
    assert top in range(35, 60)
    assert width in range(250, 700)
    assert height in range(20, 60)


def test_lines_columns_and_latin_letters_are_read() -> None:
    (text,) = read(written.picture_bytes(written.page(LINES), "PNG"))
    plain = text.text.replace(" ", "").replace("\t", "")
    for wanted in ("佐藤花子", "東京都千代田区", "03-1234-5678", "kanri@example.jp"):
        assert wanted in plain
    assert [place.split(" at ")[0] for _, place in text.marks] == [f"picture 1 line {line}" for line in (1, 2, 3, 4)]
    columns = [
        "住民の皆様へお知らせします。",
        "氏名　佐藤花子",
        "住所　東京都千代田区霞が関",
        "この通知は世帯に送付します。",
    ]
    (text,) = read(written.picture_bytes(written.upright(columns), "PNG"))
    assert "東京都千代田区" in text.text.replace(" ", "").replace("\t", "")


def test_uneven_light_and_small_letters_of_a_screen_are_read() -> None:
    paper = written.page(LINES[2:3])
    light = Image.linear_gradient("L").resize(paper.size).point(lambda level: 120 + level // 2)
    dim = Image.composite(light, Image.new("L", paper.size, 40), paper)
    (text,) = read(written.picture_bytes(dim, "JPEG"))
    assert "03-1234-5678" in text.text
    (text,) = read(written.picture_bytes(written.page(LINES[2:3], size=16, width=500), "PNG"))
    assert "03-1234-5678" in text.text


def test_each_frame_of_a_picture_and_each_page_of_a_scan_has_its_place() -> None:
    pages = [written.page([line]) for line in LINES[1:3]]
    scan = written.picture_bytes(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=150.0)
    assert [text.locator for text in read(scan)] == ["page 1", "page 2"]
    assert "03-1234-5678" in read(scan)[1].text
    first, other = written.page(LINES[1:2]), written.page(LINES[2:3])
    fax = written.picture_bytes(first, "TIFF", save_all=True, append_images=[first, other])
    assert [text.locator for text in read(fax)] == ["picture 1", "picture 3"]
    assert troubles(decoded(fax, limits=Limits(ocr=Ocr(), pictures=1))) == ["limit-pictures"]
    assert troubles(decoded(scan, limits=Limits(ocr=Ocr(), pictures=1))) == ["limit-pictures"]


def test_pages_that_show_the_same_are_read_once_and_count() -> None:
    page = written.page(LINES[2:3])
    scan = written.picture_bytes(page, "PDF", save_all=True, append_images=[page] * 4, resolution=150.0)
    assert [bool(text.text) for text in read(scan)] == [True, False, False, False, False]
    assert troubles(decoded(scan, limits=Limits(ocr=Ocr(), pictures=4))) == ["limit-pictures"]


def test_the_same_picture_gives_the_same_text_whatever_was_read_before() -> None:
    data = written.picture_bytes(written.page(LINES[:2]), "PNG")
    first = read(data)
    read(written.picture_bytes(written.page(LINES[2:]), "PNG"))
    assert read(data) == first


def test_what_shows_nothing_is_read_as_nothing() -> None:
    blank = read(written.picture_bytes(Image.new("L", (400, 400), 200), "PNG"))
    assert not any(text.text for text in blank)
    (icon,) = decoded(written.picture_bytes(Image.new("L", (64, 64)), "PNG"), limits=ON)
    assert isinstance(icon, Spared)


def test_a_picture_that_is_not_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written.picture_bytes(written.page(LINES[:1]), "PNG")
    scan = written.picture_bytes(written.page(LINES[:1]), "PDF")
    for one in (data, scan):
        assert troubles(decoded(one, limits=Limits(ocr=Ocr(enabled=False)))) == ["ocr-off"]
        assert troubles(decoded(one, limits=Limits(ocr=Ocr(data="/nowhere")))) == ["ocr-not-installed"]
    monkeypatch.setattr(picture_text, "lines_in", lambda picture, settings: None)
    assert troubles(decoded(data, limits=ON)) == ["limit-seconds"]
    assert troubles(decoded(data[:-200], limits=ON)) == ["picture-damaged"]


def claimed(side: int) -> bytes:
    """Return a PNG that claims that many pixels on each side."""
    chunks = ((b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(1000))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize("side", [12_500, 60_000, 2**31 - 1])
def test_a_picture_that_claims_too_many_pixels_is_not_unpacked(side: int) -> None:
    assert troubles(decoded(claimed(side), limits=ON)) == ["limit-pixels"]
