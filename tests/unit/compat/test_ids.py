"""IDs and stores as old scripts make them."""

from __future__ import annotations

import pickle

import pytest

from gc3libs import persistence
from gc3libs.model import Task
from gc3libs.persistence import FilesystemStore, Id, IdFactory, JobIdFactory, SqlStore, make_store
from gc3libs.persistence.sqlite import SqliteStore
from gc3libs.utils import History


def test_ids_are_text_in_order_of_their_numbers():
    ids = [Id("Task", 10), Id("Task", 9), Id("App", 11)]
    assert sorted(ids) == ["App.11", "Task.9", "Task.10"]
    assert ids[0] > ids[1] >= ids[1] and ids[1] <= ids[0]
    assert {ids[0]: 1}["Task.10"] == 1
    again = pickle.loads(pickle.dumps(ids[0]))
    assert (again, again.prefix, again.seqno) == ("Task.10", "Task", 10)


def test_a_factory_counts_on_for_all_processes_of_its_user(tmp_path, monkeypatch):
    monkeypatch.setenv("GC3PIE_ID_FILE", str(tmp_path / "ids"))
    assert IdFactory().new(Task()) == "Task.1"
    assert JobIdFactory().new(Task()) == "Task.2"
    factory = IdFactory(prefix="job")
    factory.reserve(2)
    assert IdFactory().new(Task()) == "Task.5"
    assert [factory.new(None) for _ in range(3)] == ["job.3", "job.4", "job.6"]


def test_a_factory_takes_numbers_and_class_from_its_maker():
    factory = IdFactory(next_id_fn=iter([7]).__next__, id_class=lambda *parts: parts)
    assert factory.new(Task()) == ("Task", 7)


def test_stores_of_old_scripts(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    for store in (
        SqlStore(url, "mine", extra_fields={"name": lambda task: task.jobname}),
        SqlStore(url, table_name="mine"),
        make_store(f"{url}#table=mine", table_name="mine"),
    ):
        assert type(store) is SqliteStore
        assert store.url.endswith("#table=mine")
        store.save(Task(jobname="a"))
        store.close()
    with SqlStore(url) as store:
        assert (store.list(), store.url) == ([], f"sqlite://{tmp_path}/store.db")
    assert issubclass(FilesystemStore, persistence.Store)


def test_stores_are_registered_by_either_name():
    from gc3libs.persistence import store

    with pytest.warns(DeprecationWarning, match=r"use gc3libs\.persistence\.register") as seen:
        assert store.register is persistence.register
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = store.nothing_there
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = persistence.nothing_there


def test_a_history():
    history = History()
    assert (history.last(), str(history)) == ("", "")
    history("begun")
    history.append("ended")
    assert history.last() == "ended"
    first, second = history
    assert first.startswith("begun at ") and second.startswith("ended at ")
