"""Many processes in one session and one store: nothing is lost, nothing is there twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from gc3libs import Application
from gc3libs.cmdline import run as run_session
from gc3libs.exceptions import Conflict, LoadError, ObjectNotFound, SessionInUse
from gc3libs.session import Session

from .apart import Apart, Work, long
from .conftest import Place
from .ledger import Say, change, task, whole

PROCESSES = 8
ROUNDS = 60 if long() else 8


def working(path: Path, seed: int) -> Work:
    """Add, change, remove and list; nobody else touches what this process has added."""

    def work(say: Say) -> None:
        chance = random.Random(seed)
        session = Session(path, create=False)
        own: dict[str, int] = {}
        for number in range(ROUNDS):
            value = seed * 1000 + number
            id_ = session.add(task(value), flush=bool(chance.randrange(3)))
            own[id_] = value
            if len(own) > 3:
                gone = chance.choice(sorted(own))
                session.remove(gone)
                del own[gone]
            changed = chance.choice(sorted(own))
            change(session.load(changed), value)
            session.save_all()
            own[changed] = value
            assert own.keys() <= session.list_ids()
            assert all(map(whole, session))
        session.flush()
        session.close()
        for id_, value in own.items():
            say("has", id_, value)

    return work


def test_processes_lose_nothing_of_each_others(place: Place) -> None:
    """Fails if `Index.append` does not look first what others have appended."""
    place.make(1, 2, 3)
    processes = [Apart(working(place.path, seed)) for seed in range(PROCESSES)]
    for process in processes:
        process.begin()
    for process in processes:
        ended = process.end()
        assert len(place.ledger.take(ended.said)) == 3
        assert ended.status == 0
    assert len(place.ledger.sure) == 3 + 3 * PROCESSES
    place.ledger.check(place.path)
    place.ledger.check_goes_on(place.path)


def contending(path: Path, id_: str) -> Work:
    """Count one up, whatever others do to the same task."""

    def work(say: Say) -> None:
        session = Session(path, create=False)
        for _ in range(ROUNDS):
            while True:
                session.store.invalidate_cache()
                found = session.store.load(id_)
                found.value += 1
                try:
                    session.store.save(found)
                    break
                except Conflict:
                    continue
        session.close()
        say("done")

    return work


def test_no_update_is_lost(place: Place) -> None:
    """Fails if a write does not compare revisions."""
    place.make(0)
    (id_,) = place.ledger.sure
    processes = [Apart(contending(place.path, id_)) for _ in range(PROCESSES)]
    for process in processes:
        process.begin()
    assert [process.end().status for process in processes] == [0] * PROCESSES
    session = Session(place.path)
    assert session.load(id_).value == PROCESSES * ROUNDS
    session.close()


def making(path: Path, store: str, value: int) -> Work:
    def work(say: Say) -> None:
        session = Session(path, store_or_url=store)
        say("has", session.add(task(value)), value)
        session.close()

    return work


def test_a_session_is_made_once(place: Place) -> None:
    """Fails if `make` does not look again, once it has the lock, whether it is there."""
    processes = [Apart(making(place.path, place.store, value)) for value in range(PROCESSES)]
    for process in processes:
        process.begin()
    for process in processes:
        ended = process.end()
        assert ended.status == 0
        place.ledger.take(ended.said)
    assert sorted(place.ledger.sure.values()) == list(range(PROCESSES))
    place.ledger.check(place.path)


def campaign(path: Path, store: str, ran: Path, count: int) -> None:
    session = Session(path, store_or_url=store)
    session.add_many(
        Application(
            ["/bin/sh", "-c", f"echo {number} >>'{ran}'; sleep 0.02"],
            [],
            [],
            str(path / "out" / str(number)),
            jobname=f"job {number}",
        )
        for number in range(count)
    )
    session.close()


def engine(path: Path) -> Work:
    """Run the session if nobody else does."""

    def work(say: Say) -> None:
        session = Session(path, create=False)
        try:
            run_session(session, cores=2, quiet=True)
        except SessionInUse as err:
            assert str(err.pid) in str(err)
            assert err.pid > 0
            say("failed")
        session.close()
        say("done")

    return work


def test_one_of_many_engines_runs_and_the_others_are_told(place: Place, tmp_path: Path) -> None:
    """Fails if a lease is taken without the lock: tasks would run twice."""
    ran = tmp_path / "ran"
    campaign(place.path, place.store, ran, 12)
    engines = [Apart(engine(place.path)) for _ in range(3)]
    for each in engines:
        each.begin()
    kinds = []
    for each in engines:
        ended = each.end()
        kinds += place.ledger.take(ended.said)
        assert ended.status == 0
    assert kinds.count("failed") <= 2
    assert kinds.count("done") == 3
    again = Session(place.path)
    run_session(again, cores=2, quiet=True)
    assert again.counts()["ok"] == 12
    again.close()
    assert sorted(map(int, ran.read_text().split())) == list(range(12))


def test_a_reader_is_not_disturbed_by_an_engine(place: Place, tmp_path: Path) -> None:
    """Fails if a reader can see a record that is being replaced."""
    ran = tmp_path / "ran"
    campaign(place.path, place.store, ran, 30)
    runs = Apart(engine(place.path))
    runs.begin()
    looks = 0
    reader = Session(place.path)
    deadline = time.monotonic() + 60
    while reader.counts()["ok"] < 30:
        assert time.monotonic() < deadline
        try:
            assert len(list(reader)) == len(reader) == reader.counts().total == 30
        except (LoadError, ObjectNotFound) as err:
            pytest.fail(str(err))
        reader.store.invalidate_cache()
        looks += 1
    assert runs.end().status == 0
    assert looks >= 2
    reader.close()
    assert len(ran.read_text().split()) == 30
