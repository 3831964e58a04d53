"""What stages are given: the case, its tables, and doors that stay open between items."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.clear import ClearImage
from pipeline.access.content import Opener
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.salvage import Blanked
from pipeline.config import Case
from pipeline.detectors import Masker, Scanner
from pipeline.detectors.yara_rules import YaraScanner
from pipeline.keys import KeyRing, open_keys
from pipeline.records import Extent, FileEntry, Volume
from pipeline.register import Register
from pipeline.rules import RuleSet, load_rules
from pipeline.schemas import TABLES
from pipeline.store import Store, table_to_rows
from pipeline.volume_keys import KeyKind

__all__ = ["Context"]


class Context:
    """One process's view of a case; everything in it is opened on first use and belongs to one thread."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.store = Store(case.out)
        self._images: dict[str, Image] = {}
        self._openers: dict[str, Opener] = {}
        self._clear: dict[str, ClearImage] = {}
        self._accounts: dict[str, tuple[list[Extent], list[int]]] = {}
        self._lost: dict[str, tuple[tuple[int, int], ...]] = {}
        self._certainties: dict[str, dict[str, str]] = {}
        self._passwords: dict[str, tuple[bytes, ...]] = {}
        self._mapped: dict[tuple[str, str], Any] = {}

    @cached_property
    def keys(self) -> KeyRing:
        """The case's keys."""
        return open_keys(self.case.keys_directory)

    @cached_property
    def rules(self) -> RuleSet:
        """The detection rules."""
        return load_rules(self.case.rules_directory)

    @cached_property
    def scanner(self) -> Scanner:
        """The personal-data scanner over the rules."""
        return Scanner(self.rules)

    @cached_property
    def yara(self) -> YaraScanner:
        """The YARA scanner over the rules."""
        return YaraScanner(self.rules)

    @cached_property
    def masker(self) -> Masker:
        """Replaces personal values in paths and subjects by their tags."""
        return Masker(self.scanner, self.keys.tag_key)

    @cached_property
    def registers(self) -> Mapping[str, Register]:
        """The keyed registers, by dataset."""
        paths = ((dataset.id, dataset.register) for dataset in self.case.datasets)
        return {name: Register.open(path, self.keys.tag_key) for name, path in paths if path is not None}

    def options(self, exhibit: str) -> FileSystemOptions:
        """Return what readers of an exhibit's file systems must be told."""
        settings = self.case.exhibit(exhibit)
        return FileSystemOptions(
            timezone=settings.timezone, code_page=settings.code_page,
            keys=self.keys.volume_keys.renamed(settings.serial, exhibit),
        )  # fmt: skip

    def passwords(self, exhibit: str) -> tuple[bytes, ...]:
        """Return the passwords to try on what lies encrypted in an exhibit's files, each once."""
        if exhibit not in self._passwords:
            keys = self.options(exhibit).keys.for_volume(exhibit)
            secrets = dict.fromkeys(key.secret for key in keys if key.kind == KeyKind.PASSWORD and key.secret)
            self._passwords[exhibit] = tuple(secrets)
        return self._passwords[exhibit]

    def image(self, exhibit: str) -> Image:
        """Open an exhibit's image, once; what the evidence stage found unreadable reads as zeros."""
        if exhibit not in self._images:
            image = open_image(self.case.exhibit(exhibit).image)
            known = self.store.done("evidence") is not None and self.unreadable(exhibit)
            self._images[exhibit] = Blanked(image, self.unreadable(exhibit)) if known else image
        return self._images[exhibit]

    def unreadable(self, exhibit: str) -> tuple[tuple[int, int], ...]:
        """Return (start, length) of what could not be read of an exhibit, as the evidence stage found it."""
        if exhibit not in self._lost:
            rows = self.store.rows("unreadable", exhibit=exhibit)
            self._lost[exhibit] = tuple((row.start, row.length) for row in rows)
        return self._lost[exhibit]

    def certainties(self, exhibit: str) -> Mapping[str, str]:
        """Return what the account leaves of deleted entries whose bytes others hold too, by file id."""
        if exhibit not in self._certainties:
            table = self.store.table("remains", exhibit=exhibit, columns=["file", "shared", "lost", "certainty"])
            worse = pc.or_(pc.greater(table.column("shared"), 0), pc.greater(table.column("lost"), 0))
            found = table.filter(worse)
            pairs = zip(found.column("file").to_pylist(), found.column("certainty").to_pylist(), strict=True)
            self._certainties[exhibit] = dict(pairs)
        return self._certainties[exhibit]

    def clear(self, exhibit: str) -> ClearImage:
        """Return an exhibit's image with its unlocked volumes in clear."""
        if exhibit not in self._clear:
            self._clear[exhibit] = ClearImage(self.image(exhibit), self.volumes(exhibit), self.options(exhibit))
        return self._clear[exhibit]

    def volumes(self, exhibit: str) -> dict[str, Volume]:
        """Return an exhibit's volumes by address."""
        return {row.address: row for row in self.store.rows("volumes", exhibit=exhibit)}

    def opener(self, exhibit: str) -> Opener:
        """Return the opener of an exhibit's file entries."""
        if exhibit not in self._openers:
            self._openers[exhibit] = Opener(
                self.image(exhibit), self.volumes(exhibit), self.options(exhibit), clear=self.clear(exhibit)
            )  # fmt: skip
        return self._openers[exhibit]

    def gathered(self, table: str, before: str) -> Iterator[dict[str, Any]]:
        """Yield a shared table's rows as the stages before ``before`` wrote them."""
        for batch in self.gathered_table(table, before).to_batches():
            yield from batch.to_pylist()

    def gathered_table(self, table: str, before: str) -> pa.Table:
        """Return a shared table as the stages before ``before`` wrote it."""
        return pa.concat_tables([self.store.mapped(stage, table) for stage in self.store.stages_before(before)])

    def extents_in(self, exhibit: str, start: int, end: int) -> list[Extent]:
        """Return the extents of an exhibit that touch a range of image offsets."""
        rows, starts = self._extents(exhibit)
        first = max(bisect_right(starts, start) - 1, 0)
        return rows[first : bisect_left(starts, end)]

    def extent_at(self, exhibit: str, offset: int) -> Extent:
        """Return the extent that holds an image offset."""
        rows, starts = self._extents(exhibit)
        return rows[bisect_right(starts, offset) - 1]

    def _extents(self, exhibit: str) -> tuple[list[Extent], list[int]]:
        if exhibit not in self._accounts:
            rows = list(self.store.rows("extents", exhibit=exhibit))
            self._accounts[exhibit] = (rows, [row.start for row in rows])
        return self._accounts[exhibit]

    def entries_at(self, stage: str, table: str, positions: tuple[int, ...]) -> list[FileEntry]:
        """Return rows of a stage's table by position, without reading the rest."""
        key = (stage, table)
        if key not in self._mapped:
            self._mapped[key] = self.store.mapped(stage, table)
        return list(table_to_rows(TABLES[table], self._mapped[key].take(list(positions))))
