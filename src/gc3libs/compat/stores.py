"""Stores in databases as old scripts make them."""

from __future__ import annotations

from typing import Any

from gc3libs.persistence.factory import make_store
from gc3libs.persistence.relational import RelationalStore


class SqlStore(RelationalStore):
    """What `make_store` gives for the URL of a database, an SQLite file among them.

    Args:
        url: Of the database.
        table_name: Of the table; None: `store`.
        **options: Whatever else the store's constructor takes, such as `extra_fields`.
    """

    def __new__(cls, url: Any, table_name: str | None = None, **options: Any) -> Any:
        return make_store(url, table_name=table_name, **options)
