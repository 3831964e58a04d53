"""Laws of the formats: exact where whole, partial where cut or damaged, by files that other programs wrote."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.carvers import Carved
from tests.builders.archives import rar4, rar5
from tests.builders.pictures import picture
from tests.contract.test_carvers import carved
from tests.unit.decoders.compound import biff, compound

NOISE = random.Random(23).randbytes(1 << 17)
MEMBERS = {"一覧.csv": random.Random(1).randbytes(5000), "b.txt": b"text " * 3000}


def lone(data: bytes, rest: bytes = NOISE) -> Carved:
    """Return the only object in data between noise."""
    (item,) = carved(NOISE[:5000] + data + rest)
    assert item.start == 5000
    return item


def animated() -> bytes:
    """Return a GIF of five frames."""
    from PIL import Image

    frames = [Image.open(io.BytesIO(picture(120, 90, seed=seed, form="png"))).convert("P") for seed in range(5)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    return out.getvalue()


def whole(kind: str) -> bytes:
    if kind == "rtf":
        return (
            b"{\\rtf1\\ansi\\ansicpg932{\\fonttbl{\\f0 MS Mincho;}}\\f0 \\'8e\\'81 \\{a\\} \\par{\\bin7 }}{\0}}}}\r\n}"
        )
    if kind == "gzip":
        return gzip.compress(NOISE[:60000] + bytes(200000), mtime=0) + gzip.compress(b"second member", mtime=1)
    if kind == "ole2":
        return compound({"Workbook": biff({1: "海野"}, "表"), "Other": NOISE[:9000]})
    makers: dict[str, Callable[[], bytes]] = {
        "rar4": lambda: rar4(MEMBERS), "rar5": lambda: rar5(MEMBERS), "gif-animated": animated,
    }  # fmt: skip
    return makers[kind]() if kind in makers else picture(200, 150, seed=4, form=kind)


KINDS = {
    "gif": "gif", "gif-animated": "gif", "tiff": "tiff", "tiff-raw": "tiff", "tiff-lzw": "tiff", "rtf": "rtf",
    "gzip": "gzip", "ole2": "ole2", "rar4": "rar", "rar5": "rar",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_object_ends_where_its_writer_ended_it(kind: str) -> None:
    data = whole(kind)
    found = lone(data)
    assert (found.length, found.type, found.complete) == (len(data), KINDS[kind], True)


_STREAMS = {"gzip", "zlib"}
"""Whole by themselves, inside an object or alone: member after member, strip after strip."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_is_cut_off_is_never_whole(kind: str) -> None:
    data = whole(kind)
    for part in (2, 4):
        for rest in (NOISE, bytes(1 << 16), b"words and words\n" * 4000, b""):
            cut = len(data) * (part - 1) // part
            found = carved(NOISE[:5000] + data[:cut] + rest)
            assert not [item for item in found if item.complete and not item.note and item.type not in _STREAMS]
            assert all(item.start + item.length <= 5000 + cut + len(rest) for item in found)


@pytest.mark.parametrize("kind", ["gif", "tiff", "tiff-lzw", "gzip", "rar4", "rar5", "png"])
def test_an_object_with_foreign_bytes_inside_is_never_whole(kind: str) -> None:
    data = bytearray(whole(kind))
    middle = len(data) // 3
    data[middle : middle + 700] = NOISE[:700]
    assert not [item for item in carved(NOISE[:5000] + bytes(data) + NOISE) if item.complete and item.start == 5000]


def test_rar_without_its_end_block_keeps_whole_members() -> None:
    for data in (rar4(MEMBERS, ended=False), rar5(MEMBERS, ended=False)):
        assert (lone(data).length, lone(data).complete) == (len(data), False)


def test_gzip_bomb_stops_at_its_limit() -> None:
    bomb = gzip.compress(bytes(300 << 20), 9, mtime=0)
    found = lone(bomb)
    assert (found.complete, found.note) == (False, "not unpacked to its end")


@pytest.mark.tools
@pytest.mark.parametrize("options", [(), ("-mhe=on", "-psecret"), ("-m0=Copy",), ("-mhc=off",)])
def test_7z_ends_behind_its_directory(tmp_path: Path, tools: Callable[..., None], options: tuple[str, ...]) -> None:
    tools("7z")
    (tmp_path / "a.csv").write_bytes(NOISE[:3000] + b"1,2\n" * 5000)
    subprocess.run(["7z", "a", *options, "x.7z", "a.csv"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    data = (tmp_path / "x.7z").read_bytes()
    assert (lone(data).length, lone(data).complete) == (len(data), True)
    cut = lone(data[:-9])
    assert (cut.length, cut.complete) == (32, False)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("name", "options"),
    [("x.mp4", ()), ("x.mov", ()), ("x.mp4", ("-movflags", "+faststart")), ("x.mp4", ("-movflags", "frag_keyframe"))],
)
def test_movies_end_behind_their_last_box(
    tmp_path: Path, tools: Callable[..., None], name: str, options: tuple[str, ...]
) -> None:
    tools("ffmpeg")
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=128x96:rate=5:duration=2",
        "-c:v",
        "mpeg4",
    ]
    subprocess.run([*command, *options, name], cwd=tmp_path, check=True)
    data = (tmp_path / name).read_bytes()
    assert (lone(data).length, lone(data).complete) == (len(data), True)
    cut = lone(data[: len(data) * 2 // 3])
    assert cut.note or not cut.complete


def test_tar_in_gzip_is_one_object() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a.jpg")
        body = picture(80, 60, seed=1)
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    assert (lone(out.getvalue()).length, lone(out.getvalue()).complete) == (len(out.getvalue()), True)
