"""Reading values again: a finding's bytes from the image, its text, and the record of who looked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pyarrow.compute as pc

from pipeline.access.interfaces import Readable
from pipeline.access.volumes import open_volume
from pipeline.address import parent_of
from pipeline.config import Case
from pipeline.custody import Ledger
from pipeline.detectors.encodings import decode
from pipeline.errors import SettingsError, UnreadableError
from pipeline.keys import open_keys
from pipeline.records import FileEntry, Finding
from pipeline.rules_values import value_tag
from pipeline.schemas import TABLES
from pipeline.stages.context import Context
from pipeline.stages.reopen import Reopener
from pipeline.store import Store, table_to_rows

_LINE: Final = 4096

__all__ = ["Reader", "find_finding", "reveal"]


def find_finding(store: Store, key: str) -> Finding:
    """Return the finding with an id, or with a prefix of one.

    Raises:
        SettingsError: none, or several.
    """
    data = store.table("findings")
    found = data.filter(pc.starts_with(data.column("id"), key)).slice(0, 2)
    if found.num_rows != 1 or len(key) < 6:
        raise SettingsError(f"{key}: {'several findings have' if found.num_rows > 1 else 'no finding has'} this id")
    finding: Finding = next(table_to_rows(TABLES["findings"], found))
    return finding


class Reader:
    """Reads findings of one case again, from the images and through the decoders."""

    def __init__(self, case: Case) -> None:
        self._context = Context(case)
        self._files: dict[str, FileEntry] = {}
        self._raw: dict[str, Readable] = {}
        self._volumes = cache(self._context.volumes)
        self._reopener = Reopener(self._context, self.file)
        self._key = open_keys(case.keys_directory).tag_key

    def value(self, finding: Finding) -> str:
        """Return the value of a finding as text.

        Raises:
            UnreadableError: the bytes are not where the table says.
        """
        if finding.locator:
            text = self._reopener.text(self._file(finding), finding.locator)
            return text[finding.offset : finding.offset + finding.length]
        return self._decoded(finding)

    def _decoded(self, finding: Finding) -> str:
        """Decode a finding's bytes; what shifts state (ISO-2022-JP) is decoded from the start of its line."""
        if finding.encoding != "iso-2022-jp":
            return decode(self.raw(finding), finding.encoding).text
        data, position = self.context_of(finding, around=_LINE)
        start = max(data.rfind(b"\n", 0, position), data.rfind(b"\r", 0, position)) + 1
        line = decode(data[start : position + finding.length], finding.encoding)
        first = next(
            (number for number in range(len(line.text)) if line.byte_offset(number) >= position - start), len(line.text)
        )
        return self._fitting(finding, line.text[first:], self.raw(finding).decode("ascii", "replace"))

    def _fitting(self, finding: Finding, *readings: str) -> str:
        """Return the reading that the finding's tag is of: what damaged escape sequences leave open is told by it."""
        tagged = (one for one in readings if value_tag(self._key, finding.kind, one) == finding.value_tag)
        return next(tagged, readings[0])

    def raw(self, finding: Finding) -> bytes:
        """Return the bytes of a finding that lies in a content's own bytes."""
        if finding.image_offset is not None:
            return self._context.image(finding.exhibit).read(finding.image_offset, finding.length)
        return self._holder(finding).read(finding.offset, finding.length)

    def _holder(self, finding: Finding) -> Readable:
        """Open what a finding's offset is in: an unlocked volume's raw bytes, or a file."""
        volume = self._volumes(finding.exhibit).get(parent_of(finding.address))
        if volume is None:
            return self.content(self._file(finding))
        if volume.address not in self._raw:
            image, options = self._context.image(finding.exhibit), self._context.options(finding.exhibit)
            self._raw[volume.address] = open_volume(image, volume, options)
        return self._raw[volume.address]

    def context_of(self, finding: Finding, around: int = 64) -> tuple[bytes, int]:
        """Return the bytes around a finding and the position of the finding in them."""
        place = finding.offset if finding.image_offset is None else finding.image_offset
        start, end = max(place - around, 0), place + finding.length + around
        if finding.image_offset is not None:
            return self._context.image(finding.exhibit).read(start, end - start), place - start
        return self._holder(finding).read(start, end - start), place - start

    def _file(self, finding: Finding) -> FileEntry:
        return self.file(finding.file)

    def file(self, key: str) -> FileEntry:
        """Return a file entry by id; UnreadableError where there is none."""
        if key not in self._files:
            data = self._context.store.table("files")
            found = data.filter(pc.equal(data.column("id"), key))
            rows: Iterator[Any] = table_to_rows(TABLES["files"], found.slice(0, 1))
            row = next(rows, None)
            if row is None:
                raise UnreadableError(f"file {key} is not in the table of files; run `akashi verify`")
            self._files[key] = row
        return self._files[key]

    def content(self, entry: FileEntry) -> Readable:
        """Open a file entry's bytes, through its container where it is a member."""
        return self._reopener.content(entry)


def reveal(case: Case, ledger: Ledger, key: str, *, reason: str) -> str:
    """Return a finding's value in clear; the ledger records the look before it happens.

    Raises:
        SettingsError: there is no such finding.
        UnreadableError: its bytes cannot be read.
    """
    finding = find_finding(Store(case.out), key)
    ledger.append("reveal", {"finding": finding.id, "kind": finding.kind, "reason": reason})
    return Reader(case).value(finding)
