"""Stores by URL."""

import importlib.metadata
import os
import pathlib
import subprocess
import sys

import pytest

from gc3libs.exceptions import InvalidArgument, InvalidType, InvalidValue, StoreUnavailable
from gc3libs.persistence import factory
from gc3libs.persistence.factory import make_store, register
from gc3libs.persistence.filesystem import FilesystemStore
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.sqlite import SqliteStore


class UrlLike:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", [str, pathlib.Path, lambda path: UrlLike(f"file://{path}")])
def test_a_path_is_a_directory_of_files(tmp_path, kind):
    store = make_store(kind(tmp_path / "jobs"))
    assert type(store) is FilesystemStore
    assert store.path == tmp_path / "jobs"


@pytest.mark.parametrize("url", ["file:jobs", "jobs", "./jobs", "file:./jobs"])
def test_a_relative_path_is_relative_to_the_current_directory(tmp_path, url):
    store = make_store(url)
    os.mkdir("elsewhere")
    os.chdir("elsewhere")
    assert os.path.normpath(store.path) == str(tmp_path / "jobs")


@pytest.mark.parametrize("slashes", ["//", "///", "//localhost", ""])
def test_sqlite_paths_are_absolute_with_three_slashes_or_four(tmp_path, slashes):
    store = make_store(f"sqlite:{slashes}{tmp_path}/store.db")
    assert type(store) is SqliteStore
    assert str(store.path) == f"{tmp_path}/store.db"


def test_a_relative_sqlite_path_is_relative_to_the_current_directory(tmp_path):
    assert make_store("sqlite:store.db").path == tmp_path / "store.db"


@pytest.mark.parametrize(
    "name", ["a b", "a#b", "a?b", "100%", "a%20b", "new\nline", "☃", "\udcff", "a:b"]
)
@pytest.mark.parametrize("kind", [FilesystemStore, SqliteStore])
def test_every_path_survives_in_the_url(tmp_path, name, kind):
    store = kind(tmp_path / name)
    again = make_store(store.url)
    assert type(again) is kind
    assert (again.path, again.url) == (store.path, store.url)
    assert store.url.isascii()


def test_the_table_is_part_of_the_url(tmp_path):
    store = make_store("sqlite:store.db#table=tasks")
    assert store.url == f"sqlite://{tmp_path}/store.db#table=tasks"
    assert make_store(store.url).url == store.url
    assert make_store("sqlite:store.db", table="tasks").url == store.url
    assert make_store("sqlite:store.db#table=tasks", table="tasks").url == store.url
    with pytest.raises(InvalidValue, match="given as 'others', too"):
        make_store("sqlite:store.db#table=tasks", table="others")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://localhost", "redis:, only file, memory, mysql"),
        ("sqlite:", "no path"),
        ("sqlite://store.db", "sqlite:///PATH"),
        ("sqlite:store.db#tabel=x", "only table=NAME"),
        ("sqlite:store.db#table=a-b", "letters, digits"),
        ("file:jobs#table=x", "no table"),
    ],
)
def test_urls_that_make_no_sense_are_refused(url, words):
    with pytest.raises(InvalidArgument, match=words):
        make_store(url)


@pytest.mark.parametrize("url", ["memory:", "sqlite:store.db", "jobs"])
def test_an_unknown_argument_is_named(url):
    with pytest.raises(TypeError, match="tabel"):
        make_store(url, tabel="x")


def test_a_store_is_a_store_already():
    store = MemoryStore()
    assert make_store(store) is store
    with pytest.raises(InvalidValue):
        make_store(store, table="x")


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in ("file", "file/jobs"):
        with pytest.raises(StoreUnavailable, match="no directory"):
            make_store(str(tmp_path / path))


def test_others_register_their_kinds_of_store(monkeypatch):
    monkeypatch.setattr(factory, "_constructors", dict(factory._constructors))
    made = []

    def constructor(url, *args, **kwargs):
        made.append((url, args, kwargs))
        return MemoryStore()

    register("Mine", constructor)
    make_store("mine://host/x", 1, two=2)
    assert made == [("mine://host/x", (1,), {"two": 2})]
    with pytest.raises(InvalidType):
        register("mine", "nothing to call")


def test_installed_packages_are_asked_for_unknown_schemes_only(monkeypatch):
    monkeypatch.setattr(factory, "_constructors", dict(factory._constructors))
    entry = importlib.metadata.EntryPoint(
        "theirs", f"{MemoryStore.__module__}:MemoryStore", "gc3libs.stores"
    )
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [entry]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    make_store("memory:")
    assert asked == []
    with pytest.raises(TypeError):
        make_store("theirs:x")
    assert asked == ["gc3libs.stores"]


def test_opening_a_file_loads_no_database_library(tmp_path):
    code = (
        "import sys\n"
        "from gc3libs.persistence import make_store\n"
        "make_store(sys.argv[1]).close()\n"
        "print([name for name in ('sqlalchemy', 'psycopg', 'pymysql') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:{tmp_path}/store.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "url", ["postgresql://", "postgresql://host", "mysql://host/", "mysql+other://host/db"]
)
def test_incomplete_server_urls_are_refused(url):
    pytest.importorskip("sqlalchemy")
    with pytest.raises(InvalidValue):
        make_store(url)
