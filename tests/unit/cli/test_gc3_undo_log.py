"""The log of changes, and tasks changed as plain data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gc3libs.cmdline import _amend as amend
from gc3libs.cmdline._retrying import factor_of
from gc3libs.cmdline._undo import Change, Log, remembered, restorable
from gc3libs.exceptions import DamagedStore, InvalidValue, NewerFormat
from gc3libs.model import State, Task, decode_details
from gc3libs.persistence import make_store
from gc3libs.persistence.record import Record


def test_changes_are_numbered_and_read_again(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    assert log.files() == []
    first = log.write(Change(verb="tag", time=1.0))
    second = log.write(Change(verb="rm", time=2.0, removed=["Task.1"]))
    assert log.files() == [first, second]
    assert log.read(second).removed == ["Task.1"]
    log.drop(first)
    third = log.write(Change(verb="hold", time=3.0))
    assert log.files() == [second, third]
    log.drop(second)
    log.drop(third)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_or_newer_change_is_said_to_be(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    path = log.write(Change(verb="tag", time=1.0, format=99))
    with pytest.raises(NewerFormat):
        log.read(path)
    path.write_bytes(path.read_bytes()[:5])
    with pytest.raises(DamagedStore):
        log.read(path)


def test_old_changes_expire_but_never_the_last(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    paths = [log.write(Change(verb="tag", time=1.0)) for _ in range(3)]
    now = paths[0].stat().st_mtime
    assert log.expired(now - 60, 10**9) == []
    for path in (paths[0], paths[2]):
        os.utime(path, (now - 61,) * 2)
    assert log.expired(now - 60, 10**9) == [paths[0]]


def test_what_waits_in_the_store_counts_as_room_that_changes_take(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    sizes = (400, 500, 200, 9000)
    paths = [log.write(Change(verb="rm", time=1.0, waiting=size)) for size in sizes]
    assert log.expired(0, 10_000) == [paths[0]]
    assert log.expired(0, 100) == [paths[2], paths[1], paths[0]]


@pytest.fixture
def record() -> Record:
    store = make_store("memory:")
    task = Task(beta=1.5)
    task.execution.state = State.SUBMITTED
    task.execution.start_attempt("Task.1.1")
    task.execution.returncode = (0, 3)
    task.execution.state = State.TERMINATED
    return store.record(store.save(task))


def test_a_task_is_done_again(record: Record) -> None:
    again = amend.retried(record, 50.0)
    assert (again.summary.state, again.summary.returncode, again.summary.ended) == (
        "NEW",
        768,
        None,
    )
    details = decode_details(again.details)
    assert details.history[-1] == (50.0, "to be done again")
    assert [(each.number, each.returncode) for each in details.attempts] == [(1, 768)]
    assert amend.retried(again, 60.0).details != again.details
    assert len(decode_details(amend.retried(again, 60.0).details).attempts) == 1


def test_a_task_is_cancelled_held_and_tagged(record: Record) -> None:
    ended = amend.cancelled(record, 50.0)
    assert (ended.summary.failed, ended.summary.info) == (True, "cancelled")
    held = amend.holding(record, 50.0, held=True)
    assert (held.summary.held, amend.holding(held, 51.0, held=False).summary.held) == (True, False)
    tagged = amend.tagged(record, ["a", "b", "a"], [])
    assert tagged.summary.tags == ("a", "b")
    assert amend.tagged(tagged, ["c"], ["a", "none"]).summary.tags == ("b", "c")


def test_only_what_was_changed_by_the_change_is_restored() -> None:
    store = make_store("memory:")
    ids = store.save_many([Task(x=1), Task(x=2), Task(x=3)])
    before = [store.record(id_) for id_ in ids]
    change = Change(verb="tag", time=1.0, records=remembered(before))
    changed = [amend.tagged(record, ["a"], []) for record in before]
    store.rewrite(changed[:2])
    store.rewrite([amend.tagged(store.record(ids[1]), ["later"], [])])
    back = restorable(store, change)
    assert [each.id for each in back] == [ids[0]]
    store.rewrite(back)
    again = store.record(ids[0])
    assert (again.summary, again.details) == (before[0].summary, before[0].details)
    assert again.payload == before[0].payload
    assert store.load(ids[0]).x == 1


@pytest.mark.parametrize("text", ["x", "x0", "x-2", "xinf", "xtwo", "xnan"])
def test_what_is_no_factor(text: str) -> None:
    with pytest.raises(InvalidValue):
        factor_of(text)
