"""What is particular to stores in database servers."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import uuid

import pytest

sa = pytest.importorskip("sqlalchemy")

from gc3libs.exceptions import (  # noqa: E402  # what they need may be missing
    Conflict,
    NewerFormat,
    NotAStore,
    StoreUnavailable,
)
from gc3libs.persistence.factory import make_store  # noqa: E402
from gc3libs.persistence.record import Record, Summary  # noqa: E402
from gc3libs.persistence.sql import SqlStore  # noqa: E402

URLS = {
    "postgresql": os.environ.get(
        "GC3LIBS_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/test"
    ),
    "mysql": os.environ.get("GC3LIBS_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"),
}
START = {"postgresql": "pg_ctlcluster 15 main start", "mysql": "service mariadb start"}

pytestmark = pytest.mark.server


def record_of(number, revision=1, payload=b"p", **facts):
    return Record(
        summary=Summary(id=f"Thing.{number}", cls="m:Thing"),
        revision=revision,
        payload=payload,
        **facts,
    )


@pytest.fixture(params=sorted(URLS))
def url(request):
    """A server's URL; tables that the test makes go away."""
    url = URLS[request.param]
    table = f"t{uuid.uuid4().hex[:12]}"
    engine = SqlStore(url, table=table)._engine
    try:
        engine.connect().close()
    except sa.exc.OperationalError as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no server: {START[request.param]} ({str(err).splitlines()[0]})")
    yield f"{url}#table={table}"
    with engine.begin() as connection:
        for name in sa.inspect(connection).get_table_names():
            if name.startswith(table):
                connection.execute(sa.text(f"DROP TABLE {name}"))
    engine.dispose()


class CutBeforeAnswer:
    """A way to a server on which the answer to the next COMMIT gets lost."""

    def __init__(self, address):
        self._server = sa.make_url(address)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self._server.host, self._server.port))
            doomed = threading.Event()
            for args in ((client, server, doomed, True), (server, client, doomed, False)):
                thread = threading.Thread(target=self._pump, args=args)
                thread.start()
                self._threads.append(thread)

    def _pump(self, source, target, doomed, to_server):
        try:
            while data := source.recv(1 << 16):
                if to_server and self.cut.is_set() and data.rstrip(b"\0").endswith(b"COMMIT"):
                    self.cut.clear()
                    doomed.set()
                if not to_server and doomed.is_set():
                    break
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                if not to_server or end is source:
                    end.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def test_a_write_whose_answer_was_lost_is_not_taken_for_anothers(url):
    way = CutBeforeAnswer(url)
    detour = sa.make_url(url.partition("#")[0]).set(port=way.port).render_as_string(False)
    try:
        with make_store(f"{detour}#{url.partition('#')[2]}") as store:
            store._write([record_of(1)])
            way.cut.set()
            store._write([record_of(1, 2, b"new"), record_of(2)])
            assert not way.cut.is_set()
            found = store._read(["Thing.1", "Thing.2"])
            assert {id_: each.revision for id_, each in found.items()} == {
                "Thing.1": 2,
                "Thing.2": 1,
            }
            with pytest.raises(Conflict):
                store._write([record_of(1, 2, b"new")])
    finally:
        way.close()


def test_a_broken_connection_is_replaced(url):
    with make_store(url) as store:
        store._write([record_of(1)])
        with store._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
        descriptor = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()
        broken = socket.socket(fileno=os.dup(descriptor))
        broken.shutdown(socket.SHUT_RDWR)
        broken.close()
        assert list(store._ids()) == ["Thing.1"]


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_down_is_named_in_one_line(scheme):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    store = make_store(f"{scheme}://me:secret@127.0.0.1:{port}/test")
    with pytest.raises(StoreUnavailable) as caught:
        list(store._ids())
    assert f"at 127.0.0.1:{port}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    store.close()


def test_an_unknown_database_is_named(url):
    address = sa.make_url(url.partition("#")[0]).set(database="no_such_database")
    store = make_store(address.render_as_string(False))
    with pytest.raises(StoreUnavailable, match="no_such_database"):
        list(store._ids())
    store.close()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mysql+pymysql", "postgresql+psycopg"])
def test_passwords_are_kept_to_oneself(scheme):
    url = f"{scheme}://me:secret@127.0.0.1:1/test?password=secret#table=tasks"
    for store in (make_store(url), make_store(url.replace(":secret", ""), password="secret")):
        assert "secret" not in store.url + repr(store) + repr(vars(store))
        assert store.url == f"{scheme.partition('+')[0]}://me@127.0.0.1:1/test#table=tasks"
        assert make_store(store.url).url == store.url
        store.close()


def test_another_programs_table_is_left_alone(url):
    address, _, table = url.partition("#table=")
    with SqlStore(address, table=table) as store, store._engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {table} (id INTEGER, data TEXT)"))
    with make_store(url) as store, pytest.raises(NotAStore, match=table):
        store._write([record_of(1)])


def test_a_newer_format_is_refused(url):
    with make_store(url) as store:
        store._write([record_of(1)])
        with store._engine.begin() as connection:
            sql = f"UPDATE {store._meta} SET value = 99 WHERE name = 'format'"
            connection.execute(sa.text(sql))
    with make_store(url) as store, pytest.raises(NewerFormat):
        list(store._ids())


def test_extra_fields_can_be_queried(url):
    with make_store(url) as store:
        store._write([record_of(1)])
    fields = {
        "label": lambda obj: len(obj),
        sa.Column("size", sa.Integer): lambda obj: len(obj),
    }
    with make_store(url, extra_fields=fields) as store:
        store._write([record_of(2, extra=store._extra_columns("abc"))])
        store._write([record_of(1, 2, extra=store._extra_columns("abcd"))])
        with store._engine.connect() as connection:
            sql = f"SELECT number FROM {store._table} WHERE size > 3 AND label = '4'"
            assert connection.execute(sa.text(sql)).all() == [(1,)]
        assert store._read(["Thing.2"])["Thing.2"].payload == b"p"


def test_the_password_comes_from_the_options_file(tmp_path, monkeypatch):
    from gc3libs.persistence.sql_dialects import MariaDB

    (tmp_path / ".my.cnf").write_text("[client]\nuser = me\npassword = 'from-the-file'\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MYSQL_PWD", raising=False)
    login = MariaDB().login
    assert login(sa.make_url("mysql://me@host/db"))["password"] == "from-the-file"
    assert "password" not in login(sa.make_url("mysql://you@host/db"))
    assert "password" not in login(sa.make_url("mysql://me:own@host/db"))
    monkeypatch.setenv("MYSQL_PWD", "from-the-environment")
    assert login(sa.make_url("mysql://me@host/db"))["password"] == "from-the-environment"


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("sqlalchemy", "postgresql"), ("psycopg", "postgresql"), ("pymysql", "mysql")],
)
def test_a_missing_package_is_named_with_what_to_install(missing, extra):
    scheme = "mysql" if extra == "mysql" else "postgresql"
    code = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from gc3libs.exceptions import StoreUnavailable\n"
        "from gc3libs.persistence import make_store\n"
        "try:\n"
        f"    make_store('{scheme}://me@127.0.0.1:1/test')\n"
        "except StoreUnavailable as err:\n"
        "    print(err)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert f"pip install gc3libs[{extra}]" in done.stdout, done.stderr
    assert missing in done.stdout
