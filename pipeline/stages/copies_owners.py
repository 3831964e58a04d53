"""Which files hold what findings hang on, and which datasets people are of, looked up by column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.stages.copies_columns import Place, hexadecimal
from pipeline.store import Store

__all__ = ["Datasets", "Owner", "Owners"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The file that a holding is named after, and how many files of the exhibit have its content."""

    address: str
    path: str
    origin: str
    type: str
    files: int


class Owners:
    """Files by exhibit and id, and their number by content; only those that findings name are kept."""

    def __init__(self, store: Store) -> None:
        named = pc.unique(store.table("findings", columns=["file"]).column("file"))
        held = pc.unique(store.table("findings", columns=["content"]).column("content"))
        columns = ["id", "exhibit", "address", "path", "origin", "type", "content"]
        files = store.table("files", columns=columns)
        ours = files.filter(pc.is_in(files.column("id"), named))
        self._rows = {(row["exhibit"], row["id"]): row for row in ours.to_pylist()}
        counted = files.filter(pc.is_in(files.column("content"), held)).group_by(["exhibit", "content"])
        self._counts = {
            (row["exhibit"], row["content"]): row["id_count"]
            for row in counted.aggregate([("id", "count")]).to_pylist()
        }

    def of(self, place: Place) -> Owner:
        """Return the file of a holding; bytes that no file owns are the exhibit's."""
        row = self._rows.get((place.exhibit, place.file))
        if row is None:
            return Owner(address=place.exhibit, path="", origin="unlisted", type="", files=0)
        files = self._counts.get((place.exhibit, place.content), 0) if place.content else 0
        return Owner(address=row["address"], path=row["path"], origin=row["origin"], type=row["type"], files=files)


class Datasets:
    """The dataset of each person matched to a register."""

    def __init__(self, store: Store) -> None:
        people = store.table("people", columns=["person", "dataset"])
        self._people = people.filter(pc.is_valid(people.column("dataset")))

    @cached_property
    def _columns(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], list[str]]:
        coded = self._people.column("dataset").combine_chunks().dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        keys = hexadecimal(self._people.column("person").combine_chunks())
        order = np.argsort(keys)
        return keys[order], np.asarray(coded.indices, dtype=np.int64)[order], coded.dictionary.to_pylist()

    def of(self, people: NDArray[np.uint64]) -> tuple[str, ...]:
        """Return the datasets that people are of, in order."""
        keys, numbers, names = self._columns
        if not len(keys):
            return ()
        places = np.minimum(np.searchsorted(keys, people), len(keys) - 1)
        found = np.unique(numbers[places[keys[places] == people]])
        return tuple(sorted(names[number] for number in found.tolist()))
