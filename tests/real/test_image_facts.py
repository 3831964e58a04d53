"""The field's own images open, give the same bytes by two readers, and are left as they were."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.dfvfs_layers import ContainerImage
from pipeline.access.ewf import EwfImage, ewf_segments
from pipeline.access.ewf_reference import ReferenceImage
from pipeline.access.hashing import hash_image
from pipeline.access.image import cross_check, open_image
from pipeline.access.qcow import QcowImage
from pipeline.access.raw import RawImage
from pipeline.errors import UnreadableError
from tests.real_data import real_path

# fact, first file, reader, size of the medium in bytes, segments
OPENED = [
    ("R002", "dfvfs/test_data/ext2.split.E01", EwfImage, 4194304, 2),
    ("R004", "dfvfs/test_data/ext2.splitraw.000", RawImage, 4194304, 2),
    ("R006", "dfvfs/test_data/ext2.vmdk", ContainerImage, 4194304, 1),
    ("R012", "dfvfs/test_data/windows_volume.qcow2", QcowImage, 35913728, 1),
    ("R014", "plaso/test_data/image-split.E01", EwfImage, 1474560, 2),
    ("R016", "plaso/test_data/image.qcow2", QcowImage, 102400, 1),
    ("R018", "sleuthkit/test/data/image.dd", RawImage, 102400, 1),
    ("R020", "sleuthkit/test/data/image.vmdk", ContainerImage, 102400, 1),
]


@pytest.mark.parametrize(("fact", "name", "reader", "size", "segments"), OPENED, ids=[row[0] for row in OPENED])
def test_the_image_of_a_fact_opens(fact: str, name: str, reader: type, size: int, segments: int) -> None:
    image = open_image(real_path(name))
    assert (type(image), image.size, len(image.segments)) == (reader, size, segments)
    assert len(image.read(0, size + 1)) == size
    assert image.unreadable == ()
    image.close()


@pytest.mark.parametrize("name", ["dfvfs/test_data/ext2.split.E01", "plaso/test_data/image-split.E01"])
def test_both_readers_give_the_same_bytes_and_the_stored_hash(name: str) -> None:
    path = real_path(name)
    own, reference = open_image(path), ReferenceImage(ewf_segments(path))
    assert own.read(0, own.size) == reference.read(0, reference.size)
    assert own.stored == reference.stored
    digests = hash_image(own)
    assert own.stored["md5"] == digests.md5
    assert own.stored.get("sha1", digests.sha1) == digests.sha1
    assert cross_check(own) > 0
    own.close()
    reference.close()


def test_three_containers_of_one_medium_agree() -> None:
    names = ("ext2.split.E01", "ext2.splitraw.000", "ext2.vmdk")
    images = [open_image(real_path(f"dfvfs/test_data/{name}")) for name in names]
    first, *others = (image.read(0, image.size) for image in images)
    assert [other == first for other in others] == [True, True]


@pytest.mark.tools
@pytest.mark.parametrize("name", [row[1] for row in OPENED if row[2] in {QcowImage, ContainerImage}])
def test_a_container_gives_what_qemu_converts_it_to(tmp_path: Path, tools: Callable[..., None], name: str) -> None:
    tools("qemu-img")
    path = real_path(name)
    command = ["qemu-img", "convert", "-O", "raw", str(path), str(tmp_path / "m.raw")]
    subprocess.run(command, check=True, capture_output=True)
    image = open_image(path)
    digest = hashlib.sha256(image.read(0, image.size)).hexdigest()
    assert digest == hashlib.sha256((tmp_path / "m.raw").read_bytes()).hexdigest()
    image.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dfvfs/test_data/ext2.splitraw.001", r"ext2\.splitraw\.001: not the first segment; name ext2\.splitraw\.000"),
        (
            "dfvfs/test_data/ext2.split.E02",
            r"ext2\.split\.E02: not the first segment but number 2; name ext2\.split\.E01",
        ),
    ],
)
def test_half_a_real_medium_is_refused(name: str, text: str) -> None:
    with pytest.raises(UnreadableError, match=text):
        open_image(real_path(name))


@pytest.mark.parametrize(("first", "gone"), [("ext2.split.E01", "ext2.split.E02")])
def test_a_real_image_without_its_last_segment_is_refused(tmp_path: Path, first: str, gone: str) -> None:
    shutil.copy(real_path(f"dfvfs/test_data/{first}"), tmp_path)
    with pytest.raises(UnreadableError, match=rf"{gone}: segment is missing.*put all segments in one folder"):
        open_image(tmp_path / first)


@pytest.mark.parametrize("name", [row[1] for row in OPENED], ids=[row[0] for row in OPENED])
def test_real_evidence_is_left_as_it_was(name: str) -> None:
    image = open_image(real_path(name))
    paths = [Path(segment) for segment in image.segments]
    before = [(path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    names = sorted(child.name for child in paths[0].parent.iterdir())
    image.read(0, image.size)
    cross_check(image)
    image.close()
    assert [(path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths] == before
    assert sorted(child.name for child in paths[0].parent.iterdir()) == names
