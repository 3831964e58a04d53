"""One door for every kind of image: decided by content, opened read-only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pipeline.access.ewf import SIGNATURE as EWF_SIGNATURE
from pipeline.access.ewf import EwfImage, UnknownVariantError, ewf_segments
from pipeline.access.ewf_reference import ReferenceImage, cross_check_bytes, reference_segments
from pipeline.access.interfaces import Image
from pipeline.access.qcow import SIGNATURE as QCOW_SIGNATURE
from pipeline.access.qcow import QcowImage
from pipeline.access.raw import RawImage, raw_segments
from pipeline.errors import UnreadableError

__all__ = ["CONTAINER_MARKS", "cross_check", "open_image"]

_EWF2: Final = (b"EVF2\x0d\x0a\x81\x00", b"LEF2\x0d\x0a\x81\x00", b"LVF\x09\x0d\x0a\xff\x00")
_EWF_NAME: Final = re.compile(r"\.([ELS]\d\d|[EL]x\d\d)", re.IGNORECASE)
_FOREIGN: Final = (
    (0x40, b"\x7f\x10\xda\xbe", "a VirtualBox disk (VDI)"), (0, b"QED\0", "a QED disk"),
    (0, b"WithoutFreeSpace", "a Parallels disk"), (0, b"WithouFreSpacExt", "a Parallels disk"),
    (0, b"ADSEGMENTEDFILE\0", "an AD1 image"), (0, b"ADCRYPT\0", "an encrypted AccessData image"),
    (0, b"AFF10\r\n\0", "an AFF image"), (0, b"MSWIM\0\0\0", "a Windows image (WIM)"),
    (0, b"PK\x03\x04", "a ZIP archive or an AFF4 image"), (0, b"\x1f\x8b\x08", "a gzip file"),
    (0, b"BZh", "a bzip2 file"), (0, b"\xfd7zXZ\0", "an xz file"), (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"(\xb5/\xfd", "a Zstandard file"), (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file"), (0, b"encrcdsa", "an encrypted Apple disk image"),
    (0, b"conectix\0\0\0", "a VHD disk without its end"),
    (0, b"# Disk Descriptor", "a VMware descriptor of an unknown kind"),
)  # fmt: skip
"""(start, bytes, name) of formats whose bytes would be taken for an empty medium (libmagic's signatures)."""
CONTAINER_MARKS: Final = (
    (0, b"EVF\t\r\n\xff\x00\x01"), (0, b"EVF2\r\n\x81\x00\x02"), (0, b"QFI\xfb\x00\x00\x00\x01"),
    (0, b"QFI\xfb\x00\x00\x00\x02"), (0, b"QFI\xfb\x00\x00\x00\x03"), (0, b"sprs"), (-512, b"koly"),
    (39, b"<Parallels_disk_image "), (-512, b"conectix"), (0, b"vhdxfile"), (0, b"# Disk DescriptorFile"),
    (0, b"KDMV"), (0, b"COWD"),
)  # fmt: skip
"""(start, bytes) of what dfVFS takes for a container, a start below 0 from the end: no other file is shown to it."""
_OWN_CONTAINERS: Final = frozenset({"EWF", "RAW"})


def open_image(path: Path) -> Image:
    """Open the image whose first segment is ``path``.

    The content decides, not the name; but what is named like an E01 image and is none is not taken for a medium. E01
    and QCOW go to the own readers, other EWF kinds to libewf, containers that dfVFS recognises to dfVFS; everything
    else is the medium itself.

    Raises:
        UnreadableError: it is missing, empty, truncated, or a segment is; the message says which and what to do.
    """
    head = _head(path)
    if head.startswith(EWF_SIGNATURE):
        segments = ewf_segments(path)
        try:
            return EwfImage(segments)
        except UnknownVariantError:
            return ReferenceImage(segments)
    if head.startswith(_EWF2):
        return ReferenceImage(reference_segments(path))
    if _EWF_NAME.fullmatch(path.suffix):
        raise UnreadableError(f"{path}: named like an E01 image but is none; name the right file, or copy it again")
    if head.startswith(QCOW_SIGNATURE):
        return QcowImage(path)
    container = _container(path)
    if container is not None:
        return container
    for start, magic, name in _FOREIGN:
        if head[start : start + len(magic)] == magic:
            raise UnreadableError(f"{path}: is {name}, which is not read as a medium; unpack or convert a copy first")
    return RawImage(raw_segments(path))


def _container(path: Path) -> Image | None:
    """Open a container that dfVFS recognises, one that has no own reader."""
    if not any(_piece(path, start, len(mark)) == mark for start, mark in CONTAINER_MARKS):
        return None
    from pipeline.access.dfvfs_layers import ContainerImage, container_type  # noqa: PLC0415 - 0.3 s of CPU to load

    indicator = container_type(path)
    return ContainerImage(path, indicator) if indicator is not None and indicator not in _OWN_CONTAINERS else None


def _piece(path: Path, start: int, length: int) -> bytes:
    """Return bytes of a file, ``start`` below 0 counted from its end; none where it is shorter."""
    try:
        with path.open("rb") as handle:
            if start < 0 and handle.seek(0, os.SEEK_END) < -start:
                return b""
            handle.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
            return handle.read(length)
    except OSError as error:
        raise UnreadableError(f"{path}: the image cannot be opened ({error.strerror}); check `image`") from error


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableError(f"{path}: is a folder; name the image's first segment in case.toml")
        with path.open("rb") as handle:
            head = handle.read(512)
    except OSError as error:
        raise UnreadableError(f"{path}: the image cannot be opened ({error.strerror}); check `image`") from error
    if not head:
        raise UnreadableError(f"{path}: the image is empty; acquire it again")
    return head


def cross_check(image: Image) -> int:
    """Compare a sample of the own E01 reader's bytes with libewf's; 0 for other formats.

    Raises:
        IntegrityError: they differ.
    """
    if not isinstance(image, EwfImage):
        return 0
    return cross_check_bytes(image, [Path(segment) for segment in image.segments])
