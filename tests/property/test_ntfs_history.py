"""The NTFS reader lists, reads and accounts for exactly what a random history left on a volume."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.ntfs import open_ntfs
from pipeline.records import Certainty, FileEntry, Origin, Region
from tests.builders.ntfs_image import CLUSTER, CLUSTERS, FIRST_DATA, File, NtfsImage, Stream
from tests.property.fat_history import BASE, CLASSES, NAMES, classes, filling
from tests.unit.access.test_fat import _Bytes, _volume

ACTS = ("create", "create", "listed", "folder", "delete", "delete", "rewrite", "refill", "stream")
STEP = st.tuples(st.sampled_from(ACTS), st.integers(0, 99), st.integers(0, 99), st.integers(0, 9000))
Row = tuple[str, str, str, str, bytes]


def lived(steps: list[tuple[str, int, int, int]]) -> NtfsImage:
    """Run a history; four steps share a moment."""
    volume = NtfsImage()
    for number, (act, which, name, size) in enumerate(steps, 1):
        changed, content = number // 4, filling(number, 1500 + size if name % 4 else size % 300)
        files = [one for one in volume.files if one.live and not one.folder]
        freed = [
            one for file in volume.files if not file.live for held in file.streams.values() for one in held.clusters
        ]
        holes = {"refill": freed[name % 3 :], "create": [*range(FIRST_DATA + which, CLUSTERS, 1 + name % 3)]}.get(
            act, []
        )
        if act == "delete" and files:
            volume.delete(files[which % len(files)], changed)
        elif act == "rewrite" and files:
            volume.write(files[which % len(files)], "", content, freed[name % 5 :], changed)
        elif act == "stream" and files:
            file = files[which % len(files)]
            if len(file.streams) < 4:
                volume.write(file, f"s{name % 3}", content[:3000], holes, changed)
        elif not volume.full:
            folders = [5, *(one.number for one in volume.files if one.folder)]
            file = File(volume.number(), f"{number}{NAMES[name % 9]}", folders[which % len(folders)], act == "folder")
            volume.files.append(file)
            if act != "folder":
                file.spare = volume.number() if act == "listed" else 0
                volume.write(file, "", content, holes, changed)
    return volume


def path_of(volume: NtfsImage, file: File) -> str:
    above = next((one for one in volume.files if one.number == file.parent), None)
    return f"{path_of(volume, above) if above else ''}/{file.name}"


def lost_of(volume: NtfsImage, file: File, stream: Stream) -> list[int]:
    """Clusters of a deleted stream that are in use now, or that a deleted file which is no older claims too."""
    others = {
        one for other in volume.files if not other.live and other is not file and other.changed >= file.changed
        for held in other.streams.values() for one in held.clusters
    }  # fmt: skip
    return [one for one in stream.clusters if one in volume.used or one in others]


def expected(volume: NtfsImage) -> list[Row]:
    rows: list[Row] = []
    for file in volume.files:
        for name, stream in file.streams.items():
            content = stream.data
            certainty = Certainty.INTACT if file.live or stream.data else Certainty.NO_CONTENT
            if not file.live and stream.clusters:
                lost = lost_of(volume, file, stream)
                some = Certainty.PARTLY_OVERWRITTEN if lost else Certainty.INTACT
                certainty = Certainty.OVERWRITTEN if len(lost) == len(stream.clusters) else some
                parts = (volume.heap[one * CLUSTER : (one + 1) * CLUSTER] for one in stream.clusters)
                content = b"".join(map(bytes, parts))[: len(stream.data)]
            origin = Origin.ALLOCATED if file.live else Origin.DELETED
            rows.append((path_of(volume, file), name, str(origin), str(certainty), content))
    return sorted(rows)


def expected_classes(volume: NtfsImage, size: int) -> np.ndarray:  # type: ignore[type-arg]
    found = np.full(size, CLASSES.index("file-system-metadata"), np.uint8)
    found[FIRST_DATA * CLUSTER : CLUSTERS * CLUSTER] = CLASSES.index("unallocated")
    for file in sorted(volume.files, key=lambda one: one.live):
        for stream in file.streams.values():
            left = len(stream.data)
            for one in stream.clusters:
                inside = min(left, CLUSTER)
                left -= inside
                if file.live:
                    found[one * CLUSTER : (one + 1) * CLUSTER] = CLASSES.index("file-slack")
                if file.live or one not in volume.used:
                    found[one * CLUSTER : one * CLUSTER + inside] = CLASSES.index(
                        "file-content" if file.live else "deleted-content"
                    )
    return found


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=14, max_size=34))
def test_listing_contents_and_account_equal_the_model(steps: list[tuple[str, int, int, int]]) -> None:
    volume = lived(steps)
    image = volume.image()
    place = _volume(len(image))
    reader = open_ntfs(_Bytes(image), place, FileSystemOptions())
    every = list(reader.entries())
    rows = [row for row in every if isinstance(row, FileEntry)]
    assert rows == every
    files = [row for row in rows if row.kind in {"file", "stream"} and row.meta >= 24]
    listed = [
        (row.path, row.stream, str(row.origin), str(row.certainty), reader.read(row, 0, row.size)) for row in files
    ]
    assert sorted(listed) == expected(volume)
    regions = [one for one in reader.regions() if isinstance(one, Region)]
    assert (classes(rows, regions, place, BASE + len(image)) == expected_classes(volume, len(image))).all()
