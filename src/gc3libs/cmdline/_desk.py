"""What all changes of a session's tasks need: its records, its log of changes, and its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._undo import Change, Log, remembered
from gc3libs.model import State, Task
from gc3libs.persistence import Record, Summary
from gc3libs.workflow import DependentTaskCollection, ParallelTaskCollection

if TYPE_CHECKING:
    from gc3libs.engine import Engine
    from gc3libs.session import Lease, Session

BATCH = 1000


class Outcome(msgspec.Struct):
    """What came of a request.

    Attributes:
        done: IDs of tasks for which it was carried out.
        left: Of those that were left as they are, and why.
    """

    done: list[str] = []
    left: dict[str, str] = {}


class Desk:
    """A session whose tasks are changed, under its lease.

    Args:
        engine: That runs the session, if one does.
    """

    def __init__(self, session: Session, lease: Lease, engine: Engine | None) -> None:
        self.session = session
        self.store = session.store
        self.guard = lease.guard
        self.engine = engine
        self.log = Log(session.path)

    def records(
        self, ids: Iterable[str], outcome: Outcome, objection: Callable[[Summary], str]
    ) -> list[Record]:
        """Those that can be changed; of the others it is noted why not."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Record] = {}
        for start in range(0, len(wanted), BATCH):
            found.update(self.store.records(wanted[start : start + BATCH]))
        chosen = []
        for id_ in wanted:
            reason = objection(found[id_].summary) if id_ in found else "it cannot be read"
            if reason:
                outcome.left[id_] = reason
            else:
                chosen.append(found[id_])
        return chosen

    def rewrite(self, records: Sequence[Record]) -> None:
        for start in range(0, len(records), BATCH):
            some = records[start : start + BATCH]
            self.store.rewrite(some, guard=self.guard, durable=True)

    def note(self, verb: str, records: Sequence[Record], **more: Any) -> None:
        """Have a change in the log, before it is made."""
        kept = remembered(records, payloads=more.pop("payloads", False))
        if kept or more.get("removed") or more.get("ended"):
            self.log.write(Change(verb=verb, time=SYSTEM.now(), records=kept, **more))

    def held_by_engine(self, id_: str) -> Any:
        """The object of a task that the engine takes care of; None if it does not."""
        task = self.store.in_memory(id_)
        if task is None or self.engine is None or task._controller is not self.engine:
            return None
        return task

    def take_from_engine(self, id_: str) -> None:
        """Have the engine, if it takes care of a task that waits, let it go."""
        task = self.held_by_engine(id_)
        if task is not None and self.engine is not None:
            self.engine.remove(task)

    def is_part(self, id_: str) -> bool:
        """Whether the engine has a task that belongs to a collection, which counts on it."""
        return id_ not in self.session and self.held_by_engine(id_) is not None

    def set_held(self, records: Sequence[Record]) -> None:
        """Hold, or release, tasks that the engine has, as these records say."""
        tasks = [self.held_by_engine(record.id) for record in records]
        for task, record in zip(tasks, records, strict=True):
            held = task.execution.held = record.summary.held
            task.execution.history.append("held" if held else "released")
        if tasks:
            self.store.save_many(tasks, guard=self.guard, durable=True)

    def start(self, ids: Sequence[str]) -> None:
        """Have the engine, if there is one, start tasks that may start now.

        What belongs to a collection starts when that says so. It is told of those that it had
        handed over, and the engine let go of because they were held.
        """
        if self.engine is None:
            return
        self.engine.feed([id_ for id_ in ids if id_ in self.session])
        others = [id_ for id_ in ids if id_ not in self.session and not self.is_part(id_)]
        for id_, owners in self.store.owners_of(others).items():
            for owner in filter(None, map(self.held_by_engine, owners)):
                if _starts_all(owner):
                    self.engine.feed([id_], parent=owner)

    def descendants(self, ids: Iterable[str]) -> list[str]:
        """These, and what is in them at whatever level."""
        found = dict.fromkeys(ids)
        level = list(found)
        while level:
            owned = self.store.children_of(level)
            level = [id_ for each in owned.values() for id_ in each if id_ not in found]
            found.update(dict.fromkeys(level))
        return list(found)


def _starts_all(owner: Task) -> bool:
    """Whether a collection hands over all that is in it at once, and does so now."""
    if not isinstance(owner, ParallelTaskCollection) or isinstance(owner, DependentTaskCollection):
        return False
    return owner.execution.state is not State.TERMINATED
