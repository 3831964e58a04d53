"""A register as a keyed index: whether a record is a row of it can be asked, what it holds cannot.

File ``.akr``, little-endian: magic, header length (u32), header (JSON: version, dataset, rows, roles and counts), then
for each role the sorted tags (u64) and their rows (u32), and a keyed BLAKE2b (RFC 7693) of everything before. Tags are
the first 64 bits of the value tags that findings carry, AES-CMAC: without the case's key no value can be tried.
"""

from __future__ import annotations

import csv
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.errors import IntegrityError, SettingsError
from pipeline.register_match import DECISIVE, GROUPS, MANY, TELLING, Matches, TagTable, match_many
from pipeline.rules import fold_header, load_headers
from pipeline.rules_values import IDENTIFIER_KINDS, canonical, canonical_many, canonical_tags, value_tag

__all__ = ["Match", "Register", "RegisterSummary", "build_register"]

_MAGIC: Final = b"AKREG\x00\x02\n"
_EARLIER: Final = b"AKREG\x00\x01\n"
_MAC: Final = 32
_MAX_HEADER: Final = 1 << 20
_MAX_ROWS: Final = 1 << 31
_MAX_CELL: Final = 1 << 16
_CHUNK: Final = 1 << 14  # rows in memory
_SNIFFED: Final = ("utf-8-sig", "cp932", "utf-16")
_Tags = npt.NDArray[np.uint64]
_Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSummary:
    """What was built: rows read, rows without any value, and the role of each column used."""

    dataset: str
    rows: int
    empty_rows: int
    columns: Mapping[str, str]
    encoding: str
    size: int


@dataclass(frozen=True, slots=True)
class Match:
    """The register row of a record and the kinds of value it rests on, joined by ``+``."""

    row: int
    basis: str


@dataclass(frozen=True)
class _Tagger:
    key: bytes = field(repr=False)

    def subkey(self, use: bytes) -> bytes:
        return blake2b(use, digest_size=32, key=self.key[:64]).digest()


def build_register(
    csv_path: Path,
    dataset: str,
    key: bytes,
    out_path: Path,
    *,
    headers: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> RegisterSummary:
    """Index a CSV file.

    ``headers`` is the header dictionary (default: the program's own rules); ``columns`` overrides it by column name.

    Raises:
        SettingsError: the file is unreadable, has no known column, or a named column is missing.
    """
    encoding = _encoding(csv_path)
    with csv_path.open(encoding=encoding, newline="") as stream:
        rows = csv.reader(stream, delimiter="\t" if csv_path.suffix.lower() == ".tsv" else ",")
        head = next(rows, [])
        roles = _roles(csv_path, head, load_headers() if headers is None else headers, columns)
        tags, count, empty = _collect(rows, roles, _Tagger(key))
    if count == empty:
        raise SettingsError(f"{csv_path}: no row has a value; compared with nothing, nothing would ever match")
    header = {
        "version": 2,
        "dataset": dataset,
        "rows": count,
        "roles": [[role, len(found[0])] for role, found in sorted(tags.items())],
    }
    size = _write(out_path, header, tags, _Tagger(key))
    named = {head[index]: role for index, role in sorted(roles.items())}
    return RegisterSummary(dataset=dataset, rows=count, empty_rows=empty, columns=named, encoding=encoding, size=size)


class Register:
    """An opened index. ``dataset`` and ``rows`` are its own statements, checked by its keyed digest."""

    def __init__(self, header: Mapping[str, Any], arrays: Mapping[str, tuple[_Tags, _Rows]], key: bytes) -> None:
        self.dataset: str = header["dataset"]
        self.rows: int = header["rows"]
        self._arrays = arrays
        self._key = key

    @classmethod
    def open(cls, path: Path, key: bytes) -> Register:
        """Open and check an index.

        Raises:
            IntegrityError: the file was changed or belongs to another key.
            SettingsError: the file is missing or not an index.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read ({error}); build it with `akashi register build`") from error
        if raw.startswith(_EARLIER):
            message = f"{path}: an index of an earlier version, whose tags match none of this one; build it again"
            raise SettingsError(message)
        if not raw.startswith(_MAGIC) or len(raw) < len(_MAGIC) + 4 + _MAC:
            raise SettingsError(f"{path}: not a register index; build it with `akashi register build`")
        if not hmac.compare_digest(_mac(raw[:-_MAC], _Tagger(key)), raw[-_MAC:]):
            raise IntegrityError(f"{path}: the register index was changed or belongs to another case's key")
        return cls(*_parse(raw), key)

    @property
    def roles(self) -> tuple[str, ...]:
        """Kinds of value the register holds."""
        return tuple(sorted(self._arrays))

    def match(self, record: Mapping[str, Sequence[str]]) -> Match | None:
        """Return the one row that a record of canonical values fits, or None; :meth:`reason` says why not."""
        return self._decide(record, self._rows_of)[0]

    def match_tags(self, record: Mapping[str, Sequence[str]]) -> Match | None:
        """Return the one row that a record of value tags fits, or None; no value is needed for that."""
        return self._decide(record, self._rows_at)[0]

    def match_many(self, table: TagTable, records: int) -> Matches:
        """Return what :meth:`match_tags` says of many records."""
        return match_many(self._arrays, table, records)

    def reason(self, record: Mapping[str, Sequence[str]]) -> str:
        """Return why a record has no match: ``unknown``, ``weak``, ``ambiguous`` — or ``matched``."""
        return self._decide(record, self._rows_of)[1]

    def _decide(
        self, record: Mapping[str, Sequence[str]], rows_of: Callable[[str, str], list[int]]
    ) -> tuple[Match | None, str]:
        rows: dict[int, set[str]] = {}
        for kind in sorted(record):
            for row in sorted({row for value in record[kind] for row in rows_of(kind, value)}):
                rows.setdefault(row, set()).add(kind)
        fitting = {row: kinds for row, kinds in rows.items() if self._suffices(kinds) and self._agrees(record, kinds)}
        if not fitting:
            return None, "weak" if rows else "unknown"
        best = max(map(_strength, fitting.values()))
        winners = [row for row in sorted(fitting) if _strength(fitting[row]) == best]
        if len(winners) > 1:
            return None, "ambiguous"
        return Match(winners[0], "+".join(sorted(fitting[winners[0]]))), "matched"

    def _rows_of(self, kind: str, value: str) -> list[int]:
        return self._rows_at(kind, value_tag(self._key, kind, value)) if value else []

    def _rows_at(self, kind: str, tag_digits: str) -> list[int]:
        if kind not in self._arrays:
            return []
        tags, rows = self._arrays[kind]
        tag = _short(bytes.fromhex(tag_digits))
        low = int(np.searchsorted(tags, np.uint64(tag), "left"))
        high = int(np.searchsorted(tags, np.uint64(tag), "right"))
        return [] if high - low > MANY else [int(row) for row in rows[low:high]]

    def _suffices(self, kinds: set[str]) -> bool:
        groups = {GROUPS.get(kind, kind) for kind in kinds}
        return bool(groups & set(IDENTIFIER_KINDS)) or (len(groups) >= 2 and bool(groups & TELLING))

    def _agrees(self, record: Mapping[str, Sequence[str]], kinds: set[str]) -> bool:
        """Return whether no decisive value of the record speaks against the row."""
        return not any(record.get(kind) and kind in self._arrays and kind not in kinds for kind in DECISIVE)


def _strength(kinds: set[str]) -> tuple[int, int]:
    return len({GROUPS.get(kind, kind) for kind in kinds}), len(kinds)


def _encoding(path: Path) -> str:
    for encoding in _SNIFFED:
        if encoding == "utf-16" and path.read_bytes()[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
            continue
        try:
            with path.open(encoding=encoding, newline="") as stream:
                while stream.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read ({error})") from error
        return encoding
    raise SettingsError(f"{path}: neither UTF-8, CP932 nor UTF-16; convert it first")


def _roles(
    path: Path, head: Sequence[str], headers: Mapping[str, str], columns: Mapping[str, str] | None
) -> dict[int, str]:
    named = dict(columns or {})
    missing = sorted(set(named) - set(head))
    if missing:
        raise SettingsError(f"{path}: no column {', '.join(missing)}; the columns are {', '.join(head)}")
    found = {index: named.get(cell) or headers.get(fold_header(cell)) for index, cell in enumerate(head)}
    roles = {index: role for index, role in found.items() if role}
    if not roles:
        raise SettingsError(f"{path}: no column is known by its header; name them with --column NAME=KIND")
    return roles


def _collect(
    rows: Iterator[list[str]], roles: Mapping[int, str], tagger: _Tagger
) -> tuple[dict[str, tuple[_Tags, _Rows]], int, int]:
    columns = {index: _Column(role, tagger.key) for index, role in roles.items()}
    count = empty = 0
    while chunk := list(islice(rows, _CHUNK)):
        filled = np.zeros(len(chunk), dtype=bool)
        for index, column in columns.items():
            filled |= column.add([row[index] if index < len(row) else "" for row in chunk], count)
        count += len(chunk)
        empty += int((~filled).sum())
        if count > _MAX_ROWS:
            raise SettingsError(f"more than {_MAX_ROWS} rows; split the register")
    return _sorted(columns.values()), count, empty


class _Column:
    """The tags of one column, gathered chunk by chunk; equal cells of a chunk are tagged once."""

    def __init__(self, role: str, key: bytes) -> None:
        self.role = role
        self.tags: list[_Tags] = []
        self.rows: list[_Rows] = []
        self._key = key

    def add(self, cells: Sequence[str], first: int) -> npt.NDArray[np.bool_]:
        """Add the cells of rows from ``first``; return which have a value."""
        distinct = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        which = np.fromiter(map(distinct.__getitem__, cells), np.int64, len(cells))
        tags = self._tagged([cell[:_MAX_CELL] for cell in distinct])[which]
        filled: npt.NDArray[np.bool_] = tags != 0
        self.tags.append(tags[filled])
        self.rows.append((np.flatnonzero(filled) + first).astype(np.uint32))
        return filled

    def _tagged(self, cells: Sequence[str]) -> _Tags:
        """Return the short tags of cells, 0 for those without a value."""
        plain = [cell for cell in cells if "\0" not in cell and cell == cell.strip()]
        known = dict(zip(plain, canonical_many(self.role, plain), strict=True))
        texts = [known[cell] if cell in known else canonical(self.role, cell) for cell in cells]
        tags = np.frombuffer(canonical_tags(self._key, self.role, texts), dtype="<u8")[::2].astype(np.uint64)
        tags[[number for number, text in enumerate(texts) if not text]] = 0
        return tags


def _short(tag: bytes) -> int:
    """Return the 64 bits of a value's tag that the index keeps."""
    return int.from_bytes(tag[:8], "little")


def _sorted(columns: Any) -> dict[str, tuple[_Tags, _Rows]]:
    joined: dict[str, tuple[_Tags, _Rows]] = {}
    for role in sorted({column.role for column in columns}):
        parts = [column for column in columns if column.role == role]
        tags = np.concatenate([np.empty(0, np.uint64), *(part for column in parts for part in column.tags)])
        rows = np.concatenate([np.empty(0, np.uint32), *(part for column in parts for part in column.rows)])
        order = np.lexsort((rows, tags))
        joined[role] = (tags[order], rows[order])
    return joined


def _mac(raw: bytes, tagger: _Tagger) -> bytes:
    return blake2b(raw, digest_size=_MAC, key=tagger.subkey(b"register file")).digest()


def _write(path: Path, header: Mapping[str, Any], tags: Mapping[str, tuple[_Tags, _Rows]], tagger: _Tagger) -> int:
    text = json.dumps(header, ensure_ascii=False, sort_keys=True).encode("utf-8")
    parts = [_MAGIC, len(text).to_bytes(4, "little"), text]
    for role in sorted(tags):
        parts += [tags[role][0].astype("<u8").tobytes(), tags[role][1].astype("<u4").tobytes()]
    raw = b"".join(parts)
    raw += _mac(raw, tagger)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return len(raw)


def _parse(raw: bytes) -> tuple[dict[str, Any], dict[str, tuple[_Tags, _Rows]]]:
    place = len(_MAGIC) + 4
    length = int.from_bytes(raw[len(_MAGIC) : place], "little")
    if length > min(_MAX_HEADER, len(raw)):
        raise IntegrityError("register index: header length is wrong; build the index again")
    header = json.loads(raw[place : place + length])
    place += length
    arrays: dict[str, tuple[_Tags, _Rows]] = {}
    for role, count in header["roles"]:
        tags = np.frombuffer(raw, dtype="<u8", count=count, offset=place)
        rows = np.frombuffer(raw, dtype="<u4", count=count, offset=place + 8 * count)
        arrays[role] = (tags, rows)
        place += 12 * count
    return header, arrays
