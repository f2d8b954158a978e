"""Private database servers on loopback, which can be killed, restarted and made to refuse."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .daemons import is_alive, program, until


def free_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Database(ABC):
    """A server with its files in a directory of its own.

    Attributes:
        port: Where it listens, always the same one.
    """

    crash_signal: signal.Signals
    pid_file: str
    """Relative to its directory."""
    owner: str
    """Who runs it where root may not."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="gc3-database-"))
        self.port = free_port()
        self._login: list[str] = []
        if os.getuid() == 0:
            entry = pwd.getpwnam(self.owner)
            os.chown(self._home, entry.pw_uid, entry.pw_gid)
            ids = f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"
            self._login = ["setpriv", *ids, "--clear-groups"]

    def make(self) -> None:
        """Make its files and start it."""
        self._prepare()
        self.start()
        self._make_database()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._home / "log").open("ab") as log:
            subprocess.run(
                ["setsid", "--fork", *self._login, *self._command()],
                cwd=self._home,
                stdout=log,
                stderr=log,
                check=True,
            )
        until(self._answers)

    def crash(self) -> None:
        """End it as a crash does: what was not written is lost, connections break off."""
        try:
            pid = int((self._home / self.pid_file).read_text().split()[0])
        except FileNotFoundError:
            return
        if is_alive(pid):
            os.kill(pid, self.crash_signal)
            until(lambda: not is_alive(pid))

    def remove(self) -> None:
        """End it, and remove its files."""
        self.crash()
        shutil.rmtree(self._home)

    def url(self, port: int | None = None) -> str:
        """Of the database that is for use; `port` is that of a proxy."""
        return self._url(port or self.port)

    def ask(self, *statements: str) -> list[Any]:
        """Carry statements out, and give the rows of the last one."""
        engine = sa.create_engine(self._admin_url(), poolclass=sa.NullPool)
        rows: list[Any] = []
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                rows = list(result) if result.returns_rows else []
        engine.dispose()
        return rows

    @abstractmethod
    def cut_connections(self) -> None:
        """End all connections but the one that says so."""

    @abstractmethod
    def refuse_some(self, table: str, error: str) -> None:
        """Have one change in twenty of a table fail, by chance: `serialisation` or `deadlock`."""

    @abstractmethod
    def refused(self) -> int:
        """How many have failed so."""

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _url(self, port: int) -> str: ...

    @abstractmethod
    def _admin_url(self) -> str: ...

    @abstractmethod
    def _make_database(self) -> None: ...

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True


class PostgreSQL(Database):
    """Trusts everybody on loopback; `fsync` is on."""

    crash_signal = signal.SIGQUIT
    pid_file = "data/postmaster.pid"
    owner = "postgres"

    def _program(self, name: str) -> str:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        return str(found[-1]) if found else program(name, "postgresql")

    def _prepare(self) -> None:
        options = ["-D", str(self._home / "data"), "-A", "trust", "-U", "test", "-E", "UTF8"]
        subprocess.run(
            [*self._login, self._program("initdb"), *options, "--no-sync"],
            cwd=self._home,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._home,
        }
        options = [word for item in settings.items() for word in ("-c", "{}={}".format(*item))]
        return [self._program("postgres"), "-D", str(self._home / "data"), *options]

    def _url(self, port: int) -> str:
        return f"postgresql://test@127.0.0.1:{port}/postgres"

    def _admin_url(self) -> str:
        return self._url(self.port).replace("postgresql:", "postgresql+psycopg:")

    def _make_database(self) -> None:
        """The one that is there will do."""

    def cut_connections(self) -> None:
        self.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def refuse_some(self, table: str, error: str) -> None:
        code = {"serialisation": "40001", "deadlock": "40P01"}[error]
        self.ask(
            "CREATE SEQUENCE IF NOT EXISTS refused",
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS $$ BEGIN"
            " IF random() < 0.05 THEN PERFORM nextval('refused');"
            f" RAISE EXCEPTION 'refused' USING ERRCODE = '{code}';"
            " END IF; RETURN NULL; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
        )

    def refused(self) -> int:
        return sum(
            int(row[0]) for row in self.ask("SELECT last_value FROM refused WHERE is_called")
        )


class MariaDB(Database):
    """Takes everybody on loopback for root."""

    crash_signal = signal.SIGKILL
    pid_file = "pid"
    owner = "mysql"

    def _prepare(self) -> None:
        install = program("mariadb-install-db", "mariadb-server")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(
            [*self._login, install, "--no-defaults", f"--datadir={self._home / 'data'}", *options],
            cwd=self._home,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _command(self) -> list[str]:
        return [
            program("mariadbd", "mariadb-server"),
            "--no-defaults",
            f"--datadir={self._home / 'data'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--socket={self._home / 'socket'}",
            f"--pid-file={self._home / self.pid_file}",
            "--innodb-buffer-pool-size=64M",
        ]

    def _url(self, port: int) -> str:
        return f"mysql://root@127.0.0.1:{port}/test"

    def _admin_url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/mysql"

    def _make_database(self) -> None:
        self.ask("CREATE DATABASE test")

    def cut_connections(self) -> None:
        rows = self.ask(
            "SELECT id FROM information_schema.processlist"
            " WHERE id <> CONNECTION_ID() AND user = 'root'"
        )
        for (number,) in rows:
            try:
                self.ask(f"KILL CONNECTION {number}")
            except sa.exc.OperationalError:
                continue  # it has ended by itself

    def refuse_some(self, table: str, error: str) -> None:
        number = {"serialisation": 1205, "deadlock": 1213}[error]
        self.ask(
            "CREATE SEQUENCE IF NOT EXISTS test.refused NOCACHE ENGINE=InnoDB",
            f"CREATE TRIGGER test.refuse_{table} BEFORE UPDATE ON test.{table} FOR EACH ROW"
            " BEGIN IF RAND() < 0.05 THEN DO NEXTVAL(test.refused);"
            f" SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'refused';"
            " END IF; END",
        )

    def refused(self) -> int:
        return int(self.ask("SELECT next_not_cached_value FROM test.refused")[0][0])


KINDS: dict[str, type[Database]] = {"postgresql": PostgreSQL, "mysql": MariaDB}
