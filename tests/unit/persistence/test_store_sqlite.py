"""What is particular to stores in SQLite files."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from gc3libs.exceptions import (
    DamagedStore,
    InvalidOperation,
    InvalidValue,
    LoadError,
    NewerFormat,
    NotAStore,
    StoreUnavailable,
)
from gc3libs.persistence import sqlite_file
from gc3libs.persistence.record import Query, Record, Summary
from gc3libs.persistence.sqlite import SqliteStore


def record_of(number, revision=1, payload=b"p", **facts):
    return Record(
        summary=Summary(id=f"Thing.{number}", cls="m:Thing", **facts),
        revision=revision,
        payload=payload,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def test_nothing_is_made_before_the_first_save(path):
    with SqliteStore(path) as store:
        assert list(store.list()) == []
        assert list(store.summaries()) == store.counts() == []
        store.flush()
    assert list(path.parent.iterdir()) == []


def test_closing_leaves_one_file(path):
    with SqliteStore(path) as store:
        store._write([record_of(1)])
        assert path.with_name("store.db-wal").exists()
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


def test_a_closed_store_says_so(path):
    store = SqliteStore(path)
    store._write([record_of(1)])
    store.close()
    with pytest.raises(InvalidOperation, match="closed"):
        store._read(["Thing.1"])


def test_another_programs_table_is_left_alone(path):
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE store (id INTEGER PRIMARY KEY, data BLOB)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(NotAStore, match=r"table 'store' in sqlite://.*/store\.db"):
        SqliteStore(path)
    assert path.read_bytes()[100:] == before[100:]
    with SqliteStore(path, table="tasks") as store:
        store._write([record_of(1)])
        assert list(store._ids()) == ["Thing.1"]


def test_a_newer_format_is_refused(path):
    with SqliteStore(path) as store:
        store._write([record_of(1)])
    with sqlite3.connect(path) as file:
        file.execute("UPDATE store_meta SET value = 99 WHERE name = 'format'")
    file.close()
    with pytest.raises(NewerFormat) as caught:
        SqliteStore(path)
    assert caught.value.found == 99


def test_what_is_no_database_is_named(path):
    path.write_text("I am a text, and long enough not to be taken for an empty database.\n" * 50)
    with pytest.raises(NotAStore, match=r"store\.db is no store of gc3libs: it is no SQLite"):
        SqliteStore(path)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match=r"no such directory"):
        SqliteStore(tmp_path / "missing" / "store.db")


def test_damaged_pages_cost_only_what_is_on_them(path, caplog):
    with SqliteStore(path) as store:
        store._write([record_of(number, payload=b"x" * 3000) for number in range(1, 201)])
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 4096 // 2 * 4096)
        file.write(b"\xff" * 4096)
    with SqliteStore(path) as store:
        found = store._read([f"Thing.{number}" for number in range(1, 201)])
    damaged = [record for record in found.values() if isinstance(record, LoadError)]
    assert len(found) == 200
    assert 0 < len(damaged) < 100
    assert "store.db" in str(damaged[0])
    assert "malformed" in str(damaged[0])


def test_a_file_cut_short_is_reported_as_damaged(path):
    with SqliteStore(path) as store:
        store._write([record_of(number, payload=b"x" * 3000) for number in range(1, 201)])
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DamagedStore, match=r"store\.db is damaged"), SqliteStore(path) as store:
        list(store._ids())


def test_a_full_disk_is_reported_and_loses_nothing(path):
    with SqliteStore(path) as store:
        store._write([record_of(1)])
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreUnavailable, match=r"store\.db: the disk, or a quota, is full"):
            store._write([record_of(2), record_of(3, payload=b"x" * 100_000)])
        assert list(store._ids()) == ["Thing.1"]


def test_a_lock_that_is_not_released_is_reported(path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.05)
    with SqliteStore(path) as store:
        store._write([record_of(1)])
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another process has kept it locked"):
            store._write([record_of(2)])
        assert list(store._ids()) == ["Thing.1"]
        holder.execute("ROLLBACK")
        holder.close()
        store._write([record_of(2)])


def test_a_store_opened_for_reading_is_not_written(path):
    with SqliteStore(path) as store:
        store._write([record_of(1)])
    before = path.read_bytes()
    with SqliteStore(path, read_only=True) as store:
        assert list(store._read(["Thing.1"])) == ["Thing.1"]
        assert list(store._summaries(Query(digests=["x"]))) == []
        with pytest.raises(StoreUnavailable, match="for reading only"):
            store._write([record_of(2)])
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


def test_digests_are_found_by_an_index_once_asked_for(path):
    with SqliteStore(path) as store:
        store._write([record_of(n, digest=f"d{n % 7}", session="s") for n in range(1, 500)])
        found = list(store._summaries(Query(session="s", digests=["d3"])))
        assert [each.digest for each in found] == ["d3"] * len(found) != []
        plan = store._connection.execute(
            "EXPLAIN QUERY PLAN SELECT number FROM store WHERE +session = 's' AND digest <> ''"
            " AND digest IN (SELECT value FROM json_each('[\"d3\"]'))"
        ).fetchall()
        assert "store_digests" in str(plan)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT state, returncode, count(*) FROM store WHERE (session = 's') AND (leaf = 1)"
        " GROUP BY state, returncode",
        "SELECT count(*), count(cpu_time), sum(cpu_time) FROM store"
        " WHERE (session = 's') AND (leaf = 1) AND (held = 0)",
    ],
)
def test_counts_and_totals_of_a_session_read_an_index_only(path, sql):
    with SqliteStore(path) as store:
        store._write([record_of(1, session="s")])
        plan = store._connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        assert "COVERING INDEX store_counts" in str(plan)
        assert "TEMP B-TREE" not in str(plan)


def test_extra_fields_can_be_queried(path, caplog):
    fields = {"double": lambda obj: obj.number * 2, "broken": lambda obj: obj.missing}
    with SqliteStore(path) as store:
        store._write([record_of(1)])
    with SqliteStore(path, extra_fields=fields) as store:

        class Numbered:
            number = 21

        values = store._extra_columns(Numbered())
        assert values == {"double": 42}
        assert "extra field 'broken'" in caplog.text
        record = Record(
            summary=Summary(id="Thing.2", cls="m:Thing"), revision=1, extra=values, payload=b"p"
        )
        store._write([record])
        rows = store._connection.execute('SELECT number, "double", broken FROM store').fetchall()
        assert rows == [(1, None, None), (2, 42, None)]
        loaded = store._read(["Thing.2"])["Thing.2"]
        assert loaded.payload == b"p"


@pytest.mark.parametrize("fields", [{"payload": len}, {"a b": len}, {7: len}])
def test_impossible_extra_fields_are_refused(path, fields):
    with pytest.raises(InvalidValue, match="extra_fields"):
        SqliteStore(path, extra_fields=fields)


@pytest.mark.parametrize("table", ["", "a-b", 'x"; DROP', "a" * 60])
def test_impossible_table_names_are_refused(path, table):
    with pytest.raises(InvalidValue, match="table"):
        SqliteStore(path, table=table)


def test_halves_of_characters_are_escaped(path):
    with SqliteStore(path) as store:
        store._write([record_of(1, jobname="bad \udcff name", tags=("\udc80",))])
        (summary,) = store._summaries(Query())
    assert summary.jobname == "bad \\udcff name"


def test_a_store_left_by_a_killed_process_is_read(path, tmp_path):
    code = (
        "import os, sys\n"
        "from gc3libs.testing._stores import record_of\n"
        "from gc3libs.persistence.sqlite import SqliteStore\n"
        "SqliteStore(sys.argv[1])._write([record_of(n) for n in range(1, 4)])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert path.with_name("store.db-wal").stat().st_size > 0
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("store.db", "store.db-wal"):
        shutil.copy(path.with_name(name), copy)
    with SqliteStore(copy / "store.db") as store:
        assert list(store._ids()) == ["Thing.1", "Thing.2", "Thing.3"]
    with SqliteStore(path) as store:
        assert len(list(store._ids())) == 3
    assert [each.name for each in path.parent.iterdir() if each.is_file()] == ["store.db"]


def test_readers_and_a_writer_do_not_disturb_each_other(path):
    with SqliteStore(path) as writer, SqliteStore(path) as reader:
        writer._write([record_of(number) for number in range(1, 2001)])
        seen = []
        thread = threading.Thread(
            target=lambda: seen.extend(len(list(reader._summaries(Query()))) for _ in range(5))
        )
        thread.start()
        for number in range(2001, 2051):
            writer._write([record_of(number)])
        thread.join()
    assert len(seen) == 5
    assert all(2000 <= each <= 2050 for each in seen)


@pytest.mark.parametrize(
    ("point", "kind", "local"),
    [("/", "ext4", True), ("/home/my\\040files", "nfs4", False), ("/", "9p", False)],
)
def test_only_known_filesystems_of_this_machine_are_local(tmp_path, point, kind, local):
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 0:1 / / rw,relatime shared:1 - xfs /dev/sda1 rw\n"
        f"23 1 0:2 / {point} rw,relatime - {kind} server:/x rw\n"
    )
    assert sqlite_file.is_local("/home/my files/store.db", table) is local
    assert not sqlite_file.is_local("/home/my files/store.db", tmp_path / "missing")


def test_elsewhere_the_journal_is_rolled_back(path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "is_local", lambda path: False)
    with SqliteStore(path) as store:
        store._write([record_of(1)])
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert [each.name for each in path.parent.iterdir()] == ["store.db"]
