"""Jails: child processes that run hostile work, one item at a time, with limits of memory and time.

A jail is started as ``python -m MODULE ARGUMENTS`` and speaks length-prefixed pickles over its standard streams (both
ends are this program). It has no core dumps, a bound on its address space, no network where the kernel allows that
without privileges, and dies when its parent closes the pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final

__all__ = ["Jail", "JailError", "end_with", "serve"]

_HEADER: Final = struct.Struct("<Q")
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_KILL_GRACE_S: Final = 5.0
_LONGEST_WAIT_S: Final = 86_400.0
"""The most that is waited for one answer; the system takes no number of seconds that an evidence's sizes may make."""
_WATCH_S: Final = 0.5


class JailError(Exception):
    """A jail died, hung or outgrew its limits; ``reason`` says which, in words for a diagnostic."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Jail:
    """One child process; started on first use, replaced after it died."""

    def __init__(self, module: str, arguments: Sequence[str], *, memory: int) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None

    def call(self, request: Any, *, timeout_s: float) -> Iterator[Any]:
        """Send one request and yield the frames of its answer.

        Raises:
            JailError: the child died, or gave no full answer in ``timeout_s`` seconds; it is gone afterwards.
        """
        child = self._running()
        deadline = time.monotonic() + timeout_s
        try:
            _send(_pipe(child.stdin), ("call", request))
            while True:
                kind, payload = _receive(_pipe(child.stdout), deadline)
                if kind == "end":
                    return
                if kind == "error":
                    raise JailError(str(payload))
                yield payload
        except TimeoutError as error:
            self.close()
            raise JailError(f"no answer within {timeout_s:.0f} s; the worker was stopped") from error
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self._buried(child)
            raise JailError(f"the worker died ({code})") from error
        except GeneratorExit:
            self.close()
            raise

    def close(self) -> None:
        """Stop the child, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [*self._command, str(self._memory)]
            environment = {**os.environ, "TZ": "UTC", "PYTHONHASHSEED": "0"}
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        return self._child

    def _buried(self, child: subprocess.Popen[bytes]) -> str:
        try:
            code = child.wait(timeout=_KILL_GRACE_S)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self.close()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _pipe(pipe: Any) -> BinaryIO:
    if pipe is None:
        raise EOFError("no pipe")
    stream: BinaryIO = pipe
    return stream


def _send(pipe: BinaryIO, frame: Any) -> None:
    data = pickle.dumps(frame, protocol=5)
    pipe.write(_HEADER.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: BinaryIO, deadline: float) -> tuple[str, Any]:
    (length,) = _HEADER.unpack(_exactly(pipe.fileno(), _HEADER.size, deadline))
    kind, payload = pickle.loads(_exactly(pipe.fileno(), length, deadline))  # noqa: S301 - both ends are ours
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


def serve(handle: Callable[[Any], Iterator[Any]], *, memory: int) -> None:
    """Run the child's side until the pipe closes: answer each request with the frames that ``handle`` yields.

    An exception of ``handle`` is the program's own fault and ends the child with its traceback on standard error.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _confine(memory)
    while True:
        header = requests.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        _, request = pickle.loads(requests.read(_HEADER.unpack(header)[0]))  # noqa: S301 - both ends are ours
        try:
            for frame in handle(request):
                _send(answers, ("frame", frame))
        except MemoryError:
            _send(answers, ("error", f"the item needs more than {memory >> 20} MiB of memory"))
            continue
        _send(answers, ("end", None))


def _confine(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    end_with(os.getppid())
    _leave_network()


def end_with(parent: int) -> None:
    """End this process, whatever it is doing, once ``parent`` is not its parent any more; also if it never was."""
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def _watch_parent(parent: int) -> None:
    """End this process when its parent is gone, even while it works on an item."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


def _leave_network() -> bool:
    """Enter a network namespace without interfaces (Linux ``unshare(2)``); False where the kernel refuses."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.unshare(_CLONE_NEWNET) == 0 or library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)
