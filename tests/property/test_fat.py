"""The FAT reader lists exactly what a random history left on a FAT12, FAT16 or FAT32 volume."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.access.fat import open_fat
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_names import first_byte, slots_of
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Region
from tests.builders.fat_image import FatImage, Node
from tests.property.fat_history import BASE, HISTORY, Oracle, bytes_of, classes, expected_classes, live_history
from tests.unit.access.test_fat import _Bytes, _volume


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
    rows, oracle = [], Oracle(volume)
    for node in volume.nodes:
        kind, origin = "directory" if node.folder else "file", "allocated" if node.live else "deleted"
        certainty, clusters = (Certainty.INTACT if node.clusters else Certainty.NO_CONTENT), node.clusters
        if not node.live and not node.folder:
            certainty, clusters = oracle.verdict(node)
        if not node.live and node.folder:
            certainty = Certainty.CONTIGUITY_ASSUMED
        content = b"" if node.folder else bytes_of(volume, clusters, len(node.data))
        assert not node.live or content == node.data
        rows.append((_path(node), kind, origin, str(certainty), content))
    return sorted(rows)


@pytest.mark.parametrize(
    ("bits", "clusters", "cluster"), [(12, 900, 512), (12, 500, 1024), (16, 4200, 512), (32, 900, 512)]
)
def test_listing_contents_and_account_equal_the_model(bits: int, clusters: int, cluster: int) -> None:
    @settings(
        max_examples=12 if bits == 16 else 40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(HISTORY)
    def law(steps: list[tuple[str, int, int, int]]) -> None:
        volume = FatImage(bits, clusters=clusters, cluster=cluster)
        live_history(volume, steps)
        image = volume.image()
        place = _volume(len(image))
        reader = open_fat(_Bytes(image), place, FileSystemOptions())
        every = list(reader.entries())
        rows = [row for row in every if isinstance(row, FileEntry)]
        assert rows == every
        assert reader.geometry.bits == bits
        listed = [
            (row.path, row.kind, str(row.origin), str(row.certainty), reader.read(row, 0, row.size)) for row in rows
        ]
        assert sorted(listed) == _expected(volume)
        regions = [one for one in reader.regions() if isinstance(one, Region)]
        assert _named(regions) == _fixed(volume)
        assert (classes(rows, regions, place, BASE + len(image)) == expected_classes(volume, len(image), set())).all()

    law()


def _named(regions: list[Region]) -> dict[int, str]:
    """Sectors in front of the clusters, and what each is."""
    return {
        sector: one.name for one in regions if one.name in {"boot", "FAT 1", "FAT 2"}
        for sector in range((one.start - BASE) // 512, (one.start - BASE + one.length) // 512)
    }  # fmt: skip


def _fixed(volume: FatImage) -> dict[int, str]:
    names = ["boot"] * volume.reserved + ["FAT 1"] * volume.fat_sectors + ["FAT 2"] * volume.fat_sectors
    return dict(enumerate(names))


@given(st.binary(min_size=11, max_size=11))
def test_checksum_of_a_deleted_name_gives_its_first_byte_back(short: bytes) -> None:
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    assert first_byte(total, b"\xe5" + short[1:]) == short[0]


@given(st.binary(max_size=2000))
def test_any_bytes_are_slots_or_nothing(data: bytes) -> None:
    assert all(0 <= slot.at <= len(data) - 32 and slot.name for slot in slots_of(data, "cp932", Losses()))
