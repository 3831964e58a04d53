"""The exFAT reader lists exactly what a random history left on a volume."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.access.exfat import open_exfat
from pipeline.access.exfat_sets import sets_of
from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry
from tests.builders.fat_image import ExfatImage, Node
from tests.property.test_fat import HISTORY, bytes_of, expected_sectors, guessed, live_history, sectors
from tests.unit.access.test_fat import _Bytes, _volume


def _deleted(volume: ExfatImage, node: Node) -> tuple[str, list[int]]:
    """What may be said of a deleted set: its old chain where all of it is still free, else one piece."""
    size = len(node.clusters) * volume.cluster if node.folder else len(node.data)
    pieces = node.clusters and node.clusters != list(range(node.clusters[0], node.clusters[-1] + 1))
    chained = [node.clusters[0]] if pieces else []
    while chained and len(chained) < len(node.clusters) and 2 <= volume.fat[chained[-1]] < volume.count + 2:
        chained.append(volume.fat[chained[-1]])
    if pieces and len(chained) == len(node.clusters) and not volume.used.intersection(chained):
        return Certainty.CONTIGUITY_ASSUMED, chained
    return guessed(volume, node.clusters[0] if node.clusters else 0, size)


def _expected(volume: ExfatImage) -> list[tuple[str, str, str, str, bytes]]:
    rows = []
    for node in volume.nodes:
        certainty, clusters = (Certainty.INTACT if node.clusters else Certainty.NO_CONTENT), node.clusters
        if not node.live:
            certainty, clusters = _deleted(volume, node)
        content = b"" if node.folder else bytes_of(volume, clusters, len(node.data))
        assert not node.live or content == (b"" if node.folder else node.data)
        kind, origin = "directory" if node.folder else "file", "allocated" if node.live else "deleted"
        rows.append((node.path, kind, origin, str(certainty), content))
    return sorted(rows)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(HISTORY)
def test_listing_contents_and_space_equal_the_model(steps: list[tuple[str, int, int, int]]) -> None:
    volume = ExfatImage(clusters=900)
    live_history(volume, steps)
    image = volume.image()
    reader = open_exfat(_Bytes(image), _volume(len(image)), FileSystemOptions())
    every = list(reader.entries())
    rows = [row for row in every if isinstance(row, FileEntry)]
    assert rows == every
    listed = []
    for row in rows:
        content = b"" if row.kind == "directory" else reader.read(row, 0, row.size)
        listed.append((row.path, row.kind, str(row.origin), str(row.certainty), content))
    assert sorted(listed) == _expected(volume)
    regions = [(one.start - 4096, one.length, one.name) for one in reader.regions()]
    fixed = {sector: ["boot" if sector < 24 else "FAT"] for sector in range(24 + volume.fat_sectors)}
    meta = dict.fromkeys(volume.bitmap, "bitmap") | dict.fromkeys(volume.upcase, "up-case")
    assert sectors(volume, regions, rows) == expected_sectors(volume, meta) | fixed


@given(st.binary(max_size=2000))
def test_any_bytes_are_sets_or_nothing(data: bytes) -> None:
    assert all(0 <= one.at < one.end <= len(data) for one in sets_of(data, Losses()))
