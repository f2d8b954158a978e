"""Sessions that are used from several threads, and from processes made by fork."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from gc3libs.exceptions import ObjectNotFound
from gc3libs.session import Session

from .apart import Apart, long
from .conftest import Place
from .ledger import Say, change, task, whole

ROUNDS = 300 if long() else 60


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    place.make(1, 2, 3)
    opened = Session(place.path)
    yield opened
    opened.close()


def at_once(*works: Callable[[], None]) -> None:
    """Run these in threads; the first error of one is raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as err:  # noqa: BLE001  # raised below
            errors.append(err)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_may_share_a_session(session: Session, place: Place) -> None:
    """Fails without the lock of `Index`: one thread reads what another has just appended, twice."""
    added: list[str] = []
    over = threading.Event()

    def add(count: int) -> None:
        for value in range(count):
            added.append(session.add(task(value)))

    def add_and_remove() -> None:
        for value in range(ROUNDS // 3):
            session.remove(session.add(task(value)))

    def look() -> None:
        while not over.is_set():
            len(session), list(session.tasks)
            session.counts()
            with contextlib.suppress(KeyError, ObjectNotFound):
                assert whole(session.tasks[next(iter(session.list_ids()))])

    def work() -> None:
        try:
            at_once(lambda: add(ROUNDS), lambda: add(ROUNDS), add_and_remove)
        finally:
            over.set()

    at_once(look, look, work)
    assert len(set(added)) == 2 * ROUNDS
    place.ledger.sure.update((id_, session.load(id_, add=False).value) for id_ in added)
    assert session.list_ids() == place.ledger.sure.keys()
    place.ledger.check(place.path)
    place.ledger.check_goes_on(place.path)


def test_a_child_uses_the_session_on_its_own(session: Session, place: Place) -> None:
    """Fails if a store's connection, or its reserved numbers, are shared with the parent."""
    kept = list(session)

    def work(say: Say) -> None:
        change(kept[0], 4)
        say("will", kept[0].persistent_id, 4)
        session.save_all()
        say("has", kept[0].persistent_id, 4)
        for value in range(20):
            say("has", session.add(task(value)), value)
        session.close()

    children = [Apart(work), Apart(lambda say: say("has", session.add(task(50)), 50))]
    for child in children:
        child.begin()
    for value in range(20):
        place.ledger.sure[session.add(task(value))] = value
    for child in children:
        ended = child.end()
        place.ledger.take(ended.said)
        assert ended.status == 0
    place.ledger.check(place.path)


def test_a_lease_stays_the_parents(session: Session) -> None:
    """Fails without `os.register_at_fork` for leases: the child would release it."""
    with session.lease() as lease:

        def work(say: Say) -> None:
            lease.release()

        child = Apart(work)
        child.begin()
        assert child.end().status == 0
        lease.check()
        assert session.holder() is not None


def test_a_child_made_while_other_threads_write_is_not_held_up(session: Session) -> None:
    """Fails if neither sessions nor stores let other threads end before a fork."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            session.add(task(1))

    def work(say: Say) -> None:
        for value in range(3):
            session.add(task(value))
        len(session)

    def fork() -> None:
        try:
            for _ in range(ROUNDS // 6):
                child = Apart(work)
                child.begin()
                ended = child.end()
                assert ended.status == 0, ended.said.decode()
        finally:
            over.set()

    at_once(write, fork)
