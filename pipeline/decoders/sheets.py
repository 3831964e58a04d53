"""The door to the workbook reader: its errors, and its panics, become values of ours."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import python_calamine
from python_calamine import CalamineWorkbook as Book

from pipeline.decoders.base import Locked, Trouble

__all__ = ["Book", "book_of", "rows_of"]


T = TypeVar("T")
_FAULTS: Final = (python_calamine.CalamineError, OSError, ValueError, OverflowError)
_DAMAGED: Final = Trouble("workbook-damaged", "workbook cannot be opened; its parts are scanned as they are")


def book_of(data: bytes) -> Book | Locked | Trouble:
    """Open a workbook."""
    try:
        return _guarded(lambda: Book.from_filelike(io.BytesIO(data))) or _DAMAGED
    except python_calamine.PasswordError:
        return Locked("", "encrypted-workbook")
    except _FAULTS:
        return _DAMAGED


def rows_of(book: Book, name: str) -> tuple[int, list[list[Any]]] | Trouble:
    """Return the number of a sheet's first row (from 1) and its rows."""
    damaged = Trouble("sheet-damaged", "a sheet cannot be read")
    try:
        return _guarded(lambda: _read(book, name)) or damaged
    except _FAULTS:
        return damaged


def _read(book: Book, name: str) -> tuple[int, list[list[Any]]]:
    sheet = book.get_sheet_by_name(name)
    return (sheet.start[0] if sheet.start else 0) + 1, sheet.to_python(skip_empty_area=True)


def _guarded(call: Callable[[], T]) -> T | None:
    """Return what a call gives, None where the reader panics.

    The panic of a native reader is no ``Exception`` and its class cannot be imported: it is known by its name. Its
    message may quote the workbook and is written to the standard error by the runtime, which is silent meanwhile.
    """
    try:
        with _silent():
            return call()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


@contextmanager
def _silent() -> Iterator[None]:
    """Send the process's standard error nowhere."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
