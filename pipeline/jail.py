"""A jail's own side: bounds on memory and life, then items until its pipe closes."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pipeline.frames import received, send

__all__ = ["serve"]

_WATCH_S: Final = 0.5


def serve(handle: Callable[[Any], Iterator[Any]], pipes: Sequence[int], *, memory: int, parent: int) -> None:
    """Answer each request with the frames that ``handle`` yields, until the pipe closes.

    An exception of ``handle`` is the program's own fault and ends the jail. ``pipes`` are where requests come from and
    answers go to, ``memory`` bounds the address space in bytes, ``parent`` is the process to end with.
    """
    requests, answers = os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    while (frame := received(requests)) is not None:
        try:
            for part in handle(frame[1]):
                send(answers, ("frame", part))
        except MemoryError:
            send(answers, ("error", f"the item needs more than {memory >> 20} MiB of memory"))
            continue
        send(answers, ("end", None))


def _watch(parent: int) -> None:
    """End this process when its parent is gone, even while it works on an item."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
