"""Processes that are killed right before one of their system calls: each of them, in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gc3libs.session import Session

from .apart import every, killed_at, need_strace
from .conftest import Place
from .ledger import Say
from .operations import OPERATIONS, add, on


@pytest.fixture(autouse=True)
def _strace() -> None:
    need_strace()


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_was_acknowledged_is_there(place: Place, name: str) -> None:
    """Fails if `Register.add` writes the index before it saves the tasks."""
    place.make(1, 2, 3, 4)
    kills = 0
    for number in every(4, sum(map(ord, name))):
        ended = killed_at(on(place.path, OPERATIONS[name]), number)
        place.ledger.take(ended.said)
        place.ledger.check(place.path)
        if not ended.killed:
            assert ended.status == 0
            break
        kills += 1
        if len(place.ledger.sure) < 3:
            add_undisturbed(place)
    assert kills >= 1
    place.ledger.check_goes_on(place.path)


def add_undisturbed(place: Place) -> None:
    session = Session(place.path)
    for _ in range(4):
        add(session, lambda kind, id_, value: place.ledger.sure.update({id_: value}))
    session.close()


def making(path: Path, store: str) -> Callable[[Say], None]:
    def work(say: Say) -> None:
        session = Session(path, store_or_url=store)
        add(session, say)
        session.close()

    return work


def test_a_session_whose_making_was_cut_off_is_made_by_the_next(place: Place) -> None:
    """Fails if `make` writes `store.url` first."""
    kills = 0
    for number in every(4, 1):
        path = place.path / str(number)
        ended = killed_at(making(path, place.store), number)
        here = Place(path, place.store)
        here.ledger.take(ended.said)
        Session(path, store_or_url=place.store).close()
        here.ledger.check(path)
        here.ledger.check_goes_on(path)
        if not ended.killed:
            break
        kills += 1
    assert kills >= 2


def test_what_is_left_of_a_session_being_destroyed_can_be_destroyed(place: Place) -> None:
    """Fails if the index outlives the store: the session would name tasks that are gone."""
    kills = 0
    for number in every(3, 2):
        here = Place(place.path / str(number), place.store)
        here.make(1, 2)
        ended = killed_at(on(here.path, lambda session, say: session.destroy()), number)
        if here.path.exists():
            again = Session(here.path, store_or_url=here.store)
            assert len(list(again)) == len(again)
            again.destroy()
        assert not here.path.exists()
        if not ended.killed:
            break
        kills += 1
    assert kills >= 2
