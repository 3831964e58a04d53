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
from pipeline.access.tsk import DOTS, TskFileSystem
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
        self._columns = tuple(array(kind) for kind in "qqqbi")
        self._texts: list[bytes] = []
        self._pieces = [pa.array([], pa.binary())]
        self._walk()
        self._end_piece()
        self._names = pa.chunked_array(self._pieces)
        found = [np.frombuffer(column, column.typecode) for column in self._columns]
        self._order = np.argsort(found[0], kind="stable")
        self.number, self.parent, self.size, kinds, self.attributes = (column[self._order] for column in found)
        del self._columns, self._pieces
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

    def _walk(self) -> None:
        """Walk all directories."""
        stack, seen = [self._tsk.root], set()
        while stack:
            parent = stack.pop()
            if parent in seen:
                continue
            seen.add(parent)
            try:
                for number, name in self._folders(parent):
                    if number not in seen:
                        stack.append(number)
                        self._tree.add(number, parent, name)
            except FAILURES as error:
                self._tsk.trouble(self._tree.path(parent) or "/", "directory-damaged", error)

    def _folders(self, parent: int) -> Iterator[tuple[int, bytes]]:
        """Take in the live names of a directory; yield the folders among all."""
        add_number, add_parent, add_size, add_kind, add_attributes = (column.append for column in self._columns)
        for file in self._tsk.directory(parent):
            info = file.info
            name, meta = info.name, info.meta
            if meta is None or name is None or name.name in DOTS:
                continue
            live, named, kind = meta.flags & _META_ALLOC, name.flags & _NAME_ALLOC, meta.type
            if kind == _FOLDER and (named or not live):
                yield meta.addr, name.name
            if live and named and kind not in _VIRTUAL:
                number, size, attributes, text = name.meta_addr, meta.size, file.max_attr, name.name
                add_number(number)
                add_parent(parent)
                add_size(size)
                add_kind(kind)
                add_attributes(attributes)
                self._texts.append(text)
                if len(self._texts) >= _PIECE:
                    self._end_piece()

    def _end_piece(self) -> None:
        self._pieces.append(pa.array(self._texts, pa.binary()))
        self._texts = []


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
