"""Every kind of store keeps every promise."""

import os
import uuid

import pytest

from gc3libs.persistence import sqlite_file
from gc3libs.persistence.filesystem import FilesystemStore
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.sqlite import SqliteStore
from gc3libs.testing import MirrorTests, StoreTests, UnsharedStoreTests

SERVERS = {
    "postgresql": (
        os.environ.get("GC3LIBS_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/test"),
        "pg_ctlcluster 15 main start",
    ),
    "mysql": (
        os.environ.get("GC3LIBS_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"),
        "service mariadb start",
    ),
}


class TestMemoryStore(UnsharedStoreTests, MirrorTests):
    def make_store(self):
        return MemoryStore()


class TestFilesystemStore(StoreTests):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.directory = tmp_path / "jobs with blanks #1 100%?"

    def make_store(self):
        return FilesystemStore(self.directory)


class TestSqliteStore(StoreTests, MirrorTests):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.path = tmp_path / "a store #1 100%?\nfile.db"

    def make_store(self):
        return SqliteStore(self.path, table="tasks")


class TestSqliteStoreOnUnknownFilesystem(TestSqliteStore):
    @pytest.fixture(autouse=True)
    def _remote(self, monkeypatch):
        monkeypatch.setattr(sqlite_file, "is_local", lambda path: False)


class ServerTests(StoreTests, MirrorTests):
    kind: str

    @pytest.fixture(autouse=True)
    def _table(self):
        sqlalchemy = pytest.importorskip("sqlalchemy")
        from gc3libs.persistence.sql import SqlStore

        url, start = SERVERS[self.kind]
        self.table = f"t{uuid.uuid4().hex[:12]}"
        store = SqlStore(url, table=self.table)
        engine = store._engine
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError as err:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no server: {start} ({str(err).splitlines()[0]})")
        yield
        with engine.begin() as connection:
            for name in sqlalchemy.inspect(connection).get_table_names():
                if name.startswith(self.table):
                    connection.execute(sqlalchemy.text(f"DROP TABLE {name}"))
        engine.dispose()

    def make_store(self):
        from gc3libs.persistence.sql import SqlStore

        return SqlStore(SERVERS[self.kind][0], table=self.table)


@pytest.mark.server
class TestPostgresql(ServerTests):
    kind = "postgresql"


@pytest.mark.server
class TestMariadb(ServerTests):
    kind = "mysql"
