"""Frames: length-prefixed pickles over pipes between this program's own processes."""

from __future__ import annotations

import os
import pickle
import select
import struct
import time
from typing import Any, BinaryIO, Final

__all__ = ["receive", "received", "send"]

_HEADER: Final = struct.Struct("<Q")
_LONGEST_WAIT_S: Final = 86_400.0
"""The most that is waited for one answer; the system takes no number of seconds that an evidence's sizes may make."""


def send(pipe: BinaryIO, frame: Any) -> None:
    """Write a frame."""
    data = pickle.dumps(frame, protocol=5)
    pipe.write(_HEADER.pack(len(data)) + data)
    pipe.flush()


def receive(descriptor: int, deadline: float) -> tuple[str, Any]:
    """Return the next frame.

    Raises:
        TimeoutError: there is none by ``deadline``, of the monotonic clock.
        EOFError: the other end is gone.
    """
    (length,) = _HEADER.unpack(_exactly(descriptor, _HEADER.size, deadline))
    kind, payload = pickle.loads(_exactly(descriptor, length, deadline))  # noqa: S301 - both ends are ours
    return str(kind), payload


def received(pipe: BinaryIO) -> tuple[str, Any] | None:
    """Return the next frame, however long it takes; None where the other end is gone."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, payload = pickle.loads(pipe.read(_HEADER.unpack(header)[0]))  # noqa: S301 - both ends are ours
    return str(kind), payload


def _exactly(descriptor: int, length: int, deadline: float) -> bytes:
    pieces, missing = [], length
    while missing:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], min(left, _LONGEST_WAIT_S))[0]:
            raise TimeoutError
        piece = os.read(descriptor, min(missing, 1 << 20))
        if not piece:
            raise EOFError("the pipe closed")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
