"""A session's tasks need the memory of a window, and no change is lost."""

from __future__ import annotations

import gc

import pytest

from gc3libs import Task
from gc3libs.exceptions import ObjectNotFound
from gc3libs.persistence.memory import MemoryStore
from gc3libs.session import Session
from gc3libs.workflow import ParallelTaskCollection

MANY = 6000
AT_MOST = 3100
"""Tasks that may be in memory at a time."""


class CountingStore(MemoryStore):
    """Counts how often it is read, and what is written."""

    def __init__(self):
        super().__init__()
        self.reads = []
        self.written = []

    def _read(self, ids):
        self.reads.append(len(ids))
        return super()._read(ids)

    def _write(self, records, **options):
        self.written += [record.id for record in records]
        super()._write(records, **options)


@pytest.fixture
def session(tmp_path):
    made = Session(tmp_path / "session", store_or_url=CountingStore())
    made.add_many(Task(jobname=f"t{i}", notes=[]) for i in range(MANY))
    made.store.reads.clear()
    made.store.written.clear()
    gc.collect()
    assert made.store.in_use() == []
    return made


def test_a_loop_needs_a_window(session):
    most = 0
    for number, task in enumerate(session):
        assert task.jobname == f"t{number}"
        if number % 500 == 0:
            most = max(most, len(session.store.in_use()))
    assert 0 < most <= AT_MOST
    assert sum(session.store.reads) == MANY
    assert len(session.store.reads) <= MANY / 200
    session.save_all()
    assert session.store.written == []


def test_looking_at_one_after_the_other_reads_batches(session):
    for id_ in session.tasks:
        assert session.tasks[id_].persistent_id == id_
    assert sum(session.store.reads) == MANY
    assert len(session.store.reads) < MANY / 100
    assert len(session.store.in_use()) <= AT_MOST


def test_looking_here_and_there_reads_little(session):
    ids = list(session.tasks)
    for place in range(0, MANY, 600):
        assert session.tasks[ids[place]].jobname == f"t{place}"
    assert sum(session.store.reads) <= 10 * 32


def test_changes_of_tasks_that_left_the_window_are_saved(session):
    changed = []
    for number, task in enumerate(session):
        if number % 1000 == 0:
            task.notes.append("in place")
            changed.append(task.persistent_id)
        elif number % 1000 == 1:
            task.beta = number
            changed.append(task.persistent_id)
    del task
    session.save_all()
    assert sorted(session.store.written) == sorted(changed)
    session.store.written.clear()
    session.save_all()
    assert session.store.written == []
    session.store.invalidate_cache()
    gc.collect()
    assert [task.jobname for task in session if task.notes] == [
        f"t{i}" for i in range(0, MANY, 1000)
    ]
    assert session.counts(beta=1001).total == 1


def test_what_was_saved_leaves_memory(session):
    for task in session:
        task.beta = 1
    del task
    assert len(session.store.in_use()) == MANY
    session.save_all()
    for _ in session:
        pass
    del _
    gc.collect()
    assert len(session.store.in_use()) <= AT_MOST


def test_a_removed_task_that_was_changed_stays_removed(session):
    id_ = next(iter(session.tasks))
    task = session.tasks[id_]
    task.beta = 1
    for _ in session:
        pass
    session.remove(id_)
    session.save_all()
    assert session.store.written == []
    assert len(session.store.list()) == MANY - 1


def test_saving_one_change_does_not_write_the_others(session):
    tasks = session.tasks.values()[:100]
    tasks[3].beta = 1
    session.save_all()
    assert session.store.written == [tasks[3].persistent_id]


def test_tasks_of_others_are_not_saved(session):
    foreign = Task(jobname="foreign")
    session.save(foreign)
    session.store.written.clear()
    foreign.beta = 1
    session.save_all()
    assert session.store.written == []
    assert foreign.changed


def test_a_child_that_is_lost_stops_nobody(tmp_path):
    with Session(tmp_path / "session") as session:
        collection = ParallelTaskCollection([Task(n=n) for n in range(3)])
        id_ = session.add(collection)
        lost = collection.tasks[1].persistent_id
    session.close()
    del collection
    (tmp_path / "session" / "jobs" / "00" / lost).unlink()

    with Session(tmp_path / "session") as session:
        collection = session.load(id_)
        assert [task.persistent_id == lost for task in collection.tasks] == [False, True, False]
        with pytest.raises(ObjectNotFound, match=lost):
            _ = collection.tasks[1].n
        collection.tasks[2].n = 7
        collection.add(Task(n=8))
    assert lost in session.store.children(id_)
    assert [task.n for task in session.iter_workflow() if "n" in task] == [0, 7, 8]
    session.remove(id_)
    assert session.store.list() == []
    session.close()
