"""Statements on a connection to a database server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from gc3libs.persistence.columns import Row
from gc3libs.persistence.conditions import NONE, Parameters
from gc3libs.persistence.relational_queries import DuplicateKey
from gc3libs.persistence.sql_dialects import ServerDialect


class SqlTransaction:
    """Statements on one connection."""

    def __init__(self, connection: sa.Connection, server: ServerDialect) -> None:
        self._connection = connection
        self._server = server

    def query(self, sql: str, parameters: Parameters = NONE) -> list[Row]:
        return [tuple(row) for row in self._execute(sql, parameters)]

    def change(self, sql: str, parameters: Parameters = NONE) -> int:
        return self._execute(sql, parameters).rowcount

    def _execute(self, sql: str, parameters: Parameters) -> sa.CursorResult[Any]:
        statement = _text(sql, tuple(self._server.expanding(parameters)))
        return self._connection.execute(statement, dict(parameters))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        places = ", ".join(["%s"] * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        try:
            self._execute_many(table, sql, columns, (columns[0], 0), rows)
        except exc.IntegrityError as err:
            raise DuplicateKey(table) from err

    def update(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Row]
    ) -> int:
        values = ", ".join(f"{name} = %s" for name in columns)
        condition = " AND ".join(f"{name} = %s" for name in keys)
        sql = f"UPDATE {table} SET {values} WHERE {condition}"
        return self._execute_many(table, sql, columns, (keys[0], len(columns)), rows)

    def _execute_many(
        self,
        table: str,
        sql: str,
        columns: Sequence[str],
        key: tuple[str, int],
        rows: Sequence[Row],
    ) -> int:
        """How many rows were touched. What is longer than a server takes at once follows in parts.

        `key` is the name, and the place in each row, of what the row is found by.
        """
        portion = self._server.portion
        rest: list[tuple[str, Any, bytes]] = []
        sent = list(rows)
        for at, row in enumerate(rows) if portion else ():
            long = [
                (name, row[key[1]], value)
                for name, value in zip(columns, row, strict=False)
                if isinstance(value, bytes) and len(value) > portion
            ]
            if long:
                rest += long
                sent[at] = tuple(
                    b"" if isinstance(value, bytes) and len(value) > portion else value
                    for value in row
                )
        count = self._connection.exec_driver_sql(sql, sent).rowcount
        for name, found_by, value in rest:
            more = f"UPDATE {table} SET {name} = CONCAT({name}, %s) WHERE {key[0]} = %s"
            for start in range(0, len(value), portion):
                part = value[start : start + portion]
                self._connection.exec_driver_sql(more, (part, found_by))
        return count


@lru_cache(maxsize=256)
def _text(sql: str, expanding: tuple[str, ...]) -> sa.TextClause:
    return sa.text(sql).bindparams(*(sa.bindparam(key, expanding=True) for key in expanding))
