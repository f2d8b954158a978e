"""The tasks of an engine, and the parts that move them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from gc3libs._clock import Clock
from gc3libs.backends.base import Backend
from gc3libs.engine.conductor import Conductor
from gc3libs.engine.course import Course
from gc3libs.engine.dispatch import Dispatcher
from gc3libs.engine.fleet import Fleet
from gc3libs.engine.harvest import Harvest
from gc3libs.engine.inbox import Inbox
from gc3libs.engine.keeper import End, Keeper
from gc3libs.engine.merge import merge
from gc3libs.engine.resource import Resource, select
from gc3libs.engine.roster import Roster
from gc3libs.engine.site import Site
from gc3libs.exceptions import LoadError, ObjectNotFound, RecoverableError, SaveError
from gc3libs.model import State, Task
from gc3libs.model.control import Controller
from gc3libs.persistence.record import Guard
from gc3libs.persistence.store import Store

logger = logging.getLogger(__name__)


class Members:
    """Tasks come and go; each is where it belongs by what it waits for."""

    forget_terminated: bool

    def __init__(
        self, resources: Sequence[Resource], store: Store | None, guard: Guard | None, clock: Clock
    ) -> None:
        self._clock = clock
        self._store = store
        self._roster = Roster()
        self._killed: dict[int, Task] = {}
        self._fleet = Fleet([Site(each, clock) for each in resources], clock)
        self._keeper = Keeper(
            store,
            guard,
            clock,
            merge=self._merge,
            disown=self._disown,
            reject=self._reject,
            release=self._release,
        )
        course = self._course = Course(
            self._keeper, clock, see=self._roster.see, abandon=self._fleet.abandon
        )
        self._harvest = Harvest(self._fleet, course, clock)
        parts = (self._fleet, course, self._keeper, store, clock)
        self._dispatcher = Dispatcher(*parts, load=self._load, let_wait=self._let_wait)
        self._inbox = Inbox(self._fleet, course, self._dispatcher, self._harvest)
        self._conductor = Conductor(self._roster, course, self._keeper, clock)

    @property
    def store(self) -> Store | None:
        """Where changed tasks are saved."""
        return self._store

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        return self._clock

    # how things stand

    @property
    def has_in_flight(self) -> bool:
        """Whether any task is on its way, or what follows from its end is not decided yet."""
        return bool(
            self._fleet or self._dispatcher or self._inbox or self._harvest or self._conductor
        )

    @property
    def backends(self) -> Sequence[Backend]:
        """Where jobs run."""
        return [site.backend for site in self._fleet.sites]

    @property
    def resources(self) -> dict[str, Resource]:
        """Where jobs run, by name, and how full that is."""
        return {site.name: site.resource for site in self._fleet.sites}

    @property
    def slots(self) -> int | None:
        """How many cores there are for tasks; None: as many as they want."""
        return self._fleet.slots

    @property
    def set_aside(self) -> list[tuple[str, str]]:
        """Resources that are left alone for a while because they have failed, and why."""
        sites = self._fleet.sites
        return [(site.name, str(site.trouble)) for site in sites if site.trouble is not None]

    def select_resource(self, match: str | Callable[[Resource], bool]) -> int:
        """Leave only some resources enabled; what is there already stays there.

        Args:
            match: A pattern as the shell's for names, or what says of a resource whether it stays.

        Returns:
            How many are.
        """
        return select(self.resources.values(), match)

    # tasks come

    def add(self, task: Task) -> None:
        """Take care of a task from now on; one that is taken care of already is left alone."""
        if task not in self._roster:
            self._roster.add(task)
            self._enter(task)

    def _enter(self, task: Task) -> None:
        self._attach(task)
        state = task.execution.state
        if state is not State.NEW and self._is_unsaved(task):
            self._keeper.note(task)
        if not task._leaf:
            self._conductor.stir(task)
        elif state is State.NEW:
            self._dispatcher.intake.put(task)
        elif state is not State.TERMINATED and task.execution.details.token:
            self._inbox.expect(task)

    @staticmethod
    def _is_unsaved(task: Task) -> bool:
        changed: bool = task.changed if task._leaf else task._own_change  # type: ignore[attr-defined]
        return changed

    def _attach(self, task: Task) -> None:
        task.attach(cast("Controller", self))  # an `Engine` is one

    def _load(self, ids: list[str], parent: Any) -> list[Task] | None:
        """The tasks of a feed that wait for their turn; None: collections have to go on first."""
        assert self._store is not None
        errors: dict[str, LoadError] = {}
        found = self._store.load_many(ids, errors)
        if errors:
            first = next(iter(errors.values()))
            logger.warning("%d tasks have to wait: %s", len(errors), first)
        waiting = []
        for task in found.values():
            if parent is not None:
                parent._child_loaded(task)
            if task in self._roster:
                continue
            self._roster.add(task, fed=True)
            if task._leaf and task.execution.state is State.NEW:
                self._attach(task)
                waiting.append(task)
            elif task.execution.state is State.TERMINATED:
                self._let_go(task)
            else:
                self._enter(task)
        return None if not waiting and self._conductor.has_stirred else waiting

    def _let_wait(self, task: Task) -> bool:
        if self._roster.is_fed(task):
            self._let_go(task)
        return task in self._roster

    # tasks go

    def remove(self, task: Task) -> None:
        """Let go of a task. Its job, if there is one, goes on; add the task again to learn of it.

        Of a collection, its tasks are let go of, too.
        """
        for each in (*self._below(task), task):
            if self._roster.drop(each):
                self._killed.pop(id(each), None)
                self._leave_out(each)
                each.detach()

    def _leave_out(self, task: Task) -> None:
        self._fleet.remove(task)
        for room in (self._dispatcher, self._inbox, self._harvest, self._conductor):
            room.discard(task)

    def _below(self, task: Any) -> list[Task]:
        """The tasks of a collection, at whatever level, that are taken care of."""
        found: list[Task] = []
        waiting = [] if task._leaf else list(task._owned_in_memory())
        while waiting:
            each = waiting.pop()
            if each in self._roster:
                found.append(each)
                if not each._leaf:
                    waiting += each._owned_in_memory()
        return found

    def _let_go(self, task: Task) -> None:
        """Follow a task no longer, and what is in it, if nobody but the store wants it."""
        fed = self._roster.is_fed(task)
        if fed or self.forget_terminated:
            for each in (*self._below(task), task):
                if self._roster.drop(each, counted=fed and not self.forget_terminated):
                    each.detach()

    def _release(self, ends: list[End]) -> list[End]:
        """These ends are safe: backends may forget them; gives those of jobs that still run."""
        left = self._fleet.release(ends)
        for end in ends:
            if end.is_final and end.task is not None:
                self._let_go(end.task)
        return left

    # collections

    def stir(self, task: Task) -> None:
        """Have a collection, of which some child has changed, looked at by `progress`."""
        if task in self._roster:
            self._conductor.stir(task)

    def wake(self, task: Task, moment: float) -> None:
        """Have a collection looked at when that moment has come; UTC, seconds since the epoch."""
        if task in self._roster:
            self._conductor.wake(task, moment)

    # what others do to them

    def _merge(self, task: Task) -> bool:
        """Somebody else has written a task; false if it is not this engine's any more."""
        assert self._store is not None
        try:
            cancelled = merge(task, self._store)
        except ObjectNotFound:
            self._disown(task)
            return False
        except RecoverableError:
            raise
        except LoadError as err:
            logger.warning("a task was changed by somebody else and is let go of: %s", err)
            self.remove(task)
            return False
        if cancelled:
            self._killed[id(task)] = task
        return True

    def _disown(self, task: Task) -> None:
        """Somebody else has removed a task from the store."""
        logger.warning("%s was removed from its store: its job is ended", task)
        token = task.execution.details.token
        self._fleet.abandon(token)
        self._keeper.note_evidence(token, keep_directory=False)
        self.remove(task)

    def _reject(self, task: Task, error: SaveError) -> None:
        self._course.fail(task, "it cannot be saved", error)
