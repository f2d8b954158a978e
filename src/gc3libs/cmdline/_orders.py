"""Carrying out what commands want of a session's tasks: now, or inside the engine that runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from gc3libs._clock import SYSTEM
from gc3libs.cmdline import _amend as amend
from gc3libs.cmdline._desk import Desk, Outcome
from gc3libs.cmdline._killing import kill
from gc3libs.cmdline._requests import Queue, Request
from gc3libs.cmdline._retrying import owners_to_wake, retry
from gc3libs.cmdline._undo import restorable
from gc3libs.config import load_settings
from gc3libs.exceptions import Error, InvalidValue
from gc3libs.persistence import Summary

if TYPE_CHECKING:
    from gc3libs.engine import Engine
    from gc3libs.session import Lease, Session

logger = logging.getLogger(__name__)


class Orders:
    """Carries out requests, under the session's lease.

    No code of a task's class runs, but what its engine would run anyway.

    Args:
        engine: That runs the session, if one does.
    """

    def __init__(self, session: Session, lease: Lease, engine: Engine | None = None) -> None:
        self._desk = Desk(session, lease, engine)

    def take_up(self) -> bool:
        """Carry out what others have requested; whether there was anything."""
        any_ = False
        for request in Queue(self._desk.session.path).take():
            any_ = True
            try:
                outcome = self.carry_out(request)
            except Error as err:
                logger.warning("a request of %s was refused: %s", request.by, err)
                continue
            for id_, reason in outcome.left.items():
                logger.info("%s: %s: left as it is: %s", request.verb, id_, reason)
        return any_

    def carry_out(self, request: Request) -> Outcome:
        """Do what is wanted, safe from a power failure.

        Raises:
            InvalidValue: There is no such request, or a value of it, or a setting, makes no sense.
            StoreUnavailable: The session cannot be written.
        """
        carry_out = _VERBS.get(request.verb)
        if carry_out is None:
            raise InvalidValue(f"there is no request {request.verb!r}")
        _purge(self._desk)
        outcome = carry_out(self._desk, request)
        self._desk.store.flush()
        return outcome


def _feed(desk: Desk, request: Request) -> Outcome:
    if desk.engine is not None:
        desk.engine.feed(request.ids)
    return Outcome(done=list(request.ids))


def _hold(desk: Desk, request: Request) -> Outcome:
    outcome = Outcome()
    held = request.verb == "hold"

    def objection(summary: Summary) -> str:
        if summary.state != "NEW":
            return "it does not wait any more"
        return "" if summary.held != held else f"it is {'held' if held else 'not held'}"

    records = desk.records(request.ids, outcome, objection)
    desk.note(request.verb, records)
    now = SYSTEM.now()
    changed = {record.id: amend.holding(record, now, held=held) for record in records}
    desk.set_held([changed.pop(id_) for id_ in [*changed] if desk.is_part(id_)])
    for id_ in changed:
        desk.take_from_engine(id_)
    desk.rewrite([*changed.values()])
    outcome.done = [record.id for record in records]
    if not held:
        desk.start(outcome.done)
    return outcome


def _tag(desk: Desk, request: Request) -> Outcome:
    outcome = Outcome()
    records = desk.records(request.ids, outcome, lambda summary: "")
    desk.note("tag", records)
    objects, rest = [], []
    for record in records:
        task = desk.held_by_engine(record.id)
        changed = amend.tagged(record, request.add, request.remove)
        if task is None:
            rest.append(changed)
        else:
            task.tags = changed.summary.tags
            objects.append(task)
    if objects:
        desk.store.save_many(objects, guard=desk.guard, durable=True)
    desk.rewrite(rest)
    outcome.done = [record.id for record in records]
    return outcome


def _remove(desk: Desk, request: Request) -> Outcome:
    outcome = Outcome()
    records = desk.records(request.ids, outcome, lambda summary: _why_not_removed(desk, summary))
    removed = [record.id for record in records]
    waiting = sum(len(record.payload) + len(record.details) for record in records)
    after = _before(desk.session, frozenset(removed))
    desk.note("rm", [], removed=removed, after=after, waiting=waiting)
    for id_ in removed:
        desk.take_from_engine(id_)
        desk.session.forget(id_, flush=False)
    desk.session.flush()
    outcome.done = removed
    return outcome


def _before(session: Session, ids: Collection[str]) -> dict[str, str]:
    """What stands before each of these tasks."""
    before, found = "", {}
    for id_ in session.tasks:
        if id_ in ids:
            found[id_] = before
        before = id_
    return found


def _why_not_removed(desk: Desk, summary: Summary) -> str:
    if summary.id not in desk.session:
        return "it belongs to a collection: remove that"
    return "it is in flight: kill it first" if summary.state in amend.IN_FLIGHT else ""


def _purge(desk: Desk) -> None:
    """Let go for good of what was removed too long ago to be taken back."""
    settings = load_settings(session=desk.session.path)
    oldest = SYSTEM.now() - settings.undo_time.in_seconds()
    for path in desk.log.expired(oldest, settings.undo_size.in_bytes()):
        try:
            change = desk.log.read(path)
        except Error as err:
            logger.warning("an old change stays: %s", err)
            continue
        gone = [id_ for id_ in change.removed if id_ not in desk.session]
        if gone:
            desk.store.remove_many(desk.descendants(gone), guard=desk.guard)
        desk.log.drop(path)


def _undo(desk: Desk, request: Request) -> Outcome:
    """Take back the last change, as far as nothing has happened to its tasks since."""
    outcome = Outcome()
    files = desk.log.files()
    if not files:
        return outcome
    change = desk.log.read(files[-1])
    records = restorable(desk.store, change)
    rest = {record.id: record for record in records}
    if change.verb in ("hold", "release"):
        desk.set_held([rest.pop(id_) for id_ in [*rest] if desk.is_part(id_)])
    for id_ in rest:
        desk.take_from_engine(id_)
    desk.rewrite([*rest.values()])
    back = [id_ for id_ in change.removed if id_ not in desk.session and id_ in desk.store]
    if back:
        desk.session.enter(back, {id_: change.after.get(id_, "") for id_ in back})
    outcome.done = [*(record.id for record in records), *back]
    gone_on = {*(record.id for record in change.records), *change.removed} - {*outcome.done}
    outcome.left = dict.fromkeys(sorted(gone_on), "it has gone on since")
    outcome.left |= dict.fromkeys(change.ended, "its job was ended: gc3 retry has it done again")
    woken = owners_to_wake(desk, records) if change.verb == "kill" else []
    desk.rewrite([amend.resumed(record, SYSTEM.now()) for record in woken])
    desk.log.drop(files[-1])
    desk.start([*outcome.done, *(record.id for record in woken)])
    return outcome


_VERBS: dict[str, Callable[[Desk, Request], Outcome]] = {
    "retry": retry,
    "kill": kill,
    "hold": _hold,
    "release": _hold,
    "tag": _tag,
    "rm": _remove,
    "undo": _undo,
    "feed": _feed,
}
