"""One round of an engine's work, and what it is made of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

from gc3libs._clock import Clock
from gc3libs.backends.base import Backend
from gc3libs.engine import evidence
from gc3libs.engine.conductor import Conductor
from gc3libs.engine.course import Course
from gc3libs.engine.dispatch import Dispatcher
from gc3libs.engine.fleet import Fleet
from gc3libs.engine.harvest import Harvest
from gc3libs.engine.inbox import Inbox
from gc3libs.engine.keeper import End, Keeper
from gc3libs.engine.merge import merge
from gc3libs.engine.roster import Roster
from gc3libs.exceptions import LoadError, ObjectNotFound, RecoverableError, SaveError
from gc3libs.model import State, Task
from gc3libs.model.control import Controller
from gc3libs.persistence.record import Guard
from gc3libs.persistence.store import Store

logger = logging.getLogger(__name__)

GATHER = 0.005
"""Seconds given to short jobs to end together, while a backend has enough to do."""

SHORTEST_WAIT = 0.001
"""In seconds; a clock may not tell less."""

LOOK_AROUND = 1.0
"""Longest wait, in seconds, for something to happen."""


class Loop:
    """The tasks of an engine, and the steps that move them."""

    can_submit: bool
    can_retrieve: bool
    max_in_flight: int
    max_submitted: int
    retrieve_overwrites: bool
    forget_terminated: bool

    _looked_around = False
    _interrupted = False

    def __init__(
        self, backends: Sequence[Backend], store: Store | None, guard: Guard | None, clock: Clock
    ) -> None:
        self._clock = clock
        self._store = store
        self._roster = Roster()
        self._killed: dict[int, Task] = {}
        self._fleet = Fleet(backends, clock)
        self._keeper = Keeper(
            store,
            guard,
            clock,
            merge=self._merge,
            disown=self._disown,
            reject=self._reject,
            release=self._release,
        )
        self._course = Course(
            self._keeper, clock, see=self._roster.see, abandon=self._fleet.abandon
        )
        self._harvest = Harvest(self._fleet, self._course)
        self._dispatcher = Dispatcher(
            self._fleet,
            self._course,
            self._keeper,
            store,
            clock,
            load=self._load,
            let_wait=self._let_wait,
        )
        self._inbox = Inbox(self._fleet, self._course, self._dispatcher, self._harvest)
        self._conductor = Conductor(self._roster, self._course, self._keeper, clock)

    @property
    def store(self) -> Store | None:
        """Where changed tasks are saved."""
        return self._store

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        return self._clock

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

    # one round

    @property
    def busy(self) -> bool:
        """Whether `progress` has, or will have, something to do by itself."""
        return bool(
            self._fleet
            or self._inbox
            or self._dispatcher
            or self._killed
            or self._conductor
            or (self._harvest and self.can_retrieve)
            or (self.can_submit and self._dispatcher.has_waiting)
        )

    def progress(self) -> bool:
        """Take each task as far as it can go now; whether anything has moved.

        Raises:
            RecoverableError: The store or a backend has trouble. Whatever does not depend on it
                was done; the next call tries again.
            LeaseLost: Another engine has taken over.
        """
        if self._interrupted:
            self._regroup()
        self._interrupted = True
        try:
            moved = self._round()
        except RecoverableError:
            self._interrupted = False
            raise
        self._interrupted = False
        return moved

    def _regroup(self) -> None:
        """After a round that broke off: find out anew what each task is waiting for."""
        for task in self._roster:
            self._leave_out(task)
            self._enter(task)
            run = task.execution
            if run.state is State.TERMINATED and self._fleet.place_of(run.details.token):
                self._keeper.note_end(task)

    def _round(self) -> bool:
        self._look_around()
        moved = self._inbox.claim()
        troubles = [self._fleet.poll()]
        moved |= self._inbox.read()
        self._conductor.ring()
        moved |= self._end_killed()
        if self._harvest and self.can_retrieve:
            troubles.append(self._harvest.gather(overwrite=self.retrieve_overwrites))
            moved = True
        moved |= self._conductor.conduct()
        moved |= self._end_killed()
        if self.can_submit:
            self._dispatcher.choose(self._room())
        self._keeper.save()
        moved |= self._dispatcher.hand_over()
        self._keeper.flush_if_due()
        for trouble in troubles:
            if trouble is not None:
                raise trouble
        return moved or self._conductor.has_stirred or self._inbox.has_unclaimed

    def _room(self) -> int:
        in_flight = len(self._fleet) + len(self._dispatcher)
        running = sum(task.execution.state is State.RUNNING for task in self._fleet)
        room = self._fleet.room - len(self._dispatcher)
        if self.max_in_flight:
            room = min(room, self.max_in_flight - in_flight)
        if self.max_submitted:
            room = min(room, self.max_submitted - (in_flight - running))
        return room

    def _rest(self, *, moved: bool) -> None:
        """Sleep until something can happen."""
        if moved:
            waiting = sum(task.execution.state is State.SUBMITTED for task in self._fleet)
            if waiting > 2 * self._fleet.cores:
                self._clock.sleep(GATHER)
            return
        due_in = min(self._keeper.due_in, self._conductor.due_in)
        limit = min(LOOK_AROUND, max(SHORTEST_WAIT, due_in))
        if not self._fleet.wait(limit) and self.busy:
            self._clock.sleep(limit)

    def _end_killed(self) -> bool:
        """Carry out what `kill` was called for, of collections and then of what is in them."""
        moved = False
        done: set[int] = set()
        while waiting := self._killed.keys() - done:
            done |= waiting
            for key in waiting:
                moved |= self._end(self._killed[key])
        self._fleet.cancel(task for task in self._killed.values() if self._fleet.has(task))
        return moved

    def _end(self, task: Task) -> bool:
        state = task.execution.state
        if self._fleet.has(task) and state not in (State.TERMINATING, State.TERMINATED):
            return False
        if not task._leaf and state is not State.TERMINATED:
            self._conductor.kill(task)
        elif state not in (State.TERMINATING, State.TERMINATED):
            self._dispatcher.discard(task)
            self._course.cancel(task)
        self._killed.pop(id(task), None)
        return True

    # what others have done meanwhile

    def _look_around(self) -> None:
        """Take up, once, jobs of an earlier engine of which the store does not know."""
        if self._looked_around:
            return
        for backend in self._fleet.backends:
            findings = evidence.examine(backend, self._store)
            for token, task in findings.to_follow.items():
                task.execution.start_attempt(token)
                if self._course.move(task, State.SUBMITTED):
                    self._roster.add(task, fed=True)
                    self._enter(task)
            for token in findings.to_end:
                self._fleet.abandon(token, backend)
                self._keeper.note_evidence(token, keep_directory=False)
            for token, owner in findings.to_free.items():
                self._fleet.note_place(token, backend)
                failed = owner is None or owner.execution.returncode != 0
                place = "" if owner is None else owner.execution.details.output_path
                self._keeper.note_evidence(token, keep_directory=failed, place=place)
        self._looked_around = True

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
