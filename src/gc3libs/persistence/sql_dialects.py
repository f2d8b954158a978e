"""How PostgreSQL and MariaDB (or MySQL) differ, in SQL and in how one logs in."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from gc3libs.persistence import query as queries
from gc3libs.persistence.conditions import NOTHING, Condition, Dialect, json_of
from gc3libs.persistence.record import Comparison


class ServerDialect(Dialect):
    """A server's kind."""

    name: str
    """What people call it."""
    driver: str
    """The scheme of SQLAlchemy's URLs."""
    extra: str
    """What to install."""
    port: int
    types: Mapping[str, Any]
    """SQLAlchemy's types by our kinds of columns."""
    table_options: Mapping[str, Any] = {}
    retried: Collection[Any]
    """Codes of errors that say: the same transaction will work later."""
    portion = 0
    """How many bytes the server takes in one value; 0: as many as there are."""
    hints: Mapping[Any, str] = {}
    """What to do, by code of the error."""
    ignore_duplicates: tuple[str, str]
    """What follows INSERT, and what ends it, so that rows that are there stay."""

    def login(self, url: sa.URL) -> dict[str, Any]:
        """Arguments of the driver's `connect` beside those in the URL."""
        return {"connect_timeout": 10}

    def code(self, error: Any) -> Any:
        """The code of a driver's error."""
        raise NotImplementedError

    def expanding(self, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Parameters that stand for a list of values in parentheses."""
        return ()


class PostgreSQL(ServerDialect):
    """By psycopg 3."""

    name = "PostgreSQL"
    driver = "postgresql+psycopg"
    extra = "postgresql"
    port = 5432
    retried = ("40001", "40P01", "55P03")
    ignore_duplicates = ("", "ON CONFLICT DO NOTHING")
    types = {
        "key": sa.BigInteger,
        "word": sa.Text,
        "text": sa.Text,
        "integer": sa.BigInteger,
        "boolean": sa.Boolean,
        "real": sa.Double,
        "json": postgresql.JSONB,
        "blob": sa.LargeBinary,
        "name": sa.Text(collation="C"),
    }

    def code(self, error: Any) -> Any:
        return getattr(error, "sqlstate", None)

    def quote(self, name: str) -> str:
        return f'"{name}"'

    def read(self, column: str) -> str:
        return f"CAST({column} AS text)" if column == "parameters" else column

    def among(self, column: str, key: str, values: Collection[Any]) -> Condition:
        return f"{column} = ANY(:{key})", {key: list(values)}

    def class_name(self, column: str) -> str:
        return f"regexp_replace({column}, '^.*[:.]', '')"

    def fits(self, expression: str, key: str, pattern: str) -> Condition:
        regex = queries.glob_to_regex(pattern)
        if regex is None or "\0" in pattern:
            return NOTHING
        return f"{expression} ~ :{key}", {key: f"^(?:{regex})$"}

    def contains(self, column: str, key: str, text: str) -> Condition:
        return f"strpos({column}, :{key}) > 0", {key: text}

    def has_parameter(self, column: str, key: str, name: str, value: Any) -> Condition:
        wanted = _object(name, value)
        if wanted is None or "\\u0000" in wanted:
            return NOTHING
        return f"{column} @> CAST(:{key} AS jsonb)", {key: wanted}

    def compares_parameter(self, column: str, key: str, comparison: Comparison) -> Condition | None:
        """Truth values are let through."""
        name, value = comparison.fact.name, comparison.value
        if comparison.operator == "!=" or not name.isprintable():
            return None
        member, text = f"{column} -> :{key}_name", f"{column} ->> :{key}_name"
        operator = "=" if comparison.operator == "==" else comparison.operator
        values = {key: value, f"{key}_name": name}
        if isinstance(value, str):
            return (
                f"jsonb_typeof({member}) = 'string' AND ({text}) COLLATE \"C\" {operator} :{key}",
                values,
            )
        return (
            f"CASE jsonb_typeof({member}) WHEN 'number' THEN CAST({text} AS numeric)"
            f" {operator} CAST(:{key} AS numeric) WHEN 'boolean' THEN TRUE ELSE FALSE END",
            values | {key: json_of(value + 0)},
        )


class MariaDB(ServerDialect):
    """MariaDB and MySQL, by PyMySQL."""

    name = "MariaDB"
    driver = "mysql+pymysql"
    extra = "mysql"
    port = 3306
    retried = (1205, 1213)
    portion = 4 << 20  # its packets hold 16 MB, and PyMySQL writes bytes as hexadecimal digits
    hints = dict.fromkeys((1153, 1301, 2006), "; the server's max_allowed_packet may be too small")
    ignore_duplicates = ("IGNORE", "")
    types = {
        "key": sa.BigInteger,
        "word": sa.String(200),
        "text": mysql.LONGTEXT,
        "integer": sa.BigInteger,
        "boolean": sa.Boolean,
        "real": sa.Double,
        "json": sa.JSON,
        "blob": mysql.LONGBLOB,
        "name": mysql.VARBINARY(1000),
    }
    table_options = {
        "mysql_engine": "InnoDB",
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_bin",
    }

    def login(self, url: sa.URL) -> dict[str, Any]:
        arguments: dict[str, Any] = {"connect_timeout": 10, "charset": "utf8mb4"}
        password = os.environ.get("MYSQL_PWD") or _password_in_options_file(url)
        if url.password is None and password:
            arguments["password"] = password
        return arguments

    def code(self, error: Any) -> Any:
        return error.args[0] if error.args else None

    def quote(self, name: str) -> str:
        return f"`{name}`"

    def among(self, column: str, key: str, values: Collection[Any]) -> Condition:
        return f"{column} IN :{key}", {key: list(values)}

    def expanding(self, parameters: Mapping[str, Any]) -> Sequence[str]:
        return [key for key, value in parameters.items() if isinstance(value, list)]

    def class_name(self, column: str) -> str:
        return f"SUBSTRING_INDEX(SUBSTRING_INDEX({column}, ':', -1), '.', -1)"

    def fits(self, expression: str, key: str, pattern: str) -> Condition:
        regex = queries.glob_to_regex(pattern)
        if regex is None:
            return NOTHING
        return f"{expression} REGEXP :{key}", {key: rf"(?s)\A(?:{regex})\z"}

    def contains(self, column: str, key: str, text: str) -> Condition:
        return f"INSTR({column}, :{key}) > 0", {key: text}

    def has_parameter(self, column: str, key: str, name: str, value: Any) -> Condition:
        wanted = _object(name, value)
        if wanted is None:
            return NOTHING
        return f"JSON_CONTAINS({column}, :{key})", {key: wanted}


def _object(name: str, value: Any) -> str | None:
    """A JSON object with one member."""
    if json_of(value) is None:
        return None
    return msgspec.json.encode({name: value}).decode()


def _password_in_options_file(url: sa.URL) -> str | None:
    """From the section [client] of `~/.my.cnf`, if it is meant for this user and host."""
    from pymysql.optionfile import Parser

    parser = Parser(strict=False, interpolation=None)
    parser.read(Path("~/.my.cnf").expanduser())
    if not parser.has_section("client"):
        return None
    client = {key: parser.get("client", key) for key in parser.options("client")}
    if client.get("user", url.username) != url.username:
        return None
    if client.get("host", url.host) != url.host:
        return None
    password: str | None = client.get("password")
    return password
