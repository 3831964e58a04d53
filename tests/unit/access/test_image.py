"""The one door for images: what it opens by content, and what it says when it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.access.ewf import EwfImage
from pipeline.access.image import cross_check, open_image
from pipeline.access.raw import RawImage
from pipeline.errors import EXIT_LOST, UnreadableError
from tests.builders.ewf import build_ewf

MEDIA = b"medium".ljust(512 * 70, b"\0")


@pytest.mark.parametrize("name", ["m.raw", "m.dd", "m.bin", "m.iso", "m", "名前.img", "m.E01.raw"])
def test_any_name_of_a_raw_medium_opens(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(MEDIA)
    image = open_image(path)
    assert isinstance(image, RawImage)
    assert (image.format, image.size, image.segments) == ("raw", len(MEDIA), (str(path),))
    assert image.read(0, len(MEDIA)) == MEDIA
    assert cross_check(image) == 0
    image.close()


@pytest.mark.parametrize("name", ["m.E01", "m.e01", "m.raw", "m"])
def test_content_tells_an_e01_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(build_ewf(MEDIA))
    image = open_image(path)
    assert isinstance(image, EwfImage)
    assert image.read(0, len(MEDIA)) == MEDIA
    assert cross_check(image) == len(MEDIA)
    image.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("absent.E01", r"the image cannot be opened \(No such file or directory\); check `image`"),
        ("folder", r"is a folder; name the image's first segment in case\.toml"),
        ("empty.dd", r"the image is empty; acquire it again"),
        ("link.dd", r"the image cannot be opened \(No such file or directory\); check `image`"),
    ],
)
def test_what_cannot_be_opened_is_said_with_what_to_do(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.dd").touch()
    (tmp_path / "link.dd").symlink_to(tmp_path / "gone")
    with pytest.raises(UnreadableError, match=rf"{name}: {text}") as caught:
        open_image(tmp_path / name)
    assert caught.value.exit_code == EXIT_LOST == 3


@pytest.mark.parametrize(("size", "compared"), [(512, 512), (64 << 15, 64 << 15), ((64 << 15) + 512, 64 << 15)])
def test_the_cross_check_counts_no_byte_twice(tmp_path: Path, size: int, compared: int) -> None:
    (tmp_path / "m.E01").write_bytes(build_ewf(bytes(size)))
    image = open_image(tmp_path / "m.E01")
    assert cross_check(image) == compared
    image.close()


def test_no_handle_stays_open(tmp_path: Path) -> None:
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("left out: open handles (no /proc here)")
    (tmp_path / "m.E01").write_bytes(build_ewf(MEDIA))
    (tmp_path / "bad.E01").write_bytes(build_ewf(MEDIA)[:-9])
    (tmp_path / "s.001").write_bytes(MEDIA)
    (tmp_path / "s.002").touch()
    before = sorted(os.listdir(handles))  # noqa: PTH208 - names are enough
    for name in ("m.E01", "bad.E01", "s.001"):
        try:
            image = open_image(tmp_path / name)
            cross_check(image)
            image.close()
        except UnreadableError as error:
            assert name[0] in "bs", error  # noqa: PT017
    assert sorted(os.listdir(handles)) == before  # noqa: PTH208
