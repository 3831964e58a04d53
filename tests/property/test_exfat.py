"""The exFAT reader lists exactly what a random history left on a volume."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.access.exfat import open_exfat
from pipeline.access.exfat_sets import sets_of
from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Region
from tests.builders.fat_image import ExfatImage
from tests.property.fat_history import BASE, HISTORY, Oracle, bytes_of, classes, expected_classes, live_history
from tests.unit.access.test_fat import _Bytes, _volume


def _expected(volume: ExfatImage) -> list[tuple[str, str, str, str, bytes]]:
    rows, oracle = [], Oracle(volume)
    for node in volume.nodes:
        certainty, clusters = (Certainty.INTACT if node.clusters else Certainty.NO_CONTENT), node.clusters
        if not node.live:
            certainty, clusters = oracle.verdict(node)
        content = b"" if node.folder else bytes_of(volume, clusters, len(node.data))
        assert not node.live or content == (b"" if node.folder else node.data)
        kind, origin = "directory" if node.folder else "file", "allocated" if node.live else "deleted"
        rows.append((node.path, kind, origin, str(certainty), content))
    return sorted(rows)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(HISTORY)
def test_listing_contents_and_account_equal_the_model(steps: list[tuple[str, int, int, int]]) -> None:
    volume = ExfatImage(clusters=900)
    live_history(volume, steps)
    image = volume.image()
    place = _volume(len(image))
    reader = open_exfat(_Bytes(image), place, FileSystemOptions())
    every = list(reader.entries())
    rows = [row for row in every if isinstance(row, FileEntry)]
    assert rows == every
    listed = []
    for row in rows:
        content = b"" if row.kind == "directory" else reader.read(row, 0, row.size)
        listed.append((row.path, row.kind, str(row.origin), str(row.certainty), content))
    assert sorted(listed) == _expected(volume)
    regions = [one for one in reader.regions() if isinstance(one, Region)]
    assert {one.name for one in regions} >= {"boot", "FAT", "root directory", "bitmap", "up-case"}
    wanted = expected_classes(volume, len(image), {*volume.bitmap, *volume.upcase})
    assert (classes(rows, regions, place, BASE + len(image)) == wanted).all()


@given(st.binary(max_size=2000))
def test_any_bytes_are_sets_or_nothing(data: bytes) -> None:
    assert all(0 <= one.at < one.end <= len(data) for one in sets_of(data, Losses()))
