"""What libyal's bindings take: a readable as a file object."""

from __future__ import annotations

import io

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["FileLike"]


class FileLike(io.RawIOBase):
    """A readable as the file object that libyal's bindings take."""

    def __init__(self, data: Readable) -> None:
        super().__init__()
        self._data = data
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        length = self._data.size - self._position if size < 0 else size
        try:
            piece = self._data.read(self._position, max(length, 0))
        except UnreadableError as error:
            raise OSError(str(error)) from error
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move."""
        base = (0, self._position, self._data.size)[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def get_size(self) -> int:
        """Return the length in bytes."""
        return self._data.size

    def seekable(self) -> bool:
        """Tell that seeking works."""
        return True
