"""Jails: child processes that run hostile work, one item at a time, with limits of memory and time.

A jail is a fork of a nursery (:mod:`pipeline.nursery`) and speaks length-prefixed pickles over two pipes (both ends are
this program). It has no core dumps, a bound on its address space, no network where the kernel allows that without
privileges, and dies when its parent closes the pipe.
"""

from __future__ import annotations

import contextlib
import pickle
import select
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pipeline.frames import receive, send
from pipeline.nursery import Born, nursery_for

__all__ = ["Jail", "JailError"]

_KILL_GRACE_S: Final = 5.0


class JailError(Exception):
    """A jail died, hung or outgrew its limits; ``reason`` says which, in words for a diagnostic."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Jail:
    """One child process; started on first use, replaced after it died."""

    def __init__(self, module: str, arguments: Sequence[str], *, memory: int) -> None:
        self._module, self._arguments, self._memory = module, tuple(arguments), memory
        self._child: Born | None = None

    def call(self, request: Any, *, timeout_s: float) -> Iterator[Any]:
        """Send one request and yield the frames of its answer.

        Raises:
            JailError: the child died, or gave no full answer in ``timeout_s`` seconds; it is gone afterwards.
        """
        deadline = time.monotonic() + timeout_s
        try:
            _, requests, answers = self._running()
            send(requests, ("call", request))
            while True:
                kind, payload = receive(answers.fileno(), deadline)
                if kind == "end":
                    return
                if kind == "error":
                    raise JailError(str(payload))
                yield payload
        except TimeoutError as error:
            self.close()
            raise JailError(f"no answer within {timeout_s:.0f} s; the worker was stopped") from error
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise JailError(f"the worker died ({self._buried()})") from error
        except GeneratorExit:
            self.close()
            raise

    def close(self) -> None:
        """Stop the child, if there is one."""
        self._ended(grace_s=0.0)

    def _running(self) -> Born:
        if self._child is not None and select.select([self._child[2]], [], [], 0)[0]:
            self.close()  # nothing is asked of it, so what there is to read is its end
        if self._child is None:
            self._child = nursery_for(self._module).fork(self._arguments, self._memory)
        return self._child

    def _buried(self) -> str:
        code = self._ended(grace_s=_KILL_GRACE_S)
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _ended(self, *, grace_s: float) -> int:
        """Return how the child ended; it is killed where it does not in ``grace_s``."""
        child, self._child = self._child, None
        if child is None:
            return -signal.SIGKILL
        code = nursery_for(self._module).end(child[0], grace_s=grace_s)
        for pipe in child[1:]:
            with contextlib.suppress(OSError):
                pipe.close()
        return code
