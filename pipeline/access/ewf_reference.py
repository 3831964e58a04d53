"""The reference reader of EWF images: libewf through pyewf. Reads what the fast reader leaves, and checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyewf

from pipeline.access.ewf_geometry import Geometry, acquisition_errors
from pipeline.access.ewf_segments import SIGNATURE, Segment
from pipeline.access.interfaces import Image
from pipeline.errors import IntegrityError, UnreadableError

__all__ = ["ReferenceImage", "cross_check_bytes", "reference_segments"]

_SAMPLE_BYTES: Final = 32 << 10
_SAMPLES: Final = 64


class ReferenceImage:
    """An EWF image as libewf reads it."""

    format = "ewf"

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(map(str, paths))
        self._handle: Any = pyewf.handle()
        try:
            self._handle.open(list(self.segments))
        except OSError as error:
            raise UnreadableError(
                f"{paths[0]}: libewf cannot open the image ({_short(error)}); copy it again"
            ) from error
        self.size = int(self._handle.get_media_size())
        values = self._handle.get_hash_values()
        self.stored: Mapping[str, str] = {name.lower(): value.lower() for name, value in sorted(values.items())}
        try:
            self.unreadable = self._unreadable(paths)
        except UnreadableError:
            self.close()
            raise

    def _unreadable(self, paths: Sequence[Path]) -> tuple[tuple[int, int], ...]:
        """Return the ranges that could not be acquired, from the sections: pyewf does not give libewf's list of them.

        Of EWF version 2 (Ex01) this list is not read, and nothing is returned.
        """
        if not _is_version_1(paths[0]):
            return ()
        sector, chunk = int(self._handle.get_bytes_per_sector()), int(self._handle.get_chunk_size())
        geometry = Geometry(size=self.size, chunk_size=chunk, sector=sector)
        files: list[Segment] = []
        try:
            for number, path in enumerate(paths, 1):
                files.append(Segment(path, number))
            return acquisition_errors([(file, tuple(file.sections())) for file in files], geometry)
        finally:
            for file in files:
                file.close()

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the medium; UnreadableError where libewf cannot."""
        if start >= self.size or length <= 0:
            return b""
        try:
            self._handle.seek(start)
            data: bytes = self._handle.read(min(length, self.size - start))
        except OSError as error:
            raise UnreadableError(f"{self.segments[0]}: byte {start} cannot be read ({_short(error)})") from error
        return data

    def close(self) -> None:
        """Close the files."""
        self._handle.close()


def reference_segments(first: Path) -> tuple[Path, ...]:
    """Return the segment files of an image as libewf names them (Ex01, L01, Lx01).

    Raises:
        UnreadableError: libewf knows no such name.
    """
    try:
        return tuple(map(Path, pyewf.glob(str(first))))
    except OSError as error:
        raise UnreadableError(f"{first}: libewf cannot find the segments ({_short(error)}); check the name") from error


def _is_version_1(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(len(SIGNATURE)) == SIGNATURE


def _short(error: OSError) -> str:
    return str(error).splitlines()[0][:200]


def cross_check_bytes(image: Image, paths: Sequence[Path]) -> int:
    """Compare a fast reader's bytes with libewf's: all of a small medium, else the ends and evenly spread samples.

    Returns:
        The number of bytes compared.

    Raises:
        IntegrityError: they differ.
        UnreadableError: libewf cannot read a sample.
    """
    reference = ReferenceImage(paths)
    try:
        if reference.size != image.size:
            raise IntegrityError(f"{paths[0]}: media size {image.size} by our reader, {reference.size} by libewf")
        compared = 0
        for start in _sample_starts(image.size):
            data = image.read(start, _SAMPLE_BYTES)
            if data != reference.read(start, _SAMPLE_BYTES):
                raise IntegrityError(
                    f"{paths[0]}: media byte {start}: our reader and libewf disagree; report this image"
                )
            compared += len(data)
        return compared
    finally:
        reference.close()


def _sample_starts(size: int) -> Sequence[int]:
    """Return where the samples start; they do not overlap."""
    if size <= _SAMPLES * _SAMPLE_BYTES:
        return range(0, size, _SAMPLE_BYTES)
    last = size - _SAMPLE_BYTES
    return [last * number // (_SAMPLES - 1) for number in range(_SAMPLES)]
