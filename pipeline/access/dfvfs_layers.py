"""dfVFS: containers, and the way into its file systems. Set up before use, never trusted with a volume scan.

dfVFS's FAT back end of 2026-07 dates every entry a month late, so The Sleuth Kit is preferred where dfVFS is asked for
FAT at all; and its scanner falls back to the examiner's own file system where it recognises nothing, so only layers
that it names as storage media are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dfvfs.analyzer import analyzer
from dfvfs.lib import definitions
from dfvfs.lib import errors as dfvfs_errors
from dfvfs.path import factory
from dfvfs.resolver import context, resolver

from pipeline.access.qcow import QcowImage
from pipeline.errors import UnreadableError

__all__ = ["FAILURES", "ContainerImage", "container_type", "prepare", "storage_spec"]

_DESCRIPTOR: Final = b"# Disk DescriptorFile"
_DESCRIPTOR_BYTES: Final = 1 << 20
_EXTENT: Final = re.compile(rb'^RW[ \t]+\d+[ \t]+\w+[ \t]+"([^"/\\\0\r\n]+)"', re.MULTILINE)
FAILURES: Final = (dfvfs_errors.Error, OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError)


def prepare() -> None:
    """Choose The Sleuth Kit for FAT and ext wherever dfVFS is asked."""
    definitions.PREFERRED_FAT_BACK_END = definitions.TYPE_INDICATOR_TSK


def _os_spec(path: Path) -> Any:
    return factory.Factory.NewPathSpec(definitions.TYPE_INDICATOR_OS, location=str(path))


def container_type(path: Path) -> str | None:
    """Return dfVFS's name of the container format of a file, or None where it recognises none."""
    prepare()
    try:
        indicators = analyzer.Analyzer.GetStorageMediaImageTypeIndicators(_os_spec(path))
    except FAILURES as error:
        raise UnreadableError(f"{path}: the container cannot be recognised ({error})") from error
    return min(indicators, default=None)


def storage_spec(path: Path, indicator: str) -> Any:
    """Return the path specification of a container's medium.

    Raises:
        UnreadableError: it is a QCOW image with compressed clusters, for some of which libqcow gives zeros.
    """
    if indicator == definitions.TYPE_INDICATOR_QCOW:
        _check_qcow(path)
    return factory.Factory.NewPathSpec(indicator, parent=_os_spec(path))


def _extents(path: Path) -> list[Path]:
    """Return the extent files that a VMDK descriptor names (VMware, Virtual Disk Format 1.1, extent description)."""
    with path.open("rb") as handle:
        text = handle.read(_DESCRIPTOR_BYTES)
    if not text.startswith(_DESCRIPTOR):
        return []
    names = [name.decode("utf-8", "replace") for name in _EXTENT.findall(text)]
    return [path.with_name(name) for name in dict.fromkeys(names) if path.with_name(name).is_file()]


def _check_qcow(path: Path) -> None:
    image = QcowImage(path)
    try:
        if image.is_compressed():
            raise UnreadableError(f"{path}: dfVFS misreads compressed clusters; convert a copy with `qemu-img convert`")
    finally:
        image.close()


class ContainerImage:
    """A medium inside a container that dfVFS reads: VMDK, VHD, VHDX, UDIF and more."""

    stored: Mapping[str, str] = {}
    unreadable: tuple[tuple[int, int], ...] = ()

    def __init__(self, path: Path, indicator: str) -> None:
        self.format = indicator.lower()
        self.segments = (str(path), *map(str, _extents(path)))
        try:
            spec = storage_spec(path, indicator)
            self._file: Any = resolver.Resolver.OpenFileObject(spec, resolver_context=context.Context())
        except FAILURES as error:
            raise UnreadableError(
                f"{path}: the {indicator} container cannot be opened ({error}); copy it again"
            ) from error
        if self._file is None:
            raise UnreadableError(f"{path}: the {indicator} container cannot be opened; copy it again")
        self.size = int(self._file.get_size())
        self.read(0, 1)  # a difference image whose parent is missing opens, and fails here

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the medium; UnreadableError where the container is damaged."""
        end = min(start + max(length, 0), self.size)
        pieces = []
        try:
            self._file.seek(start)
            while start < end:
                piece = self._file.read(min(end - start, 16 << 20))
                if not piece:
                    break
                pieces.append(piece)
                start += len(piece)
        except FAILURES as error:
            raise UnreadableError(f"{self.segments[0]}: medium byte {start} cannot be read ({error})") from error
        if start < end:
            raise UnreadableError(f"{self.segments[0]}: medium byte {start} cannot be read; the container is cut off")
        return b"".join(pieces)

    def close(self) -> None:
        """Let the container go."""
        self._file = None
