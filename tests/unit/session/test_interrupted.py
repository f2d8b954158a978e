"""Ctrl-C, whenever it comes: what is in the store is in the session, and the other way round."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from gc3libs import Task
from gc3libs.exceptions import StoreUnavailable
from gc3libs.session import Session

KINDS = ("file", "sqlite")
ROUNDS = 40


def calls_of(work):
    """How many calls it makes."""
    count = 0

    def see(*_):
        nonlocal count
        count += 1

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def interrupt_at(number):
    """Press Ctrl-C at the n-th call from now on."""
    left = number

    def see(*_):
        nonlocal left
        left -= 1
        if left == 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(see)


def in_a_fork(work):
    """Its exit status in a process of its own, where nothing but Ctrl-C may end it early."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            work()
            status = 0
        except KeyboardInterrupt:
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def add(path):
    with Session(path) as session:
        session.add_many(Task(jobname=f"t{n}", notes=[]) for n in range(3))
        session.close()


@pytest.mark.parametrize("kind", KINDS)
def test_tasks_that_are_in_the_store_are_in_the_session(tmp_path, kind):
    path = tmp_path / "session"
    with Session(path, store_or_url=kind) as session:
        session.add(Task())
        session.close()
    calls = calls_of(lambda: add(path))
    chance = random.Random(5)
    interrupted = 0
    for number in (chance.randrange(1, calls) for _ in range(ROUNDS)):

        def work(number=number):
            interrupt_at(number)
            add(path)

        status = in_a_fork(work)
        assert status in (0, 2)
        interrupted += status == 2
        session = Session(path)
        assert session.strays() == []
        assert set(session.store.list()) == session.list_ids()
        assert len(list(session)) == len(session)
        session.close()
    assert interrupted > ROUNDS / 2


def test_an_interruption_is_heard_when_all_is_done(tmp_path):
    session = Session(tmp_path / "session")

    class Pressed(Exception):
        pass

    def heard(signum, frame):
        raise Pressed

    former = signal.signal(signal.SIGINT, heard)
    try:
        with pytest.raises(Pressed), session._register.changing():
            signal.raise_signal(signal.SIGINT)
            id_ = session.add(Task())
        with pytest.raises(Pressed), session._register.changing():
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
            raise AssertionError("a third time is too much")
    finally:
        signal.signal(signal.SIGINT, former)
    assert id_ in session.store
    assert id_ in (tmp_path / "session" / "index.txt").read_text().split()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kill_left_in_the_store_is_found_and_can_be_taken_in(tmp_path, kind):
    path = tmp_path / "session"
    with Session(path, store_or_url=kind) as session:
        session.add(Task(jobname="there"))
        session.close()

    def work():
        session = Session(path)
        session._register._index.append = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        session.add_many([Task(jobname="a"), Task(jobname="b")])

    assert in_a_fork(work) == -signal.SIGKILL
    session = Session(path)
    assert len(session) == 1
    found = session.strays()
    assert len(found) == 2
    session.enter(found)
    assert session.strays() == []
    session.close()
    session = Session(path)
    assert [task.jobname for task in session] == ["there", "a", "b"]
    session.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_cannot_be_written_leaves_nothing_in_the_store(tmp_path, kind):
    session = Session(tmp_path / "session", store_or_url=kind)
    session.add(Task())
    task = Task()
    index = Path(session.path, "index.txt")
    index.rename(index.with_suffix(".txt.real"))
    index.symlink_to(index.with_suffix(".txt.real"))  # which is never written through
    with pytest.raises(StoreUnavailable, match=r"index\.txt"):
        session.add(task)
    index.unlink()
    index.with_suffix(".txt.real").rename(index)
    assert len(session.store.list()) == 1
    session.add(task)
    assert sorted(session.store.list()) == sorted(session.list_ids())
    session.close()
