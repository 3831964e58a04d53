"""A readable as dfVFS takes it: a path specification that holds the bytes, and the file object over them."""

from __future__ import annotations

import os
from typing import Any, Final

from dfvfs.file_io import file_io
from dfvfs.path import path_spec
from dfvfs.resolver_helpers import manager, resolver_helper

from pipeline.access.dfvfs_layers import prepare
from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["BytesFile", "bytes_spec"]

_TYPE: Final = "AKASHI_BYTES"


def bytes_spec(data: Readable) -> Any:
    """Return the path specification of bytes; open it in a resolver context of its own, which it does not share."""
    prepare()
    try:
        manager.ResolverHelperManager.GetHelper(_TYPE)
    except KeyError:
        manager.ResolverHelperManager.RegisterHelper(_Helper())
    return _BytesPathSpec(data)


class _BytesPathSpec(path_spec.PathSpec):  # type: ignore[misc]
    """Bytes as the lowest layer."""

    _IS_SYSTEM_LEVEL = True
    TYPE_INDICATOR = _TYPE

    def __init__(self, data: Readable) -> None:
        super().__init__(parent=None)
        self.data = data

    def __deepcopy__(self, memo: dict[int, Any]) -> _BytesPathSpec:
        """Stay what it is where dfVFS copies a specification: the bytes are an open handle's."""
        return self


class _Helper(resolver_helper.ResolverHelper):  # type: ignore[misc]
    """Tells dfVFS how the specification is opened."""

    TYPE_INDICATOR = _TYPE

    def NewFileObject(self, resolver_context: Any, path_spec: Any) -> BytesFile:  # noqa: N802
        """Return the file object of a specification."""
        return BytesFile(resolver_context, path_spec)


class BytesFile(file_io.FileIO):  # type: ignore[misc]
    """A readable as a file object; what cannot be read is an OSError, which dfVFS and libyal expect."""

    def __init__(self, resolver_context: Any, path_spec: Any) -> None:
        super().__init__(resolver_context, path_spec)
        self._data: Readable = path_spec.data
        self._position = 0

    def _Open(self) -> None:  # noqa: N802
        self._position = 0

    def _Close(self) -> None:  # noqa: N802
        """Nothing to close: the readable belongs to its opener."""

    def read(self, size: int | None = None) -> bytes:
        """Return the next bytes."""
        left = max(self._data.size - self._position, 0)
        try:
            piece = self._data.read(self._position, left if size is None else min(size, left))
        except UnreadableError as error:
            raise OSError(str(error)) from error
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Move."""
        position = (0, self._position, self._data.size)[whence] + offset
        if position < 0:
            raise OSError("offset before the beginning")
        self._position = position

    def get_offset(self) -> int:
        """Return the position."""
        return self._position

    def get_size(self) -> int:
        """Return the length in bytes."""
        return self._data.size
