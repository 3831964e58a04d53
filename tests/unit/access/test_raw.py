"""Laws of raw media and their segments."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.access.image import open_image
from pipeline.access.raw import RawImage, raw_segments
from pipeline.errors import UnreadableError

MEDIA = random.Random(5).randbytes(3000)


def _split(folder: Path, names: list[str]) -> list[Path]:
    """Write the medium in 1000-byte segments under these names."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        path.write_bytes(MEDIA[number * 1000 : number * 1000 + 1000])
    return paths


@pytest.mark.parametrize(
    "names",
    [
        ["m.000", "m.001", "m.002"],
        ["m.001", "m.002", "m.003"],
        ["m.0001", "m.0002", "m.0003"],
        ["m.dd.001", "m.dd.002", "m.dd.003"],
        ["m.aa", "m.ab", "m.ac"],
        ["m.aaa", "m.aab", "m.aac"],
    ],
)
def test_segments_make_one_medium(tmp_path: Path, names: list[str]) -> None:
    paths = _split(tmp_path, names)
    image = open_image(paths[0])
    assert image.segments == tuple(map(str, paths))
    assert image.size == 3000
    assert image.read(0, 9999) == MEDIA
    for start in (0, 1, 999, 1000, 1001, 1999, 2999, 3000, 3001):
        for length in (0, 1, 2, 1000, 1001, 2500):
            assert image.read(start, length) == MEDIA[start : start + length]
    image.close()


@pytest.mark.parametrize(("names", "first"), [(["m.000", "m.001"], "m.000"), (["m.001", "m.002"], "m.001"),
                                              (["m.aa", "m.ab"], "m.aa")])  # fmt: skip
def test_a_later_segment_is_refused_and_the_first_named(tmp_path: Path, names: list[str], first: str) -> None:
    paths = _split(tmp_path, names)
    with pytest.raises(UnreadableError, match=rf"{names[1]}: not the first segment; name {first} in case\.toml"):
        open_image(paths[1])


def test_half_a_medium_is_never_taken_for_the_whole(tmp_path: Path) -> None:
    paths = _split(tmp_path, ["m.000", "m.001", "m.002"])
    assert raw_segments(paths[0]) == tuple(paths)
    for path in paths[1:]:
        with pytest.raises(UnreadableError, match=r"name m\.000"):
            raw_segments(path)


@pytest.mark.parametrize(("names", "hole"), [(["m.000", "m.002"], "m.001"), (["m.001", "m.002", "m.005"], "m.003"),
                                             (["m.aa", "m.ac"], "m.ab"), (["m.aa", "m.ah"], "m.ab")])  # fmt: skip
def test_a_hole_in_the_numbering_is_named(tmp_path: Path, names: list[str], hole: str) -> None:
    paths = _split(tmp_path, names)
    for path in paths:
        with pytest.raises(UnreadableError, match=f"{hole}: segment is missing; put all segments in one folder"):
            raw_segments(path)


def test_a_later_segment_alone_names_the_missing_first(tmp_path: Path) -> None:
    (path,) = _split(tmp_path, ["m.007"])
    with pytest.raises(UnreadableError, match=r"m\.001: segment is missing"):
        raw_segments(path)


def test_numbers_go_on_after_the_last_of_their_width(tmp_path: Path) -> None:
    for number in range(1, 1002):
        (tmp_path / f"m.{number:03}").write_bytes(b"%04d" % number)
    (tmp_path / "m.1003").write_bytes(b"lone")
    with pytest.raises(UnreadableError, match=r"m\.1002: segment is missing"):
        raw_segments(tmp_path / "m.001")
    (tmp_path / "m.1003").unlink()
    image = RawImage(raw_segments(tmp_path / "m.001"))
    assert image.size == 4004
    assert image.read(4000, 4) == b"1001"
    image.close()


def test_other_files_beside_the_segments_are_left_alone(tmp_path: Path) -> None:
    paths = _split(tmp_path, ["m.001", "m.002"])
    for name in ("m.txt", "m.md5", "n.003", "m.2020", "m.ab"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "m.003").mkdir()
    assert raw_segments(paths[0]) == tuple(paths)
    assert raw_segments(tmp_path / "m.txt") == (tmp_path / "m.txt",)


def test_an_empty_segment_is_an_error(tmp_path: Path) -> None:
    paths = _split(tmp_path, ["m.001", "m.002", "m.003"])
    paths[1].write_bytes(b"")
    with pytest.raises(UnreadableError, match=r"m\.002: the file is empty; acquire or copy it again"):
        open_image(paths[0])


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    (path,) = _split(tmp_path, ["m.dd"])
    image = open_image(path)
    path.write_bytes(MEDIA[:10])
    with pytest.raises(UnreadableError, match=r"m\.dd: ends early; the file changed while it was read"):
        image.read(0, 1000)
    image.close()
