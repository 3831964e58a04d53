"""Tables of Apache Parquet files, by Arrow's own reader."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Text, Trouble, whole

__all__ = ["Parquet"]

_ROWS: Final = 1_000


@dataclass(frozen=True)
class Parquet(Decoder):
    """Gives the rows of a table under its columns' names."""

    name: str = "parquet"
    version: int = 1
    types: tuple[str, ...] = ("parquet",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Text per thousand rows."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        try:
            file = pq.ParquetFile(io.BytesIO(data))
            size = sum(file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups))
            if not 0 <= size <= min(limits.total_bytes, len(data) * limits.ratio):
                yield Trouble("limit-total-bytes", f"its rows are {size} bytes; they are not read")
                return
            for number, batch in enumerate(file.iter_batches(batch_size=_ROWS)):
                yield _rows(batch, number * _ROWS)
        except (OSError, ValueError, TypeError, pa.ArrowException) as error:
            yield Trouble("parquet-damaged", f"the table is not read further ({type(error).__name__})")


def _rows(batch: pa.RecordBatch, first: int) -> Text:
    """Return rows as text, one a line, below the names of the columns; each row is its own place."""
    lines = ["\t".join(batch.schema.names)]
    columns = [column.to_pylist() for column in batch.columns]
    lines += ["\t".join(map(_cell, row)) for row in zip(*columns, strict=True)]
    return Text(f"rows from {first + 1}", "\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value).replace("\n", " ").replace("\t", " ")
