"""Executors: a pool of processes on this machine, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from pipeline.errors import SettingsError
from pipeline.lean import keep_pandas_out
from pipeline.workers import end_with

__all__ = ["cluster", "processes"]


def processes(workers: int) -> Callable[[], AbstractContextManager[Executor]]:
    """Return a maker of a pool of ``workers`` processes; they end with this process, however it ends."""

    @contextmanager
    def make() -> Iterator[Executor]:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return make


def _begin(parent: int) -> None:
    """Begin a worker that ends with its parent."""
    end_with(parent)
    keep_pandas_out()


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
