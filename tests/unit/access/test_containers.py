"""Containers give the bytes that were put into them, or a named error; never other bytes."""

from __future__ import annotations

import gzip
import random
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from dfvfs.resolver import context, resolver

from pipeline.access.dfvfs_layers import ContainerImage, storage_spec
from pipeline.access.hashing import hash_segments
from pipeline.access.image import open_image
from pipeline.access.qcow import QcowImage
from pipeline.errors import UnreadableError

_WORDS = [b"apple ", b"river ", b"stone ", b"cloud ", b"tiger "]
# 6 MiB and no whole number of clusters: text, noise, holes.
SIZE = 16 * 63 * 512 * 12


def _media() -> bytes:
    chance = random.Random(13)
    text = b"".join(chance.choices(_WORDS, k=400_000))[: SIZE // 3]
    noise = chance.randbytes(SIZE // 3)
    return (text + noise).ljust(SIZE, b"\0")


MEDIA = _media()
KINDS = {
    "vhd": ["-O", "vpc", "-o", "force_size=on"],
    "fixed.vhd": ["-O", "vpc", "-o", "subformat=fixed,force_size=on"],
    "vhdx": ["-O", "vhdx"],
    "fixed.vhdx": ["-O", "vhdx", "-o", "subformat=fixed"],
    "vmdk": ["-O", "vmdk"],
    "flat.vmdk": ["-O", "vmdk", "-o", "subformat=monolithicFlat"],
    "stream.vmdk": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
    "split.vmdk": ["-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"],
    "qcow2": ["-O", "qcow2"],
    "v2.qcow2": ["-O", "qcow2", "-o", "compat=0.10"],
    "packed.qcow2": ["-O", "qcow2", "-c"],
    "small.qcow2": ["-O", "qcow2", "-c", "-o", "cluster_size=4096"],
    "large.qcow2": ["-O", "qcow2", "-c", "-o", "cluster_size=2M"],
}


def _convert(folder: Path, name: str, options: list[str]) -> Path:
    raw, path = folder / "m.raw", folder / f"m.{name}"
    raw.write_bytes(MEDIA)
    subprocess.run(["qemu-img", "convert", "-f", "raw", *options, str(raw), str(path)], check=True, capture_output=True)
    raw.unlink()
    return path


@pytest.mark.tools
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_container_gives_the_bytes_put_into_it(tmp_path: Path, tools: Callable[..., None], name: str) -> None:
    tools("qemu-img")
    path = _convert(tmp_path, name, KINDS[name])
    before = {child: (child.read_bytes(), child.stat().st_mtime_ns) for child in sorted(tmp_path.iterdir())}
    image = open_image(path)
    assert isinstance(image, QcowImage if name.endswith("qcow2") else ContainerImage)
    assert image.size == SIZE
    assert image.read(0, SIZE) == MEDIA
    chance = random.Random(3)
    for _ in range(60):
        start, length = chance.randrange(SIZE + 9), chance.randrange(200_000)
        assert image.read(start, length) == MEDIA[start : start + length]
    assert set(image.segments) == {str(child) for child in before}
    image.close()
    assert {child: (child.read_bytes(), child.stat().st_mtime_ns) for child in sorted(tmp_path.iterdir())} == before


@pytest.mark.tools
def test_an_extent_that_changes_changes_the_containers_hash(tmp_path: Path, tools: Callable[..., None]) -> None:
    tools("qemu-img")
    path = _convert(tmp_path, "flat.vmdk", KINDS["flat.vmdk"])
    before = hash_segments(open_image(path).segments)
    extent = tmp_path / "m.flat-flat.vmdk"
    extent.write_bytes(b"x" + extent.read_bytes()[1:])
    assert hash_segments(open_image(path).segments) != before


@pytest.mark.tools
@pytest.mark.parametrize("name", ["flat.vmdk", "split.vmdk"])
def test_a_missing_extent_is_an_error(tmp_path: Path, tools: Callable[..., None], name: str) -> None:
    tools("qemu-img")
    path = _convert(tmp_path, name, KINDS[name])
    for child in tmp_path.iterdir():
        if child != path:
            child.unlink()
    with pytest.raises(UnreadableError, match=rf"m\.{name}: the VMDK container cannot be opened .*copy it again"):
        open_image(path)


@pytest.mark.tools
@pytest.mark.parametrize(("kind", "text"), [("qcow2", "needs a backing file"), ("vmdk", "cannot be read")])
def test_a_difference_image_is_not_read_as_a_medium(
    tmp_path: Path, tools: Callable[..., None], kind: str, text: str
) -> None:
    tools("qemu-img")
    base = _convert(tmp_path, kind, KINDS[kind])
    child = tmp_path / f"child.{kind}"
    command = ["qemu-img", "create", "-f", kind, "-b", str(base), "-F", kind, str(child)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(UnreadableError, match=rf"child\.{kind}: .*{text}"):
        open_image(child)


@pytest.mark.tools
@pytest.mark.parametrize("kind", ["vdi", "qed", "parallels", "qcow"])
def test_a_foreign_container_is_refused_not_taken_for_a_medium(
    tmp_path: Path, tools: Callable[..., None], kind: str
) -> None:
    tools("qemu-img")
    path = _convert(tmp_path, "img", ["-O", kind])
    with pytest.raises(UnreadableError, match=r"m\.img: .* not read.*convert a copy"):
        open_image(path)


def test_a_compressed_image_is_refused_not_taken_for_a_medium(tmp_path: Path) -> None:
    (tmp_path / "m.dd.gz").write_bytes(gzip.compress(bytes(9999)))
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("m.dd", bytes(9999))
    for name, kind in (("m.dd.gz", "a gzip file"), ("m.zip", "a ZIP archive or an AFF4 image")):
        with pytest.raises(UnreadableError, match=rf"{name}: is {kind}, which is not read as a medium; unpack"):
            open_image(tmp_path / name)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x04\x22\x4d\x18", "an LZ4 file"),
        (b"encrcdsa\0\0\0\2", "an encrypted Apple disk image"),
        (b"# Disk Descriptor File\nversion=1\n", "a VMware descriptor of an unknown kind"),
    ],
)
def test_what_dfvfs_does_not_know_is_refused_too(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "m.img").write_bytes(head + bytes(9999))
    with pytest.raises(UnreadableError, match=rf"m\.img: is {kind}, which is not read as a medium; unpack"):
        open_image(tmp_path / "m.img")


@pytest.mark.tools
def test_a_vhd_whose_end_is_missing_is_refused_not_taken_for_a_medium(
    tmp_path: Path, tools: Callable[..., None]
) -> None:
    tools("qemu-img")
    path = _convert(tmp_path, "vhd", KINDS["vhd"])
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(UnreadableError, match="is a VHD disk without its end, which is not read as a medium"):
        open_image(path)


def _qcow(entries: list[int], data: bytes) -> bytes:
    """Return a QCOW2 image of 512-byte clusters: header, table of tables, table, data from byte 1536."""
    header = struct.pack(">4sIQIIQIIQ", b"QFI\xfb", 2, 0, 0, 9, 512 * len(entries), 0, 1, 512).ljust(512, b"\0")
    top = struct.pack(">Q", 1024).ljust(512, b"\0")
    return header + top + struct.pack(f">{len(entries)}Q", *entries).ljust(512, b"\0") + data


def test_clusters_outside_the_file_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "m.qcow2"
    path.write_bytes(_qcow([1536, 0, 2048, 1 << 40, (1 << 62) | 1536], b"a" * 512 + b"b" * 100))
    image = open_image(path)
    assert image.read(0, 1024) == b"a" * 512 + bytes(512)
    for start, text in ((1024, "ends before byte 2560"), (1536, "ends before"), (2048, "medium byte 2048 is damaged")):
        with pytest.raises(UnreadableError, match=rf"m\.qcow2: .*{text}.*copy the image again"):
            image.read(start, 512)
    image.close()


def test_a_damaged_qcow_ends_in_bytes_or_in_a_named_error(tmp_path: Path) -> None:
    good, chance = _qcow([1536, 0, 2048, (1 << 62) | 2048], b"a" * 1024), random.Random(4)
    path = tmp_path / "m.qcow2"
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(4, 1100)] = chance.choice([0, 1, 128, 255, chance.randrange(256)])
        path.write_bytes(data)
        try:
            image = open_image(path)
            assert len(image.read(0, 4096)) == min(image.size, 4096)
            image.close()
        except UnreadableError as error:
            assert "m.qcow2" in str(error)  # noqa: PT017 - either outcome is lawful


@pytest.mark.tools
def test_dfvfs_is_never_asked_for_compressed_clusters(tmp_path: Path, tools: Callable[..., None]) -> None:
    tools("qemu-img")
    packed = _convert(tmp_path, "packed.qcow2", KINDS["packed.qcow2"])
    with pytest.raises(UnreadableError, match=r"m\.packed\.qcow2: dfVFS misreads compressed clusters; convert a copy"):
        storage_spec(packed, "QCOW")
    plain = _convert(tmp_path, "qcow2", KINDS["qcow2"])
    assert storage_spec(plain, "QCOW").type_indicator == "QCOW"


@pytest.mark.tools
def test_libqcow_still_gives_other_bytes_for_compressed_clusters(tmp_path: Path, tools: Callable[..., None]) -> None:
    """When this fails, libqcow is mended: the own reader may go."""
    tools("qemu-img")
    spec = storage_spec(_convert(tmp_path, "qcow2", KINDS["qcow2"]), "QCOW")
    _convert(tmp_path, "qcow2", KINDS["packed.qcow2"])
    handle = resolver.Resolver.OpenFileObject(spec, resolver_context=context.Context())
    assert handle.get_size() == SIZE
    assert handle.read(SIZE) != MEDIA
