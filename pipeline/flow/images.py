"""Images as they lie on disk, before and after a run: no table is worth anything of an image that changed under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.access.hashing import hash_segments
from pipeline.access.image import open_image
from pipeline.config import Case
from pipeline.errors import IntegrityError, UnreadableError
from pipeline.store import Store

__all__ = ["Seen", "check_unchanged", "see_images"]


@dataclass(frozen=True, slots=True)
class Seen:
    """The files of an image: a digest over their bytes, and device, inode, size and time of each."""

    digest: str
    stamps: tuple[tuple[str, int, int, int, int], ...]


def see_images(case: Case) -> dict[str, Seen]:
    """Return every image that can be opened, by exhibit."""
    seen = {}
    for exhibit in case.exhibits:
        try:
            image = open_image(exhibit.image)
        except UnreadableError:
            continue
        segments = image.segments
        image.close()
        try:
            seen[exhibit.label] = Seen(hash_segments(segments), tuple(map(_stamp, segments)))
        except OSError as error:
            raise IntegrityError(f"{exhibit.label}: a file of the image went away ({error.strerror})") from error
    return seen


def _stamp(path: str) -> tuple[str, int, int, int, int]:
    found = Path(path).stat()
    return Path(path).name, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(case: Case, before: Mapping[str, Seen]) -> None:
    """Compare the images with what they were when the run began, and with what the evidence stage hashed.

    Raises:
        IntegrityError: one was changed, replaced, taken away or added, even if it was put back as it was.
    """
    after = see_images(case)
    for label in sorted({*before, *after}):
        if after.get(label) != before.get(label):
            raise IntegrityError(f"{label}: the image's files changed during the run; its tables cannot be trusted")
    store = Store(case.out)
    for row in store.rows("evidence") if store.exists("evidence") else ():
        if row.exhibit in before and before[row.exhibit].digest != row.files_sha256:
            raise IntegrityError(
                f"{row.exhibit}: the image's files are not those that were hashed, though their size and time are; "
                "remove the case's out folder and run again"
            )
