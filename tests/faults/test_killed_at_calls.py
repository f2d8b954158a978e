"""Processes that are killed right before one of their system calls: each of them, in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gc3libs.session import Session

from .apart import CHANGING, killed_at, need_strace, points, some
from .conftest import Place
from .ledger import Say
from .operations import OPERATIONS, add, on


@pytest.fixture(autouse=True)
def _strace() -> None:
    need_strace()


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_was_acknowledged_is_there(place: Place, tmp_path: Path, name: str) -> None:
    """Fails if `Register.add` writes the index before it saves the tasks."""
    place.make(1, 2, 3, 4)
    work = on(place.path, OPERATIONS[name])
    ended, calls = points(work, CHANGING, tmp_path / "log")
    place.ledger.take(ended.said)
    kills = 0
    for point in some(calls, 8, sum(map(ord, name))):
        ended = killed_at(work, point)
        kills += ended.killed
        place.ledger.take(ended.said)
        place.ledger.check(place.path)
        add_undisturbed(place)
    assert kills >= min(len(calls), 8) // 2
    place.ledger.check_goes_on(place.path)


def add_undisturbed(place: Place) -> None:
    session = Session(place.path)
    for _ in range(4 - len(place.ledger.sure)):
        add(session, lambda kind, id_, value: place.ledger.sure.update({id_: value}))
    session.close()


def making(path: Path, store: str) -> Callable[[Say], None]:
    def work(say: Say) -> None:
        session = Session(path, store_or_url=store)
        add(session, say)
        session.close()

    return work


def test_a_session_whose_making_was_cut_off_is_made_by_the_next(
    place: Place, tmp_path: Path
) -> None:
    """Fails if `make` writes `store.url` first."""
    _, calls = points(making(place.path, place.store), CHANGING, tmp_path / "log")
    assert len(calls) >= 10
    for number, point in enumerate(some(calls, 8, 1)):
        path = tmp_path / str(number)
        ended = killed_at(making(path, place.store), point)
        here = Place(path, place.store)
        here.ledger.take(ended.said)
        Session(path, store_or_url=place.store).close()
        here.ledger.check(path)
        here.ledger.check_goes_on(path)


def destroy(session: Session, say: Say) -> None:
    session.destroy()


def test_what_is_left_of_a_session_being_destroyed_can_be_destroyed(
    place: Place, tmp_path: Path
) -> None:
    """Fails if the index outlives the store: the session would name tasks that are gone."""
    place.make(1, 2)
    _, calls = points(on(place.path, destroy), CHANGING, tmp_path / "log")
    assert len(calls) >= 8
    for number, point in enumerate(some(calls, 8, 1)):
        here = Place(tmp_path / str(number), place.store)
        here.make(1, 2)
        killed_at(on(here.path, destroy), point)
        if here.path.exists():
            again = Session(here.path, store_or_url=here.store)
            assert len(list(again)) == len(again)
            again.destroy()
        assert not here.path.exists()
