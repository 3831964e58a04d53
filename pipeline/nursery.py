"""Nurseries: warm processes with the program loaded, from which jails are forked; loading it takes more than a second.

A nursery has one thread, no descriptor but its standard ones and the channel to its parent, and no network where the
kernel allows that without privileges; it reads nothing of a case, so each jail starts from the same state. A worker
process that is warm and has one thread forks its nursery from itself; any other starts one as ``python -m
pipeline.nursery MODULE DESCRIPTOR``. The module's ``handler`` makes, from its arguments, what answers a jail's
requests. The nursery ends with its parent, its jails end with it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

from pipeline.jail import serve

__all__ = ["ENVIRONMENT", "Born", "Nursery", "nursery_for"]

ENVIRONMENT: Final = {"TZ": "UTC", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
"""Of a warm process: what it makes is the same wherever and whenever it runs, and a fork finds no other thread."""
_CLONE_NEWUSER: Final = 0x10000000  # Linux <linux/sched.h>
_CLONE_NEWNET: Final = 0x40000000
_LONGEST: Final = 1 << 15
_STEP_S: Final = 0.005
_TASKS: Final = Path("/proc/self/task")  # a folder per thread, proc(5)

Handle = Callable[[Any], Iterator[Any]]
Born = tuple[int, BinaryIO, BinaryIO]
"""A jail: its process id, the pipe to it, the pipe from it."""


class Nursery:
    """The parent's side; for all threads of a process. Started on first use, replaced after it died."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start; while a process has one thread, its nursery is a fork of it."""
        with self._lock:
            self._running()

    def fork(self, arguments: Sequence[str], memory: int) -> Born:
        """Return a new jail whose address space is bound to ``memory`` bytes; OSError or EOFError where it cannot."""
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        try:
            pid = self._asked(("fork", list(arguments), memory), [theirs_in, theirs_out])
        except (OSError, EOFError):
            os.close(ours_in)
            os.close(ours_out)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        return pid, os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb", buffering=0)

    def end(self, pid: int, *, grace_s: float) -> int:
        """Return the exit code of a jail, negative for a signal; it is killed where it does not end in ``grace_s``."""
        try:
            return self._asked(("end", pid, grace_s), [])
        except (OSError, EOFError):
            return -signal.SIGKILL  # the nursery is gone, and its jails with it

    def close(self) -> None:
        """Let go of the nursery, which ends with its jails."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _asked(self, question: tuple[Any, ...], descriptors: Sequence[int]) -> int:
        with self._lock:
            channel = self._running()
            try:
                socket.send_fds(channel, [pickle.dumps(question)], descriptors)
                told = channel.recv(_LONGEST)
            except OSError:
                self.close()
                raise
            if not told:
                self.close()
                raise EOFError("the nursery died")
            answer: int = pickle.loads(told)  # noqa: S301 - both ends are ours
            return answer

    def _running(self) -> socket.socket:
        if self._channel is None:
            ours, theirs = socket.socketpair()
            if _may_fork(self._module):
                _fork_nursery(self._module, theirs)
            else:
                self._process = _spawn_nursery(self._module, theirs)
            theirs.close()
            self._channel = ours
        return self._channel


@lru_cache(maxsize=4)
def nursery_for(module: str) -> Nursery:
    """Return this process's nursery of jails of a module."""
    return Nursery(module)


def _may_fork(module: str) -> bool:
    """Tell whether this process is as a nursery must be: warm, with one thread, and hashing as every other."""
    alone = _TASKS.is_dir() and len(list(_TASKS.iterdir())) == 1
    return alone and module in sys.modules and not sys.flags.hash_randomization


def _fork_nursery(module: str, channel: socket.socket) -> None:
    if os.fork():
        return
    try:
        _leave_network()
        _tend(channel, import_module(module).handler)
    finally:
        os._exit(1)


def _spawn_nursery(module: str, channel: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipeline.nursery", module, str(channel.fileno())]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT}, pass_fds=[channel.fileno()]
    )


def _tend(channel: socket.socket, make: Callable[[Sequence[str]], Handle]) -> None:
    """Fork jails as the parent asks and tell how they ended, until it is gone; does not return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this
    _close_all_but(channel.fileno())
    gc.collect()
    gc.freeze()  # what is loaded stays in pages that all jails share
    while True:
        question, descriptors, _, _ = socket.recv_fds(channel, _LONGEST, 2)
        if not question:
            os._exit(0)
        kind, *told = pickle.loads(question)  # noqa: S301 - both ends are ours
        answer = _forked(channel, descriptors, make, *told) if kind == "fork" else _ended(*told)
        channel.sendall(pickle.dumps(answer))


def _forked(
    channel: socket.socket, pipes: list[int], make: Callable[[Sequence[str]], Handle], arguments: list[str], memory: int
) -> int:
    """Fork a jail; in the jail this does not return."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        for descriptor in pipes:
            os.close(descriptor)
        return pid
    code = 1
    try:
        channel.close()
        serve(make(arguments), pipes, memory=memory, parent=parent)
        code = 0
    except BaseException:  # noqa: BLE001 - the program's own fault: told, and the end of this jail
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ended(pid: int, grace_s: float) -> int:
    """Wait for a jail, kill it after ``grace_s``, and return how it ended."""
    deadline = time.monotonic() + grace_s
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= deadline:
                os.kill(pid, signal.SIGKILL)
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            time.sleep(_STEP_S)
    except ChildProcessError:
        return -signal.SIGKILL  # of a nursery before this one: it ended with that


def _close_all_but(descriptor: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def _leave_network() -> bool:
    """Enter a network namespace without interfaces (Linux ``unshare(2)``); False where the kernel refuses.

    Without privileges it takes a user namespace, which only a process with one thread may enter.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.unshare(_CLONE_NEWNET) == 0 or library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _main(arguments: Sequence[str]) -> None:
    module, descriptor = arguments
    _leave_network()  # before the module's engines start threads of their own
    _tend(socket.socket(fileno=int(descriptor)), import_module(module).handler)


if __name__ == "__main__":
    _main(sys.argv[1:])
