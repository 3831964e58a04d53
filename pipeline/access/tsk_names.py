"""The Sleuth Kit's listing of an NTFS volume in columns: live names, walked with as few calls as it allows.

A name's streams are not asked for one by one: how many attributes its record has, and the size of the default stream,
tell whether they can differ from what another reader lists. Where they can, :meth:`TskNames.rows` makes rows of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pytsk3
from numpy.typing import NDArray

from pipeline.access.allocation import Blocks
from pipeline.access.tsk import TskFileSystem
from pipeline.access.tsk_medium import FAILURES
from pipeline.access.tsk_rows import Name, StreamError
from pipeline.records import FileEntry

__all__ = ["TskNames"]

_FOLDER: Final = int(pytsk3.TSK_FS_META_TYPE_DIR)
_VIRTUAL: Final = (int(pytsk3.TSK_FS_META_TYPE_VIRT), int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR))
_META_ALLOC: Final = int(pytsk3.TSK_FS_META_FLAG_ALLOC)
_NAME_ALLOC: Final = int(pytsk3.TSK_FS_NAME_FLAG_ALLOC)
_NO_BLOCKS: Final = Blocks(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)  # what is live needs no certainty
_PIECE: Final = 1 << 16
_DEEPEST: Final = 1 << 15  # no path of NTFS has more characters


class TskNames:
    """Live names by metadata number, ascending: ``number``, ``parent``, ``size``, ``folder``, ``attributes``."""

    def __init__(self, tsk: TskFileSystem) -> None:
        self._tsk = tsk
        self._tree = _Tree(tsk.root)
        columns = tuple(array(kind) for kind in "qqqbi")
        texts: list[bytes] = []
        pieces = [pa.array([], pa.binary())]
        for number, parent, text, size, kind, attributes in self._walk():
            for column, value in zip(columns, (number, parent, size, kind, attributes), strict=True):
                column.append(value)
            texts.append(text)
            if len(texts) >= _PIECE:
                pieces.append(pa.array(texts, pa.binary()))
                texts = []
        found = [np.frombuffer(column, column.typecode) for column in columns]
        self._names = pa.chunked_array([*pieces, pa.array(texts, pa.binary())])
        self._order = np.argsort(found[0], kind="stable")
        self.number, self.parent, self.size, kinds, self.attributes = (column[self._order] for column in found)
        self.folder = kinds == _FOLDER

    def __len__(self) -> int:
        return len(self.number)

    def names(self, index: NDArray[np.int64]) -> pa.Array:
        """Return names as The Sleuth Kit gives them."""
        return self._names.take(pa.array(self._order[index])).combine_chunks()

    def rows(self, index: NDArray[np.int64], *, with_records: bool) -> Iterator[tuple[int, FileEntry]]:
        """Yield the rows of names, all their streams, each with its name's index.

        ``with_records``: with what the binding does not hand out, for which the whole table is read.
        """
        wanted = frozenset(self.number[index].tolist()) if with_records else frozenset()
        maker = self._tsk.maker(wanted, _NO_BLOCKS)
        for at, raw in zip(index.tolist(), self.names(index).to_pylist(), strict=True):
            number, parent = int(self.number[at]), int(self.parent[at])
            path = f"{self._tree.path(parent)}/{_text(raw)}"
            try:
                file = self._tsk.opened(number)
                yield from ((at, row) for row in maker.rows(Name(path, True, parent), file, file.info.meta, number))
            except (StreamError, *FAILURES) as error:
                self._tsk.trouble(path, "streams-damaged", error)

    def _walk(self) -> Iterator[tuple[int, int, bytes, int, int, int]]:
        """Walk all directories; yield (number, parent, name, size, kind, attributes) of live names."""
        stack, seen = [self._tsk.root], set()
        while stack:
            parent = stack.pop()
            if parent in seen:
                continue
            seen.add(parent)
            for file in self._tsk.files_in(parent, self._tree):
                info = file.info
                name, meta = info.name, info.meta
                if meta is None:
                    continue
                live, named, kind = int(meta.flags) & _META_ALLOC, int(name.flags) & _NAME_ALLOC, int(meta.type)
                if kind == _FOLDER and (named or not live) and meta.addr not in seen:
                    stack.append(meta.addr)
                    self._tree.add(meta.addr, parent, name.name)
                if live and named and kind not in _VIRTUAL:
                    yield name.meta_addr, parent, name.name, meta.size, kind, file.max_attr


class _Tree:
    """Which folder was met in which; names and numbers in arrays."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._numbers, self._parents, self._ends = array("q"), array("q"), array("q")
        self._text = bytearray()
        self._known: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(self, number: int, parent: int, name: bytes) -> None:
        """Add a folder; of several places the first counts."""
        self._numbers.append(number)
        self._parents.append(parent)
        self._text += name
        self._ends.append(len(self._text))
        self._known = None

    def path(self, number: int) -> str:
        """Return the path of a folder; empty for the root."""
        if self._known is None:
            self._known = np.unique(np.array(self._numbers, np.int64), return_index=True)
        parts: list[str] = []
        while number != self._root and len(parts) < _DEEPEST:
            at = int(np.searchsorted(self._known[0], number))
            if at == len(self._known[0]) or self._known[0][at] != number:
                break
            row = int(self._known[1][at])
            parts.append(_text(bytes(self._text[self._ends[row - 1] if row else 0 : self._ends[row]])))
            number = self._parents[row]
        return "".join(f"/{part}" for part in reversed(parts))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace").replace("/", "\u2215")
