"""The tables of a store in a database server, for SQLAlchemy to make."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gc3libs.persistence.columns import COLUMNS
from gc3libs.persistence.extra import ExtraFields
from gc3libs.persistence.sql_dialects import ServerDialect

_WORDS = ("prefix", "session", "state", "digest")


def metadata(name: str, server: ServerDialect, extra: ExtraFields) -> sa.MetaData:
    """All tables of the store called `name`."""
    tables = sa.MetaData()
    types = server.types

    def add(end: str, *parts: Any) -> None:
        sa.Table(f"{name}{end}", tables, *parts, **server.table_options)

    add("", *_object_columns(server, extra), *_object_indexes(name))
    add(
        "_relation",
        sa.Column("parent", types["key"], primary_key=True, autoincrement=False),
        sa.Column("position", types["key"], primary_key=True, autoincrement=False),
        sa.Column("child", types["key"], nullable=False),
        sa.Column("prefix", types["word"], nullable=False),
        sa.Column("checksum", types["integer"], nullable=False),
        sa.Index(f"{name}_owners", "child"),
    )
    add(
        "_blobs",
        sa.Column("name", types["name"], primary_key=True),
        sa.Column("data", types["blob"], nullable=False),
    )
    add(
        "_sessions",
        sa.Column("uuid", types["word"], primary_key=True),
        sa.Column("stamp", types["text"]),
        sa.Column("epoch", types["integer"]),
    )
    add(
        "_meta",
        sa.Column("name", types["word"], primary_key=True),
        sa.Column("value", types["integer"], nullable=False),
    )
    return tables


def extra_type(name: str, server: ServerDialect, extra: ExtraFields) -> Any:
    """Type of a column that the user has added."""
    column = extra.columns[name]
    return sa.types.to_instance(server.types["text"] if column is None else column.type)


def _object_columns(server: ServerDialect, extra: ExtraFields) -> list[sa.Column[Any]]:
    columns: list[sa.Column[Any]] = []
    for name, kind in COLUMNS.items():
        word = "word" if name in _WORDS else kind.rstrip("?")
        columns.append(
            sa.Column(
                name,
                server.types[word],
                primary_key=kind == "key",
                autoincrement=False,
                nullable=kind.endswith("?"),
            )
        )
    columns += (sa.Column(name, extra_type(name, server, extra)) for name in extra.names)
    return columns


def _object_indexes(name: str) -> list[sa.Index]:
    return [
        sa.Index(f"{name}_place", "session", "position", "number"),
        sa.Index(f"{name}_counts", "session", "leaf", "state", "returncode", "held", "cpu_time"),
        sa.Index(f"{name}_digests", "digest"),
    ]
