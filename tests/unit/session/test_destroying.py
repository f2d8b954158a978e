"""What the session made goes; what was there before it, and what is not a session, stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gc3libs import Task
from gc3libs.exceptions import (
    DamagedStore,
    Error,
    InvalidArgument,
    InvalidOperation,
    InvalidValue,
    NewerFormat,
)
from gc3libs.persistence import make_store
from gc3libs.session import Session, TemporarySession


@pytest.fixture
def path(tmp_path):
    return tmp_path / "session"


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_a_directory_that_was_there_keeps_what_is_not_the_sessions(path, kind):
    path.mkdir()
    (path / "data").mkdir()
    (path / "data" / "mine").touch()
    session = Session(path, store_or_url=kind)
    session.add(Task())
    session.set_end_timestamp()
    session.lease()
    session.destroy()
    assert [str(each.relative_to(path)) for each in sorted(path.rglob("*"))] == [
        "data",
        "data/mine",
    ]


@pytest.mark.parametrize("url", ["file:///{}/jobs", "sqlite:///{}/my.db"])
def test_a_store_inside_that_was_there_keeps_what_is_not_the_sessions(path, url):
    path.mkdir()
    url = url.format(path)
    with make_store(url) as store:
        foreign = store.save(Task())
    session = Session(path, store_or_url=url)
    own = session.add(Task())
    session.destroy()
    with make_store(url) as store:
        assert foreign in store
        assert own not in store


def test_a_directory_that_the_session_made_goes_whole(path):
    session = Session(path)
    (path / "out").mkdir()
    (path / "out" / "result").touch()
    session.destroy()
    assert not path.exists()


def test_a_destroyed_session_cannot_be_used(path):
    session = Session(path)
    id_ = session.add(Task())
    session.destroy()
    for use in (
        lambda: session.add(Task()),
        lambda: session.remove(id_),
        lambda: len(session),
        lambda: list(session),
        session.list_ids,
        session.counts,
    ):
        with pytest.raises(InvalidOperation, match=str(path)):
            use()
    with Session(path) as session:
        session.destroy()
    assert not path.exists()


def test_a_session_of_gc3pie_is_left_alone(path):
    path.mkdir()
    for name in ("session_ids.txt", "store.url", "created"):
        (path / name).write_text("GC3Pie's\n")
    for load in (True, False):
        with pytest.raises(InvalidArgument, match="GC3Pie"):
            Session(path, load=load)
    assert sorted(os.listdir(path)) == ["created", "session_ids.txt", "store.url"]
    assert (path / "store.url").read_text() == "GC3Pie's\n"


@pytest.mark.parametrize("wrong", ["", b"", "a\0b", "sqlite:///x.db", "postgresql://here/x"])
def test_what_is_no_path_is_refused(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match="path"):
        Session(wrong)
    assert os.listdir(tmp_path) == []


def test_a_file_is_no_session(path):
    path.touch()
    with pytest.raises(InvalidArgument, match="no directory"):
        Session(path)


@pytest.mark.parametrize("missing", ["index.txt", "store.url"])
def test_half_a_session_is_not_taken_for_an_empty_one(path, missing):
    session = Session(path)
    session.add(Task())
    (path / missing).unlink()
    with pytest.raises(DamagedStore, match=f"{missing} is missing"):
        Session(path)
    assert (path / "jobs").exists()


def test_a_session_whose_making_was_cut_off_is_made(path):
    path.mkdir()
    (path / "store.url").touch()
    (path / "index.txt").touch()
    session = Session(path)
    session.add(Task())
    assert len(Session(path)) == 1


def test_created_may_be_missing(path):
    session = Session(path)
    session.add(Task())
    (path / "created").unlink()
    again = Session(path)
    assert len(again) == again.counts().total == 1
    again.add(Task())
    assert Session(path).uuid == again.uuid != session.uuid
    assert again.counts().total == 2


def test_created_must_be_ours(path):
    Session(path)
    (path / "created").write_text("python sweep.py\n")
    with pytest.raises(DamagedStore, match="created"):
        Session(path)
    (path / "created").write_text('{"format": 2}')
    with pytest.raises(NewerFormat, match="created"):
        Session(path)


@pytest.mark.parametrize("url", ["nonsense://x", "sqlite:///no/such/directory/x.db"])
def test_nothing_is_left_of_a_session_that_cannot_be_made(path, url):
    with pytest.raises(Error):
        Session(path, store_or_url=url)
    assert not path.exists()
    path.mkdir()
    with pytest.raises(Error):
        Session(path, store_or_url=url)
    assert os.listdir(path) == []


def test_arguments_for_the_store_reach_it(path):
    session = Session(path, store_or_url="sqlite", table="mine")
    assert session.store.url.endswith("#table=mine")
    session.close()
    with pytest.raises((TypeError, InvalidValue)):
        Session(path.with_name("other"), store_or_url="sqlite", tabel="mine")


def test_the_store_of_an_existing_session_is_its_own(path, tmp_path):
    session = Session(path)
    id_ = session.add(Task())
    again = Session(path, store_or_url=f"sqlite://{tmp_path}/other.db")
    assert again.store.url == session.store.url
    assert id_ in again
    assert not (tmp_path / "other.db").exists()


def test_attributes(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    session = Session("session")
    assert session.path == str(path)
    assert session.name == "session"
    assert session.store_url == session.store.url == f"file://{path}/jobs"
    assert repr(session) == f"<Session {path}>"
    assert session.created == (path / "created").stat().st_mtime


def test_a_temporary_directory_may_be_kept(tmp_path):
    store = make_store("memory:")
    session = TemporarySession(store, delete=False)
    path = Path(session.path)
    del session
    assert path.is_dir()
    Session(path, store_or_url=store).destroy()
    assert not path.exists()


def test_destroying_a_temporary_session_removes_its_tasks():
    store = make_store("memory:")
    store.save(Task())
    session = TemporarySession(store)
    session.destroy()
    assert store.list() == []
    assert not os.path.exists(session.path)


@pytest.mark.parametrize("again", [True, False])
def test_a_store_that_was_given_stays_open(path, tmp_path, again):
    with make_store(f"sqlite://{tmp_path}/store.db") as store:
        session = Session(path, store_or_url=store)
        session.add(Task())
        if again:
            Session(path, store_or_url=store, load=False).close()
        session.close()
        assert store.list() == ([] if again else ["Task.1"])
