"""The FAT reader lists exactly what a random history left on a FAT12, FAT16 or FAT32 volume."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.access.fat import open_fat
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_names import first_byte, slots_of
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry
from tests.builders.fat_image import FatImage, Node, VolumeImage
from tests.unit.access.test_fat import _Bytes, _volume

NAMES = (
    "住民票.CSV", "構成表_全世帯.xls", "申請.TXT", "A.TXT", "readme.md", "給付金 対象者一覧（2022年度）最終版.xlsx",
    "ーソ能.DAT", "thirteen.text", "twenty-six-characters.text", "x" * 250, "表", "noext", "吉野家.txt",
)  # fmt: skip
ACTS = ("create", "create", "fragment", "mkdir", "delete", "delete", "overwrite", "overwrite")
STEP = st.tuples(st.sampled_from(ACTS), st.integers(0, 99), st.integers(0, 99), st.integers(0, 2600))
HISTORY = st.lists(STEP, min_size=10, max_size=40)


def filling(seed: int, size: int) -> bytes:
    """Bytes that look like no directory entry."""
    return bytes(0x80 | (seed * 31 + at * 7) & 0x7F for at in range(size))


def live_history(volume: VolumeImage, steps: list[tuple[str, int, int, int]]) -> None:
    """Run a random history; directories are deleted with what they hold, and only in one piece."""
    for number, (act, which, name, size) in enumerate(steps):
        folders = [volume.root, *(node for node in volume.nodes if node.folder and node.live)]
        path = f"{folders[which % len(folders)].path}/{number}{NAMES[name % len(NAMES)]}"
        dead = [node for node in volume.nodes if not node.live and not node.folder and node.clusters]
        alive = [node for node in volume.nodes if node.live]
        if act == "mkdir":
            volume.mkdir(path)
        elif act == "delete" and alive:
            _delete(volume, alive[which % len(alive)])
        elif act == "overwrite" and dead:
            volume.create(path, filling(number, size), over=dead[which % len(dead)].clusters[size % 2 :])
        else:
            volume.create(path, filling(number, size), every=2 if act == "fragment" else 1)


def _delete(volume: VolumeImage, node: Node) -> None:
    below = [one for one in volume.nodes if one.live and (one is node or one.path.startswith(f"{node.path}/"))]
    folders = [one for one in below if one.folder]
    if any(one.clusters[-1] - one.clusters[0] != len(one.clusters) - 1 for one in folders):
        return
    for one in reversed(below):
        volume.delete(one)


def guessed(volume: VolumeImage, first: int, size: int) -> tuple[str, list[int]]:
    """What may be said of a deleted file that is taken to lie in one piece."""
    if not size or not first:
        return Certainty.NO_CONTENT, []
    clusters = list(range(first, min(first - (-size // volume.cluster), volume.count + 2)))
    if first in volume.used:
        return Certainty.OVERWRITTEN, clusters
    if volume.used.intersection(clusters) or len(clusters) * volume.cluster < size:
        return Certainty.PARTLY_OVERWRITTEN, clusters
    return Certainty.CONTIGUITY_ASSUMED, clusters


def bytes_of(volume: VolumeImage, clusters: list[int], size: int) -> bytes:
    """Bytes of the finished volume by cluster numbers."""
    at = volume.cluster
    return b"".join(bytes(volume.heap[(one - 2) * at : (one - 1) * at]) for one in clusters)[:size]


def short_text(node: Node) -> str:
    """Name of a deleted entry that had a short name only: its first byte is gone."""
    raw = (node.parent.table if node.parent else [])[node.slots[-1]]
    parts = [b"_" + raw[1:8].rstrip(), raw[8:11].rstrip()]
    texts = []
    for part in parts:
        try:
            texts.append(part.decode("cp932"))
        except UnicodeDecodeError:
            texts.append("".join(chr(byte) if byte < 0x80 else chr(0xDC00 + byte) for byte in part))
    return ".".join(text for text in texts if text)


def _path(node: Node) -> str:
    """Path as it must be listed, with what deletion takes from names."""
    parent = _path(node.parent) if node.parent and node.parent.path else ""
    name = node.name if node.live or len(node.slots) > 1 else short_text(node)
    return f"{parent}/{name}"


def _expected(volume: FatImage) -> list[tuple[str, str, str, str, bytes]]:
    rows = []
    for node in volume.nodes:
        kind, origin = "directory" if node.folder else "file", "allocated" if node.live else "deleted"
        certainty, clusters = (Certainty.INTACT if node.clusters else Certainty.NO_CONTENT), node.clusters
        if not node.live and not node.folder:
            certainty, clusters = guessed(volume, node.clusters[0] if node.clusters else 0, len(node.data))
        if not node.live and node.folder:
            certainty = Certainty.CONTIGUITY_ASSUMED
        content = b"" if node.folder else bytes_of(volume, clusters, len(node.data))
        assert not node.live or content == node.data
        rows.append((_path(node), kind, origin, str(certainty), content))
    return sorted(rows)


def sectors(volume: VolumeImage, regions: list[tuple[int, int, str]], rows: list[FileEntry]) -> dict[int, list[str]]:
    """What every sector of the volume is said to be, by regions and by the runs of live files."""
    found: dict[int, list[str]] = {}
    claims = [
        (run.start - 4096, run.length, "file") for row in rows if row.origin == "allocated" and row.kind == "file"
        for run in row.runs
    ]  # fmt: skip
    for start, length, name in [*regions, *claims]:
        for sector in range(start // 512, -(-(start + length) // 512)):
            found.setdefault(sector, []).append(name)
    return found


def expected_sectors(volume: VolumeImage, meta: dict[int, str]) -> dict[int, list[str]]:
    """The same by the model; ``meta`` names clusters of the system."""
    owners = {
        one: "directory" if node.folder else "file" for node in volume.nodes if node.live for one in node.clusters
    }
    owners |= dict.fromkeys(volume.root.clusters, "root directory") | meta
    each = volume.cluster // 512
    return {
        volume.start // 512 + (one - 2) * each + part: [owners.get(one, "free clusters")]
        for one in range(2, volume.count + 2) for part in range(each)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "clusters", "cluster"), [(12, 900, 512), (12, 500, 1024), (16, 4200, 512), (32, 900, 512)]
)
def test_listing_contents_and_space_equal_the_model(bits: int, clusters: int, cluster: int) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(HISTORY)
    def law(steps: list[tuple[str, int, int, int]]) -> None:
        volume = FatImage(bits, clusters=clusters, cluster=cluster)
        live_history(volume, steps)
        image = volume.image()
        reader = open_fat(_Bytes(image), _volume(len(image)), FileSystemOptions())
        rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
        assert reader.geometry.bits == bits
        listed = [
            (row.path, row.kind, str(row.origin), str(row.certainty), reader.read(row, 0, row.size)) for row in rows
        ]
        assert sorted(listed) == _expected(volume)
        regions = [(one.start - 4096, one.length, one.name) for one in reader.regions()]
        assert sectors(volume, regions, rows) == expected_sectors(volume, {}) | _fixed(volume)

    law()


def _fixed(volume: FatImage) -> dict[int, list[str]]:
    names = ["boot"] * volume.reserved + ["FAT 1"] * volume.fat_sectors + ["FAT 2"] * volume.fat_sectors
    names += ["root directory"] * (volume.root_slots // 16)
    return {sector: [name] for sector, name in enumerate(names)}


@given(st.binary(min_size=11, max_size=11))
def test_checksum_of_a_deleted_name_gives_its_first_byte_back(short: bytes) -> None:
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    assert first_byte(total, b"\xe5" + short[1:]) == short[0]


@given(st.binary(max_size=2000))
def test_any_bytes_are_slots_or_nothing(data: bytes) -> None:
    assert all(0 <= slot.at <= len(data) - 32 and slot.name for slot in slots_of(data, "cp932", Losses()))
