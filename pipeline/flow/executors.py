"""Executors: a pool of processes on this machine, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from pipeline.errors import SettingsError
from pipeline.flow.units import JAILED
from pipeline.lean import keep_pandas_out
from pipeline.nursery import ENVIRONMENT, nursery_for

__all__ = ["cluster", "processes"]


def processes(workers: int) -> Callable[[], AbstractContextManager[Executor]]:
    """Return a maker of a pool of ``workers`` processes; they end with this process, however it ends."""

    @contextmanager
    def make() -> Iterator[Executor]:
        pool = ProcessPoolExecutor(workers, mp_context=_warm(), initializer=_begin)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return make


def _warm() -> BaseContext:
    """Return a context whose processes are forks of one that has the program loaded and does nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.flow.warm"])
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)  # the server takes them with it; its start can be given none
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    return context


def _begin() -> None:
    """Begin a worker: its nursery first, while it has one thread; then it ends with its parent."""
    keep_pandas_out()
    nursery_for(JAILED).begin()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    """End this process, whatever it is doing, once its parent is gone."""
    parent.join()
    os._exit(1)


def cluster(address: str) -> Callable[[], AbstractContextManager[Executor]]:
    """Return a maker of an executor on a Dask cluster whose workers see the case at the same path.

    Raises:
        SettingsError: nothing answers at the address.
    """

    @contextmanager
    def make() -> Iterator[Executor]:
        from distributed import Client  # noqa: PLC0415 - takes a second; only a cluster needs it

        try:
            client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise SettingsError(
                f"{address}: no Dask scheduler answers ({error}); start one or use --workers"
            ) from error
        try:
            yield client.get_executor(pure=False, retries=0)
        finally:
            client.close()

    return make
