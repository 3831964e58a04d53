"""The tables of a case as read-only views of an in-memory database with no way out, and what verdict rules share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Case
from pipeline.schemas import TABLES, schema_of

__all__ = ["TABLE_NAMES", "fill_tables", "open_tables", "rows_of", "without_row"]

TABLE_NAMES: Final = (
    "evidence", "volumes", "files", "contents", "findings", "people", "activity", "sources", "coverage", "extents",
    "diagnostics", "holdings", "copies", "block_matches",
)  # fmt: skip
_KEYS: Final[Mapping[str, str]] = {
    "people": "person",
    "volumes": "address",
    "contents": "sha256",
    "evidence": "exhibit",
}
"""The column that names a row, where it is not ``id``."""
_MACROS: Final = (
    # A stored time stands for [time, time + precision): wholly inside the window, or only touching it.
    """CREATE MACRO inside(t, p) AS (t IS NOT NULL
         AND epoch_us(t) >= (SELECT epoch_us(lost_from) FROM incident)
         AND epoch_us(t) + greatest(p, 1) - 1 <= (SELECT epoch_us(recovered_at) FROM incident))""",
    """CREATE MACRO touches(t, p) AS (t IS NOT NULL
         AND epoch_us(t) + greatest(p, 1) - 1 >= (SELECT epoch_us(lost_from) FROM incident)
         AND epoch_us(t) <= (SELECT epoch_us(recovered_at) FROM incident))""",
    "CREATE MACRO near(a, b, minutes) AS (abs(epoch_us(a) - epoch_us(b)) <= minutes * 60000000)",
    "CREATE MACRO slashed(t) AS lower(replace(t, '\\', '/'))",
    "CREATE MACRO base_name(t) AS regexp_extract(slashed(t), '[^/]*$')",
    # Private, loopback and link-local addresses (RFC 1918, 4193, 3927) are inside; every other client is outside.
    """CREATE MACRO outside(client) AS (client IS NOT NULL AND client <> '' AND NOT regexp_matches(client,
         '^(::ffff:)?(10\\.|127\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|169\\.254\\.)|^::1$|^f[cd]|^fe80|^localhost'))""",
    """CREATE MACRO authorised(holder, held) AS EXISTS (
         SELECT 1 FROM exhibits x WHERE x.label = holder AND list_contains(x.authorised, held))""",
    # A field of an event's detail; nothing where the detail is no JSON.
    """CREATE MACRO said(d, field) AS
         json_extract_string(CASE WHEN json_valid(d) THEN d ELSE '{}' END, '$.' || field)""",
    # Seconds a clock was moved by; unknown counts as a day. Synchronising moves it by seconds many times a day.
    # Six decimals at most: event logs write more than a timestamp keeps.
    """CREATE MACRO clock_jump_s(detail) AS coalesce(abs(
         epoch_us(try_cast(left(said(detail, 'new_time'), 26) AS TIMESTAMP)) - epoch_us(try_cast(
         left(coalesce(said(detail, 'old_time'), said(detail, 'previous_time')), 26) AS TIMESTAMP)))
         / 1000000, 86400)""",
)
_SHOWN: Final = r"""
       CREATE OR REPLACE TABLE shown AS
       WITH carved AS (SELECT exhibit, address FROM files
         WHERE (origin = 'carved' AND type = 'text')
           OR list_has_any(string_split(flags, ','), ['partial', 'unchecked']))
       SELECT f.id, f.exhibit, f.address, f.volume, c.address IS NULL AS proved,
              if(proved, f.path, '') AS path, if(proved, f.type, '') AS type, if(proved, f.size, 0) AS size
       FROM files f LEFT JOIN carved c ON c.exhibit = f.exhibit
         AND c.address = regexp_extract(f.address, '^(.*?!(?:carved:|member:pages-\d{6}/)\d+\+\d+)(!.*)?$', 1)
"""
"""Files, and whether each was proved to have been there; what was not has no path, type or size to conclude from.

That is a carved object that is whole by its own structure, checksums or decoder, and what lies inside such a one; one
in pages of memory too (:mod:`pipeline.stages.examine_memory`). Of a partial or unchecked one, and of a run of text,
only the bytes are sure: they hold what was found in them.
"""
_PROTECTED: Final = """
       CREATE OR REPLACE TABLE protected AS
       WITH records AS (
         SELECT f.exhibit, p.dataset, f.file, f.origin, f.person, f.record, count(DISTINCT f.kind) AS kinds,
                min(f.id) AS first, min(f.address) AS at
         FROM findings f JOIN people p ON p.person = f.person WHERE p.dataset IS NOT NULL GROUP BY ALL)
       SELECT r.exhibit, r.dataset, r.origin, CASE WHEN e.proved THEN 'files' ELSE 'findings' END AS "table",
              CASE WHEN e.proved THEN e.id ELSE min(r.first) END AS row, coalesce(e.address, min(r.at)) AS address,
              coalesce(e.path, '') AS path, coalesce(e.type, '') AS type, coalesce(e.size, 0) AS size, e.volume,
              count(DISTINCT r.person) AS people, max(r.kinds) AS kinds
       FROM records r LEFT JOIN shown e ON e.id = r.file AND e.exhibit = r.exhibit
       GROUP BY r.exhibit, r.dataset, r.origin, e.id, e.proved, e.address, e.path, e.type, e.size, e.volume
"""
"""One row for each place with people of a dataset: a file that was proved to be there, else a finding in bytes.

The row is what a positive answer rests on: no object that was not validated is a ground, but a finding in it is one.
"""
_VIEWS: Final = (
    # Commands of the window: dated in it, or undated in a history that was last written in it.
    """CREATE VIEW commands AS
       SELECT a.*, slashed(a.subject) AS text, a.time IS NOT NULL AS dated FROM activity a
       LEFT JOIN files h ON h.id = a.file
       WHERE a.action IN ('transfer-command', 'archive-command', 'wiping-tool', 'log-cleared', 'time-changed')
         AND CASE WHEN a.time IS NOT NULL THEN inside(a.time, a.precision_us)
                  ELSE a.artefact = 'shell-history' AND inside(h.modified, h.modified_precision_us) END""",
    # Operating systems that are installed on an exhibit, by files that each has; none on a medium for data.
    """CREATE VIEW hosts AS SELECT DISTINCT exhibit, CASE
         WHEN regexp_matches(lower(path), '^(/windows\\.old)?/(windows|winnt)/system32/config/(system|software)$')
           THEN 'windows'
         WHEN lower(path) IN ('/etc/passwd', '/etc/os-release', '/usr/lib/os-release') THEN 'linux'
         WHEN lower(path) = '/system/library/coreservices/systemversion.plist' THEN 'macos' END AS host
       FROM files WHERE origin = 'allocated' AND kind = 'file' AND host IS NOT NULL""",
    # What names the volumes of each exhibit that is a medium: the 32 bits of the serial that Windows shows.
    """CREATE VIEW media AS SELECT DISTINCT v.exhibit, upper(right(replace(v.serial, '-', ''), 8)) AS volume_serial,
         lower(v.label) AS label FROM volumes v JOIN exhibits e ON e.label = v.exhibit
       WHERE e.role = 'recovered-media' AND length(replace(v.serial, '-', '')) >= 8""",
    # What a user's records say of files on volumes: the volume's serial, and the file's size where they have it.
    """CREATE VIEW used AS SELECT a.*, upper(said(a.detail, 'volume_serial')) AS volume_serial,
         said(a.detail, 'drive_type') AS drive_type, lower(said(a.detail, 'volume_label')) AS volume_label,
         try_cast(said(a.detail, 'bytes') AS BIGINT) AS bytes FROM activity a
       WHERE a.action IN ('file-opened', 'folder-opened', 'shortcut-made', 'file-chosen', 'program-run')
         AND said(a.detail, 'volume_serial') IS NOT NULL""",
    "CREATE VIEW happened AS SELECT * FROM activity WHERE inside(time, precision_us)",
)


@contextmanager
def open_tables(tables: Mapping[str, Any], case: Case) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a database over the tables, ``exhibits`` and ``incident``; it can reach no file and no network."""
    database = duckdb.connect(":memory:", config={"threads": 1})
    try:
        database.register("exhibits", _exhibits(case))
        database.register("datasets", _datasets(case))
        database.register("incident", _incident(case))
        for statement in _MACROS:
            database.execute(statement)
        fill_tables(database, {name: tables.get(name) for name in TABLE_NAMES})
        for statement in _VIEWS:
            database.execute(statement)
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        yield database
    finally:
        database.close()


def fill_tables(database: duckdb.DuckDBPyConnection, tables: Mapping[str, Any]) -> None:
    """Put tables (pandas or Arrow; None for an empty one) in the place of those of the same names."""
    for name in sorted(tables):
        database.register(name, _arrow(name, tables[name]))
    if not {"findings", "people", "files"}.isdisjoint(tables):
        database.execute(_SHOWN)
        database.execute(_PROTECTED)


@contextmanager
def without_row(database: duckdb.DuckDBPyConnection, name: str, data: pa.Table, key: str) -> Iterator[None]:
    """Take one row out of a table, with the places of protected data that rest on it, for as long as this lasts."""
    column = _KEYS.get(name, "id")
    database.register(name, data.filter(pc.not_equal(data.column(column), key)))
    database.execute("BEGIN")
    try:
        database.execute("DELETE FROM shown WHERE id = $key", {"key": key})
        database.execute("DELETE FROM protected WHERE row = $key", {"key": key})
        yield
    finally:
        database.execute("ROLLBACK")
        database.register(name, data)


def rows_of(database: duckdb.DuckDBPyConnection, sql: str, exhibit: str) -> list[dict[str, Any]]:
    """Return the rows of a query; ``$exhibit`` stands for the label asked about.

    Raises:
        duckdb.Error: the query is wrong.
    """
    values = {"exhibit": exhibit} if "$exhibit" in sql else {}
    found = database.sql(sql, params=values).to_arrow_table().to_pylist()
    return [dict(row) for row in found]


def _arrow(name: str, data: Any) -> pa.Table:
    schema = schema_of(TABLES[name])
    if data is None:
        return schema.empty_table()
    return data if isinstance(data, pa.Table) else pa.Table.from_pandas(data, schema=schema, preserve_index=False)


def _exhibits(case: Case) -> pa.Table:
    rows = [
        {"label": item.label, "role": item.role, "authorised": list(item.authorised), "serial": item.serial or ""}
        for item in sorted(case.exhibits, key=lambda item: item.label)
    ]
    texts = [(name, pa.string()) for name in ("label", "role", "serial")]
    return pa.Table.from_pylist(rows, schema=pa.schema([*texts, ("authorised", pa.list_(pa.string()))]))


def _incident(case: Case) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    row = {"lost_from": case.incident.lost_from, "recovered_at": case.incident.recovered_at}
    return pa.Table.from_pylist([row], schema=pa.schema([("lost_from", moment), ("recovered_at", moment)]))


def _datasets(case: Case) -> pa.Table:
    rows = [{"id": item.id, "registered": item.register is not None} for item in case.datasets]
    return pa.Table.from_pylist(rows, schema=pa.schema([("id", pa.string()), ("registered", pa.bool_())]))
