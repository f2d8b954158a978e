"""Sessions on every kind of store that lies on this machine's disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc3libs.persistence import sqlite_file
from gc3libs.session import Session

from .ledger import Ledger, task

KINDS = {"files": "file", "sqlite": "sqlite", "journal": "sqlite"}
"""Kinds of store, as a session is told; the last lies where no write-ahead log can be used."""


class Place:
    """A session that is opened by processes that do not live long, and what they acknowledged."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self.store = store
        self.ledger = Ledger()

    def make(self, *values: int) -> None:
        """Make it, with tasks of these values."""
        session = Session(self.path, store_or_url=self.store)
        ids = session.add_many(map(task, values))
        self.ledger.sure = dict(zip(ids, values, strict=True))
        session.close()


@pytest.fixture(params=list(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "journal":
        monkeypatch.setattr(sqlite_file, "is_local", lambda path: False)
    return Place(tmp_path / "session", KINDS[request.param])
