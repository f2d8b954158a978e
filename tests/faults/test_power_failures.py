"""Power failures at every moment: what `add`, `remove` and `flush` acknowledged is on the disk."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gc3libs.session import Session

from .apart import long, need_strace
from .conftest import Place
from .ledger import Ledger, Say, change, task
from .operations import Operation, on
from .powercut import Call, Disk, watch


@pytest.fixture(autouse=True)
def _strace() -> None:
    need_strace()


def some_work(session: Session, say: Say) -> None:
    """Every statement acknowledges what a power failure may not take away any more."""
    first, second, *_ = list(session.tasks)
    say("has", session.add(task(10)), 10)
    for id_, value in zip(session.add_many(map(task, (20, 21))), (20, 21), strict=True):
        say("has", id_, value)
    say("will", first, 50)
    change(session.load(first), 50)
    session.save_all()
    say("has", first, 50)
    say("will", second, None)
    session.remove(second)
    say("gone", second)
    session.add(task(60), flush=False)
    session.add(task(61), flush=False)
    session.flush()
    say("has", session.add(task(62)), 62)


def among_others(session: Session, say: Say) -> None:
    """Another process is the first to make the store."""
    assert len(session) == session.counts().total == 0

    def add(other: Session) -> None:
        say("has", other.add(task(5)), 5)

    do_apart(session, add)
    say("has", session.add(task(6)), 6)
    do_apart(session, add)
    say("has", session.add(task(7)), 7)


def in_turns(session: Session, say: Say) -> None:
    """What one process has saved without a flush, another changes, or acknowledges."""
    first = session.store.save(task(10))
    session.load(first)
    say("has", first, 10)

    def change_and_flush(other: Session) -> None:
        say("will", first, 20)
        change(other.load(first), 20)
        other.save_all()
        say("has", first, 20)

    do_apart(session, change_and_flush)
    session.store.invalidate_cache()
    say("will", first, 40)
    found = session.store.load(first)
    change(found, 40)
    session.store.save(found)
    session.flush()
    unsynced = session.store.save(task(30))

    def acknowledge(other: Session) -> None:
        other.load(unsynced)
        say("has", unsynced, 30)

    do_apart(session, acknowledge)
    say("will", unsynced, 50)
    found = session.store.load(unsynced)
    change(found, 50)
    session.store.save(found)


def do_apart(session: Session, work: Callable[[Session], None]) -> None:
    """Work in a process of its own, up to its end."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            other = Session(session.path)
            work(other)
            other.close()
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def moments(disk: Disk, calls: list[Call]) -> Iterator[tuple[bytes, Disk]]:
    """The disk after each call, and what had been said by then."""
    said = b""
    for call in calls:
        if call.name == "sendto":
            said += call.data
        disk.do(call)
        yield said, disk


@pytest.mark.parametrize("work", [some_work, among_others, in_turns])
def test_what_was_acknowledged_outlives_power_failures(
    place: Place, tmp_path: Path, work: Operation
) -> None:
    """Fails without the `fsync` in `Index._write_at_end`, in `write_file`, or the `Mark`s."""
    place.make(*((1, 2, 3, 4) if work is some_work else ()))
    ledger = place.ledger
    disk = Disk(place.path)
    ended, calls = watch(on(place.path, work), tmp_path / "log")
    assert ended.status == 0
    chance = random.Random(5)
    step = 1 if long() else 1 + len(calls) // 25
    cuts = 0
    before = b""
    for number, (said, now) in enumerate(moments(disk, calls)):
        if said == before and number % step:
            continue
        for luck in (None, chance, chance) if said == before or long() else (None, chance):
            cuts += 1
            cut_off = tmp_path / f"cut {cuts}"
            cut_off.mkdir()
            now.after_a_cut(cut_off, luck)
            check(ledger, said, cut_off, place.path, goes_on=long() or cuts % 8 == 0)
        before = said
    assert cuts >= 20
    assert b"done" in said


def check(ledger: Ledger, said: bytes, cut_off: Path, path: Path, *, goes_on: bool) -> None:
    """In the session's own place: elsewhere it would be a copy."""
    kept = copy.deepcopy(ledger)
    kept.take(said)
    aside = path.with_name("aside")
    path.rename(aside)
    cut_off.rename(path)
    try:
        kept.check(path)
        if goes_on:
            kept.check_goes_on(path)
    finally:
        shutil.rmtree(path)
        aside.rename(path)
