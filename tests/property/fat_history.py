"""Random histories of FAT and exFAT volumes, and what must be said of what they leave: cluster by cluster, slowly.

The readers judge deleted files by stretches, sorted arrays and a sweep; here every cluster is looked at alone. What a
history means is the volume's own knowledge (``fat_image``): names, contents, chains, times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from pipeline.records import Certainty, ExtentClass, FileEntry, Region, Volume
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.base import Item
from pipeline.stages.extents import ExtentsStage
from tests.builders.fat_image import ExfatImage, Node, VolumeImage

NAMES = (
    "住民票.CSV", "構成表_全世帯.xls", "申請.TXT", "A.TXT", "readme.md", "給付金 対象者一覧（2022年度）最終版.xlsx",
    "ーソ能.DAT", "thirteen.text", "twenty-six-characters.text", "x" * 250, "表", "noext", "吉野家.txt",
    "lone\udc8dhalf.txt",
)  # fmt: skip
ACTS = (
    "create", "create", "fragment", "mkdir", "delete", "delete", "overwrite", "refill", "refill", "append", "rename",
)  # fmt: skip
STEP = st.tuples(st.sampled_from(ACTS), st.integers(0, 99), st.integers(0, 99), st.integers(0, 2600))
HISTORY = st.lists(STEP, min_size=10, max_size=40)
MARGIN = timedelta(seconds=2)
LONG_AGO = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))
BASE = 4096
CLASSES = ("", *map(str, ExtentClass))


def filling(seed: int, size: int) -> bytes:
    """Bytes that look like no directory entry."""
    return bytes(0x80 | (seed * 31 + at * 7) & 0x7F for at in range(size))


def moment(number: int) -> tuple[int, ...]:
    """Two steps in each 4 seconds: some lie within FAT's resolution of each other, most do not."""
    seconds = number * 2 if number % 3 else number * 2 - 2
    return 2022, 11, 23, 10, seconds // 60, seconds % 60


def live_history(volume: VolumeImage, steps: list[tuple[str, int, int, int]]) -> None:
    """Run a random history; directories are deleted with what they hold, and only in one piece."""
    for number, (act, which, name, size) in enumerate(steps, 1):
        when = moment(number)
        folders = [volume.root, *(node for node in volume.nodes if node.folder and node.live)]
        path = f"{folders[which % len(folders)].path}/{number}{NAMES[name % len(NAMES)]}"
        dead = [node for node in volume.nodes if not node.live and not node.folder and node.clusters]
        alive = [node for node in volume.nodes if node.live]
        files = [node for node in alive if not node.folder]
        holes = sorted({one for node in dead for one in node.clusters} - volume.used)
        if act == "mkdir":
            volume.mkdir(path, when)
        elif act == "delete" and alive:
            _delete(volume, alive[which % len(alive)])
        elif act == "rename" and files:
            volume.rename(files[which % len(files)], path)
        elif act == "append" and files:
            volume.append(files[which % len(files)], filling(number, size), when, holes[name % 5 :])
        elif act == "overwrite" and dead:
            volume.create(path, filling(number, size), over=dead[which % len(dead)].clusters[size % 2 :], when=when)
        elif act == "refill" and holes:
            volume.create(path, filling(number, size), over=holes[name % 3 :], when=when)
        else:
            volume.create(path, filling(number, size), every=2 if act == "fragment" else 1, when=when)


def _delete(volume: VolumeImage, node: Node) -> None:
    below = [one for one in volume.nodes if one.live and (one is node or one.path.startswith(f"{node.path}/"))]
    folders = [one for one in below if one.folder]
    if any(one.clusters[-1] - one.clusters[0] != len(one.clusters) - 1 for one in folders):
        return
    for one in reversed(below):
        volume.delete(one)


def _at(when: tuple[int, ...]) -> datetime:
    return datetime(*when, tzinfo=timezone(timedelta(hours=9)))  # type: ignore[arg-type,misc]


class Oracle:
    """Cluster by cluster: who lives there, and who of the deleted came last."""

    def __init__(self, volume: VolumeImage) -> None:
        self.volume = volume
        self.end = volume.count + 2
        self.owner: dict[int, datetime] = dict.fromkeys(volume.root.clusters, LONG_AGO)
        self.run: dict[int, int] = {}
        self.grown: dict[int, datetime] = {}
        for node in volume.nodes:
            if node.live:
                self.owner |= dict.fromkeys(node.clusters, _at(node.born))
                self.grown |= dict.fromkeys(node.clusters, max(_at(node.born), _at(node.last)))
                for one, before in zip(node.clusters, [-9, *node.clusters], strict=False):
                    self.run[one] = self.run[before] if before + 1 == one else one
        self.newest: dict[int, tuple[datetime, int]] = {}
        self.claims: dict[int, list[Node]] = {}
        claims: list[tuple[datetime, int, list[int]]] = []
        claimed: list[tuple[Node, list[int]]] = []
        for node in volume.nodes:
            if (
                not node.live
                and node.clusters
                and self._now(node) is None
                and (not node.folder or isinstance(volume, ExfatImage))
            ):
                known = self.chained(node)
                claims.append((_at(node.born), node.clusters[0], known or [one for one, _ in self.walk(node)]))
                claimed.append((node, claims[-1][2]))
        for born, first, held in claims:
            for one in held:
                self.newest[one] = max(self.newest.get(one, (born, first)), (born, first))
        for node, held in claimed:
            for one in held:
                if one >= 0:
                    self.claims.setdefault(one, []).append(node)
        self.contested = {
            one: any(
                self._rivals(node, other) for node in nodes for other in nodes if self._key(node) == self.newest[one]
            )
            for one, nodes in self.claims.items()
        }

    def _key(self, node: Node) -> tuple[datetime, int]:
        return _at(node.born), node.clusters[0]

    def _states(self, node: Node) -> tuple[datetime, int, datetime, int]:
        return *self._key(node), max(_at(node.born), _at(node.last)), self.size(node)

    def _rivals(self, node: Node, other: Node) -> bool:
        """Whether the newest claimant's cluster may have been another's then, or may be his now."""
        if self._states(other) == self._states(node):
            return False
        later = max(_at(other.born), _at(other.last)) + MARGIN >= _at(node.born)
        alone = self.whole(node) or bool(self.chained(node))
        return later or (not alone and other.clusters[0] != node.clusters[0])

    def size(self, node: Node) -> int:
        folder = node.folder and isinstance(self.volume, ExfatImage)
        return len(node.clusters) * self.volume.cluster if folder else len(node.data)

    def whole(self, node: Node) -> bool:
        """Whether the entry says that its clusters are one piece (exFAT)."""
        piece = node.clusters == list(range(node.clusters[0], node.clusters[-1] + 1))
        return piece and isinstance(self.volume, ExfatImage)

    def chained(self, node: Node) -> list[int]:
        """What a deleted exFAT set's chain still names, where it is whole and free."""
        if not isinstance(self.volume, ExfatImage) or not node.clusters or self.whole(node):
            return []
        need, chain = -(-self.size(node) // self.volume.cluster), [node.clusters[0]]
        while len(chain) < need and 2 <= self.volume.fat[chain[-1]] < self.end:
            chain.append(self.volume.fat[chain[-1]])
        good = len(chain) == need == len(set(chain)) and not self.volume.used.intersection(chain)
        return chain if good and all(self.volume.fat[one] for one in chain) else []

    def kind(self, one: int, node: Node) -> str:
        """What a cluster was to a deleted file: free, shared, gap, doubt or taken."""
        last = max(_at(node.born), _at(node.last)) + MARGIN
        if one in self.volume.used:
            owner = self.owner.get(one)
            if owner is None or owner > last or self.whole(node):
                return "taken"
            return "gap" if self.grown.get(one, LONG_AGO) <= last else "doubt"
        return self.free_kind(one, node, whole=self.whole(node))

    def free_kind(self, one: int, node: Node, *, whole: bool) -> str:
        """The same of a free cluster."""
        last = max(_at(node.born), _at(node.last)) + MARGIN
        mine, theirs = self._key(node), self.newest.get(one)
        if theirs is None:
            return "free"
        if theirs <= mine:
            return "shared" if theirs != mine or self.contested[one] else "free"
        if theirs[0] > last or theirs[1] == mine[1]:
            return "taken"
        return "shared" if whole else "doubt"

    def walk(self, node: Node) -> Iterator[tuple[int, str]]:
        """Yield the clusters that a deleted file is taken to have, with what became of them."""
        need, first = -(-self.size(node) // self.volume.cluster), node.clusters[0]
        for one in range(first, self.end):
            if need == 0:
                return
            kind = self.kind(one, node)
            if kind == "doubt" and one == first and one not in self.volume.used:
                kind = "shared"
            if kind in ("gap", "doubt") and first in self.run and self.run.get(one) == self.run[first]:
                kind = "taken"  # what took its beginning, going on
            if kind in ("gap", "doubt"):
                yield -1, kind
                continue
            need -= 1
            yield one, kind

    def verdict(self, node: Node) -> tuple[str, list[int]]:
        """Return certainty and clusters of a deleted file, or of a deleted exFAT directory."""
        if not node.clusters or not self.size(node):
            return Certainty.NO_CONTENT, []
        if (now := self._now(node)) is not None:
            same = now.last == node.last and self.size(now) == self.size(node)
            certainty = Certainty.INTACT if same else Certainty.PARTLY_OVERWRITTEN
            return certainty, now.clusters[: -(-self.size(node) // self.volume.cluster)]
        known = self.chained(node)
        chain = [(one, self.free_kind(one, node, whole=True)) for one in known]
        walked = chain if known else list(self.walk(node))
        held = [(one, kind) for one, kind in walked if one >= 0]
        taken = sum(kind == "taken" for _, kind in held)
        doubt = any(kind in ("doubt", "shared") for _, kind in walked)
        if taken == len(held):
            return Certainty.OVERWRITTEN, [one for one, _ in held]
        if taken or len(held) * self.volume.cluster < self.size(node):
            return Certainty.PARTLY_OVERWRITTEN, [one for one, _ in held]
        return Certainty.CONTESTED if doubt else Certainty.CONTIGUITY_ASSUMED, [one for one, _ in held]

    def _now(self, node: Node) -> Node | None:
        """Return the live file that an old name's clusters belong to now."""
        now: Node | None = node
        while now is not None and not now.live:
            now = now.moved
        return now


def bytes_of(volume: VolumeImage, clusters: list[int], size: int) -> bytes:
    """Bytes of the finished volume by cluster numbers."""
    at = volume.cluster
    return b"".join(bytes(volume.heap[(one - 2) * at : (one - 1) * at]) for one in clusters)[:size]


def classes(rows: list[FileEntry], regions: list[Region], volume: Volume, size: int) -> np.ndarray[Any, Any]:
    """Return the class of every byte as the account has it, by its place in ``CLASSES``."""
    tables: dict[str, list[Any]] = {
        "evidence": [SimpleNamespace(exhibit=volume.exhibit, size=size)], "volumes": [volume], "entries": rows,
        "regions": regions,
    }  # fmt: skip

    def table(name: str, exhibit: str = "", columns: list[str] | None = None) -> pa.Table:
        return rows_to_table(TABLES[name], tables[name]).select(columns)

    store = SimpleNamespace(
        rows=lambda name, exhibit="": iter(tables.get(name, [])),
        table=table,
        batches=lambda name, **asked: table(name, **asked).to_batches(),
    )
    context: Any = SimpleNamespace(store=store)
    item = Item(exhibit=volume.exhibit, address=volume.exhibit, bytes=size, payload=None)
    found = np.zeros(size, np.uint8)
    for name, part in ExtentsStage().examine(context, item):
        for row in part.to_pylist() if name == "extents" else ():  # type: ignore[union-attr]
            found[row["start"] : row["start"] + row["length"]] = CLASSES.index(row["class"])
    return found[BASE:]


def expected_classes(volume: VolumeImage, size: int, meta: set[int]) -> np.ndarray[Any, Any]:
    """The same by the model; ``meta`` are clusters of the system."""
    found = np.full(size, CLASSES.index("file-system-metadata"), np.uint8)
    found[volume.start :] = CLASSES.index("unallocated")
    oracle = Oracle(volume)
    for node in volume.nodes:
        if not node.live and (not node.folder or isinstance(volume, ExfatImage)):
            _, clusters = oracle.verdict(node)
            _paint(found, volume, clusters, oracle.size(node), "deleted-content", "")
    for one in volume.used:  # in use, by whom is said below: nothing deleted is seen there
        _paint(found, volume, [one], volume.cluster, "allocated-but-unlisted", "")
    folders = [volume.root.clusters, *(node.clusters for node in volume.nodes if node.live and node.folder)]
    for node in volume.nodes:
        if node.live and not node.folder:
            _paint(found, volume, node.clusters, len(node.data), "file-content", "file-slack")
    for clusters in [*folders, sorted(meta)]:
        _paint(found, volume, clusters, len(clusters) * volume.cluster, "file-system-metadata", "")
    return found


def _paint(
    found: np.ndarray[Any, Any], volume: VolumeImage, clusters: list[int], size: int, inside: str, behind: str
) -> None:
    for one in clusters:
        at, used = volume.start + (one - 2) * volume.cluster, max(0, min(size, volume.cluster))
        found[at : at + used] = CLASSES.index(inside)
        if behind:
            found[at + used : at + volume.cluster] = CLASSES.index(behind)
        size -= volume.cluster
