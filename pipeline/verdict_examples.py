"""Tries the SQL and the examples of verdict rules on tiny tables; only ``akashi rules check`` pays for it."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from pipeline.config import Case, Dataset, Exhibit, Incident
from pipeline.rules_parse import RuleProblem
from pipeline.schemas import TABLES, column_name, schema_of
from pipeline.verdict_parse import Example, Question
from pipeline.verdict_tables import TABLE_NAMES, fill_tables, open_tables, rows_of

__all__ = ["try_questions"]

_GROUND: Final = {"table", "row", "note"}
_LOST: Final = datetime(2022, 6, 21, tzinfo=UTC)
_BACK: Final = datetime(2022, 6, 24, tzinfo=UTC)
_EMPTY: Final[dict[Any, Any]] = {pa.string(): "", pa.int64(): 0, pa.bool_(): False, pa.float64(): 0.0}


def try_questions(questions: Sequence[Question]) -> Iterator[RuleProblem]:
    """Yield what is wrong with each query and example of the questions."""
    with open_tables({}, _case(Path())) as database:
        faults = {question.id: list(_unprepared(database, question)) for question in questions}
        for question in questions:
            yield from faults[question.id]
            for example, place in _placed(question) if not faults[question.id] else ():
                message = _failure(database, question, example)
                if message:
                    yield RuleProblem(question.path, question.lines.get(place, 1), message)


def _unprepared(empty: duckdb.DuckDBPyConnection, question: Question) -> Iterator[RuleProblem]:
    for place, sql in _queries(question):
        message = _fault(empty, sql, ground=place.startswith(("supports", "contradicts")))
        if message:
            yield RuleProblem(question.path, question.lines.get(place, 1), message)


def _queries(question: Question) -> Iterator[tuple[str, str]]:
    for key, tests in (("supports", question.supports), ("contradicts", question.contradicts)):
        yield from ((f"{key}.{number}.sql", test.sql) for number, test in enumerate(tests))
    yield from ((f"blocks.{number}.sql", block.sql) for number, block in enumerate(question.blocks))
    for grade, items in question.sources.items():
        yield from ((f"sources.{grade}.{n}.places", item.places) for n, item in enumerate(items) if item.places)
        yield from ((f"sources.{grade}.{n}.unless", item.unless) for n, item in enumerate(items) if item.unless)


def _fault(empty: duckdb.DuckDBPyConnection, sql: str, *, ground: bool) -> str:
    try:
        columns = set(empty.sql(sql, params={"exhibit": ""} if "$exhibit" in sql else {}).columns)
    except duckdb.Error as error:
        return f"the query does not run: {str(error).splitlines()[0]}"
    return "a test returns the columns table, row and note" if ground and columns != _GROUND else ""


def _placed(question: Question) -> Iterator[tuple[Example, str]]:
    for hits in (True, False):
        for number, example in enumerate(item for item in question.examples if item.hits is hits):
            yield example, f"examples.{'hit' if hits else 'miss'}.{number}"


def _failure(database: duckdb.DuckDBPyConnection, question: Question, example: Example) -> str:
    unknown = sorted(set(example.rows) - set(TABLE_NAMES))
    if unknown:
        return f"example: there is no table {unknown[0]!r}"
    test = next(item for item in (*question.supports, *question.contradicts) if item.id == example.test)
    try:
        tables = {name: _table(name, rows, example.exhibit) for name, rows in example.rows.items()}
    except (KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        return f"example of {test.id}: the rows do not fit their table: {error}"
    try:
        fill_tables(database, tables)
        found = bool(rows_of(database, test.sql, example.exhibit))
    except duckdb.Error as error:
        return f"example of {test.id}: the query fails: {str(error).splitlines()[0]}"
    finally:
        fill_tables(database, dict.fromkeys(tables))
    if found == example.hits:
        return ""
    return f"example: {test.id} {'finds nothing' if example.hits else 'finds a ground'} and must not"


def _table(name: str, rows: Sequence[Mapping[str, Any]], exhibit: str) -> pa.Table:
    schema, hints = schema_of(TABLES[name]), typing.get_type_hints(TABLES[name].row)
    optional = {column_name(key) for key, hint in hints.items() if type(None) in typing.get_args(hint)}
    base = {field.name: None if field.name in optional else _EMPTY.get(field.type) for field in schema}
    base |= {"exhibit": exhibit} if "exhibit" in base else {}
    filled = []
    for number, row in enumerate(rows):
        unknown = sorted(set(row) - set(base))
        if unknown:
            message = f"{name} has no column {unknown[0]}"
            raise ValueError(message)
        named = {"id": f"{name}-{number}"} if "id" in base else {}
        filled.append(base | named | {key: _utc(value) for key, value in row.items()})
    return pa.Table.from_pylist(filled, schema=schema)


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _case(path: Path) -> Case:
    """Return the case of the examples: EX-01 may hold no dataset, EX-02 may hold ``register``."""
    exhibits = (
        Exhibit(label="EX-01", role="workstation", image=path, serial="SERIAL-0001"),
        Exhibit(label="EX-02", role="recovered-media", image=path, serial="SERIAL-0002", authorised=("register",)),
    )
    return Case(
        root=path, id="example", title="example", timezone="UTC", language="en",
        incident=Incident(lost_from=_LOST, recovered_at=_BACK), exhibits=exhibits, keys_directory=path,
        datasets=(Dataset(id="register", title="register", register=path),), rules_directory=path,
    )  # fmt: skip
