"""What stands written under ``out/``, as columns of text: tables decoded, documents unescaped, anything else opened."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.decoders import Limits, Member, Text, decoder_for, type_of
from pipeline.errors import IntegrityError
from pipeline.stages.examine_content import BytesReadable

__all__ = ["Written", "document", "written_under"]

_ROWS: Final = 1 << 16
_LINES: Final = 1 << 14
_LIMITS: Final = Limits(depth=4, members=4096, member_bytes=64 << 20, total_bytes=1 << 30, ratio=1000)
_DIGEST: Final = r"^(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$"
"""Ids, tags and hashes as the program writes them, whole: what chance writes into them is nobody's number."""
_PLACE: Final = r"!bytes:[0-9]+\+[0-9]+"
"""The end of an address of bytes: two numbers that differ in each finding."""
_SHAPE: Final = r"^[A9\x{0}-\x{2f}\x{3a}-\x{40}\x{5b}-\x{60}\x{7b}-\x{7f}\x{3000}-\x{303f}\x{ff08}-\x{ff0f}]*$"
"""A shape: every letter is A and every digit 9."""
_ENCODINGS: Final = ("utf-8", "cp932", "euc_jp", "utf-16-le", "utf-16-be")
_TAG: Final = re.compile("<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Distinct texts of one place: a column of a table, or a stretch of a document."""

    place: str
    texts: pa.Array


def written_under(folder: Path) -> Iterator[Written]:
    """Yield all texts of a folder's files, in the order of their names; half-written parts are passed over.

    Raises:
        IntegrityError: the file of a table is not one.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or any(part.startswith(".") and part.endswith(".part") for part in path.parts):
            continue
        if path.suffix in {".parquet", ".arrow"}:
            yield from _table(name, path)
        elif path.suffix in {".jsonl", ".log", ".json"}:
            yield from _lines(name, _json_texts(path))
        elif path.suffix in {".html", ".htm", ".css", ".txt", ".csv", ".toml", ".svg", ".xml"}:
            yield from _lines(name, _document_texts(path.read_text(encoding="utf-8", errors="replace")))
        else:
            yield from _lines(name, _opened(path.read_bytes(), name, depth=0))


def document(name: str, text: str) -> Iterator[Written]:
    """Yield the texts of a document that is not written yet."""
    yield from _lines(name, _document_texts(text))


def _table(name: str, path: Path) -> Iterator[Written]:
    try:
        if path.suffix == ".arrow":
            yield from _columns(name, _arrow_batches(path))
        else:
            yield from _columns(name, pq.ParquetFile(path).iter_batches(_ROWS, use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(f"{name}: the table's file cannot be read ({error})") from error


def _arrow_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an Arrow file or stream."""
    with pa.OSFile(str(path)) as source:
        if source.read(6) != b"ARROW1":
            source.seek(0)
            yield from pa.ipc.open_stream(source)
            return
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def _columns(name: str, batches: Iterator[pa.RecordBatch]) -> Iterator[Written]:
    for batch in batches:
        batch.validate(full=True)  # offsets of a damaged file would lead outside its memory
        for column, array in zip(batch.schema.names, batch.columns, strict=True):
            for leaf in _leaves(array):
                texts = _telling(leaf)
                if len(texts):
                    yield Written(place=f"{name}:{column}", texts=texts)


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the text columns inside a column, down through lists and structures."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        yield array.cast(pa.string())
    elif pa.types.is_dictionary(array.type):
        yield from _leaves(array.dictionary)
    elif pa.types.is_list(array.type):
        yield from _leaves(array.flatten())
    elif pa.types.is_struct(array.type):
        for field in array.flatten():
            yield from _leaves(field)


def _telling(texts: pa.Array) -> pa.Array:
    """Return the distinct texts that are no digests and no shapes, without the numbers of places."""
    distinct = pc.unique(texts).drop_null()
    form = pc.or_(pc.match_substring_regex(distinct, _DIGEST), pc.match_substring_regex(distinct, _SHAPE))
    return pc.unique(pc.replace_substring_regex(distinct.filter(pc.invert(form)), _PLACE, "!bytes"))


def _lines(name: str, texts: Iterator[str]) -> Iterator[Written]:
    held: list[str] = []
    for text in texts:
        held.append(text)
        if len(held) >= _LINES:
            yield Written(place=name, texts=_telling(pa.array(held, pa.string())))
            held = []
    if held:
        yield Written(place=name, texts=_telling(pa.array(held, pa.string())))


def _json_texts(path: Path) -> Iterator[str]:
    """Yield the texts of a JSON document, or of one on each line; a line that is none as it stands."""
    whole = path.suffix == ".json"
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in [stream.read()] if whole else stream:
            try:
                yield from _strings(json.loads(line))
            except ValueError:
                yield from line.splitlines()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.encode("utf-8", "replace").decode("utf-8").splitlines()
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for key in value:
            yield key
            yield from _strings(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _document_texts(text: str) -> Iterator[str]:
    """Yield the lines of a document as written, and of what a reader sees of it."""
    seen = html.unescape(_TAG.sub("\n", text))
    yield from (line for line in dict.fromkeys([*text.splitlines(), *seen.splitlines()]) if line.strip())


def _opened(data: bytes, name: str, *, depth: int) -> Iterator[str]:
    """Yield the texts of any other file: decoded where a decoder knows it, and its bytes as text."""
    decoder = decoder_for(type_of(data[:4096], name))
    if decoder is not None and depth < _LIMITS.depth:
        for part in decoder.decode(BytesReadable(data), _LIMITS):
            if isinstance(part, Text):
                yield from part.text.splitlines()
            elif isinstance(part, Member):
                yield from _opened(part.data, part.path, depth=depth + 1)
    for encoding in _ENCODINGS:
        yield from data.decode(encoding, "ignore").splitlines()
