"""One door for every kind of image: decided by content, opened read-only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pipeline.access.dfvfs_layers import ContainerImage, container_type
from pipeline.access.ewf import SIGNATURE as EWF_SIGNATURE
from pipeline.access.ewf import EwfImage, UnknownVariantError, ewf_segments
from pipeline.access.ewf_reference import ReferenceImage, cross_check_bytes, reference_segments
from pipeline.access.interfaces import Image
from pipeline.access.raw import RawImage, raw_segments
from pipeline.errors import UnreadableError

__all__ = ["cross_check", "open_image"]

_EWF2: Final = (b"EVF2\x0d\x0a\x81\x00", b"LEF2\x0d\x0a\x81\x00", b"LVF\x09\x0d\x0a\xff\x00")
_EWF_NAME: Final = re.compile(r"\.([ELS]\d\d|[EL]x\d\d)", re.IGNORECASE)
_OWN_CONTAINERS: Final = frozenset({"EWF", "RAW"})


def open_image(path: Path) -> Image:
    """Open the image whose first segment is ``path``.

    The content decides, not the name; but what is named like an E01 image and is none is not taken for a medium. E01
    goes to the own reader, other EWF kinds to libewf, containers that dfVFS recognises to dfVFS; everything else is the
    medium itself.

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
    indicator = container_type(path)
    if indicator is not None and indicator not in _OWN_CONTAINERS:
        return ContainerImage(path, indicator)
    return RawImage(raw_segments(path))


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableError(f"{path}: is a folder; name the image's first segment in case.toml")
        with path.open("rb") as handle:
            head = handle.read(16)
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
