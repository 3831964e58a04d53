"""Processes without pandas, which nothing that reads evidence needs: it takes 0.4 s of CPU and 40 MiB to load."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa

__all__ = ["keep_pandas_out"]


class _NoPandas(MetaPathFinder):
    """Says that pandas is not there."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas; leave the rest to others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)


def keep_pandas_out() -> None:
    """Let Arrow find pandas missing, once: making its first array, it loads pandas to ask whether it was given one.

    It remembers the answer, and imports pandas again where that is asked for (``Table.to_pandas``).
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
