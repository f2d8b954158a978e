"""Small things that processes do to a session, announced and acknowledged one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gc3libs.session import Session

from .ledger import Say, change, task

Operation = Callable[[Session, Say], None]


def add(session: Session, say: Say) -> None:
    say("has", session.add(task(10)), 10)


def add_several(session: Session, say: Say) -> None:
    for id_ in session.add_many(map(task, (20, 20, 20))):
        say("has", id_, 20)


def save_all(session: Session, say: Say) -> None:
    changed = list(session)[:3]
    for each in changed:
        change(each, each.value + 1)
        say("will", each.persistent_id, each.value)
    session.save_all()
    for each in changed:
        say("has", each.persistent_id, each.value)


def remove(session: Session, say: Say) -> None:
    id_ = next(iter(session.tasks))
    say("will", id_, None)
    session.remove(id_)
    say("gone", id_)


def flush(session: Session, say: Say) -> None:
    first = next(iter(session.tasks))
    say("will", first, None)
    new = [session.add(task(30), flush=False) for _ in range(2)]
    session.forget(first, flush=False)
    session.flush()
    for id_ in new:
        say("has", id_, 30)
    say("gone", first)


def forget_and_load(session: Session, say: Say) -> None:
    id_ = next(iter(session.tasks))
    value = session.load(id_).value
    say("will", id_, None)
    session.forget(id_)
    session.load(id_)
    say("has", id_, value)


def lease(session: Session, say: Say) -> None:
    with session.lease() as held:
        held.check()


OPERATIONS = {
    each.__name__: each
    for each in (add, add_several, save_all, remove, flush, forget_and_load, lease)
}


def on(path: Path, operation: Operation) -> Callable[[Say], None]:
    """The operation on a session that is opened before it and closed after it."""

    def work(say: Say) -> None:
        session = Session(path, create=False)
        operation(session, say)
        session.close()
        say("done")

    return work
