"""Hashes of a whole medium in one read: MD5, SHA-1, SHA-256, and a Merkle tree over 1 MiB leaves.

The tree is that of RFC 6962, section 2.1: a leaf is ``H(0x00 ‖ megabyte)``, a node ``H(0x01 ‖ left ‖ right)``,
and of *n* leaves the left subtree holds the largest power of two smaller than *n*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pipeline.access.interfaces import Image

__all__ = ["LEAF_BYTES", "ImageDigests", "digest_image", "hash_image", "hash_segments", "image_root", "leaf_hash",
           "merkle_path", "merkle_root", "root_from_path"]  # fmt: skip

LEAF_BYTES: Final = 1 << 20
_BLOCK: Final = 8 << 20
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_IMAGE: Final = b"\x02"


@runtime_checkable
class _Streamed(Protocol):
    """A medium that gives its bytes in order, in the pieces that are cheapest for it."""

    def blocks(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDigests:
    """Lower-case hexadecimal digests of a medium; ``leaves`` in order."""

    md5: str
    sha1: str
    sha256: str
    merkle_root: str
    leaves: tuple[str, ...]


def hash_image(image: Image, *, advance: Callable[[int], None] | None = None) -> ImageDigests:
    """Hash a medium in one read. Ranges the acquisition could not read are hashed as the container stores them.

    Args:
        image: the medium.
        advance: is told how many more bytes are done.

    Raises:
        UnreadableError: part of the container cannot be read.
    """
    digests = (hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256())
    leaves: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        pending: list[Any] = []
        for start in range(0, image.size, _BLOCK):
            block = image.read(start, min(_BLOCK, image.size - start))
            for task in pending:
                task.result()
            pending = [pool.submit(digest.update, block) for digest in digests]
            pending.append(pool.submit(_add_leaves, leaves, block))
            if advance is not None:
                advance(len(block))
        for task in pending:
            task.result()
    md5, sha1, sha256 = (digest.hexdigest() for digest in digests)
    return ImageDigests(md5=md5, sha1=sha1, sha256=sha256, merkle_root=merkle_root(leaves), leaves=tuple(leaves))


def _add_leaves(leaves: list[str], block: bytes) -> None:
    view = memoryview(block)
    for start in range(0, len(view), LEAF_BYTES):
        digest = hashlib.sha256(_LEAF)
        digest.update(view[start : start + LEAF_BYTES])
        leaves.append(digest.hexdigest())


def leaf_hash(data: bytes) -> str:
    """Return the leaf of a megabyte, or of the rest of an image."""
    return hashlib.sha256(_LEAF + data).hexdigest()


def image_root(size: int, root: str) -> str:
    """Return the root that binds the size, too: of leaves alone, a tree does not say how many there are."""
    return hashlib.sha256(_IMAGE + size.to_bytes(8, "big") + bytes.fromhex(root)).hexdigest()


def digest_image(image: Image) -> str:
    """Return the SHA-256 of a medium, and nothing else."""
    digest = hashlib.sha256()
    for block in _blocks(image):
        digest.update(block)
    return digest.hexdigest()


def _blocks(image: Image) -> Iterable[bytes]:
    if isinstance(image, _Streamed):
        return image.blocks()
    return (image.read(start, min(_BLOCK, image.size - start)) for start in range(0, image.size, _BLOCK))


def hash_segments(segments: Sequence[str]) -> str:
    """Return one SHA-256 over the container's files: over lines of size and SHA-256, in order."""
    total = hashlib.sha256()
    for segment in segments:
        with Path(segment).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            total.update(f"{handle.tell()} {digest}\n".encode())
    return total.hexdigest()


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _node(left: str, right: str) -> str:
    return hashlib.sha256(_NODE + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def merkle_root(leaves: Sequence[str]) -> str:
    """Return the root over leaf hashes; of no leaves, the hash of nothing (RFC 6962)."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    level = list(leaves)
    if len(level) == 1:
        return level[0]
    middle = _split(len(level))
    return _node(merkle_root(level[:middle]), merkle_root(level[middle:]))


def merkle_path(leaves: Sequence[str], index: int) -> tuple[str, ...]:
    """Return the audit path of a leaf, from the leaf upwards (RFC 6962, section 2.1.1)."""
    if len(leaves) <= 1:
        return ()
    middle = _split(len(leaves))
    if index < middle:
        return (*merkle_path(leaves[:middle], index), merkle_root(leaves[middle:]))
    return (*merkle_path(leaves[middle:], index - middle), merkle_root(leaves[:middle]))


def root_from_path(leaf: str, index: int, count: int, path: Sequence[str]) -> str:
    """Return the root that a leaf and its audit path lead to; compare it with the known one."""
    if count <= 1:
        return leaf
    middle = _split(count)
    if index < middle:
        return _node(root_from_path(leaf, index, middle, path[:-1]), path[-1])
    return _node(path[-1], root_from_path(leaf, index - middle, count - middle, path[:-1]))
