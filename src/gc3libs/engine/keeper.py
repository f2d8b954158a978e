"""What an engine owes its store: changed tasks in few transactions; evidence freed in time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gc3libs._atomic import sync_filesystem
from gc3libs._clock import Clock
from gc3libs.exceptions import (
    Conflict,
    LeaseLost,
    ObjectNotFound,
    SaveError,
    StoreUnavailable,
)
from gc3libs.model import State, Task
from gc3libs.persistence.record import Guard
from gc3libs.persistence.store import Store

FLUSH_INTERVAL = 0.5
"""Seconds that facts may lie in the store before they are made safe from a power failure."""

SAVE_INTERVAL = 0.25
"""Seconds that a change may wait which is worth nothing after a crash, such as "it runs"."""


class End(NamedTuple):
    """Something that is over.

    Attributes:
        token: Names the job whose evidence can be freed once this is safe; empty if there is none.
        failed: The task has failed.
        task: The task that is over with it, if one is.
    """

    token: str
    failed: bool
    task: Task | None

    @property
    def is_final(self) -> bool:
        """The task, if there is one, is not being done again."""
        if self.task is None:
            return True
        run = self.task.execution
        return run.state is State.TERMINATED and run.details.token == self.token

    @property
    def keeps_directory(self) -> bool:
        """What the job left may be of use to people."""
        return self.failed and self.is_final


class Keeper:
    """Saves the tasks of an engine.

    Until a task's end is safe from a power failure, what proves it (the backend's record of the
    job) stays.

    Args:
        store: None if nothing is to be kept.
        guard: The lease under which the engine writes; None if there is none.
        merge: Called with a task that somebody else has written meanwhile. It brings it up to date
            with that; false: it is not to be saved any more.
        disown: Called with a task that somebody else has removed.
        reject: Called with a task that cannot be saved as it is; it ends it.
        release: Called with what is over and safe; gives what it could not free yet.

    Attributes:
        is_over: Another engine has taken over: what was noted is its own affair now.
    """

    def __init__(
        self,
        store: Store | None,
        guard: Guard | None,
        clock: Clock,
        *,
        merge: Callable[[Task], bool],
        disown: Callable[[Task], None],
        reject: Callable[[Task, SaveError], None],
        release: Callable[[list[End]], list[End]],
    ) -> None:
        self._store = store
        self._guard = guard
        self._clock = clock
        self._merge = merge
        self._disown = disown
        self._reject = reject
        self._release = release
        self._urgent: dict[int, Task] = {}
        self._lazy: dict[int, Task] = {}
        self._ends: list[End] = []
        self._places: dict[str, None] = {}
        self._saved_at = self._flushed_at = clock.monotonic()
        self.is_over = False

    def note(self, task: Task, *, urgent: bool = True) -> None:
        """Have a changed task saved: with the next `save`, or with one that comes soon."""
        if urgent:
            self._lazy.pop(id(task), None)
            self._urgent[id(task)] = task
        elif id(task) not in self._urgent:
            self._lazy[id(task)] = task

    def note_end(self, task: Task, place: str | None = None) -> None:
        """A task is over, and its outputs, if any, are in the directory `place`."""
        run = task.execution
        self.note(task)
        self._ends.append(End(run.details.token, run.returncode != 0, task))
        if place is not None:
            self._places[place] = None

    def note_evidence(self, token: str, *, keep_directory: bool, place: str = "") -> None:
        """What a backend knows of a job is of no use once its outputs, in `place`, are safe."""
        self._ends.append(End(token, keep_directory, None))
        if place:
            self._places[place] = None

    @property
    def idle(self) -> bool:
        """Nothing is waiting to be saved, made safe, or freed."""
        return not (self._urgent or self._lazy or self._ends)

    @property
    def due_in(self) -> float:
        """Seconds after which `save` and `flush_if_due` have something to do by themselves."""
        now = self._clock.monotonic()
        waits = [self._saved_at + SAVE_INTERVAL - now] if self._lazy else []
        if self._ends:
            waits.append(self._flushed_at + FLUSH_INTERVAL - now)
        return max(0.0, min(waits)) if waits else float("inf")

    def enrol(self, tasks: Iterable[Task]) -> None:
        """Save tasks that were never saved, so that they have an ID."""
        if self._store is not None:
            self._write([task for task in tasks if task.persistent_id is None])

    def save(self) -> None:
        """Save what was noted, in one transaction.

        Raises:
            StoreUnavailable: The store cannot be written; the tasks stay noted.
            LeaseLost: Another engine has taken over.
        """
        if self._lazy and (
            self._urgent or self._clock.monotonic() - self._saved_at >= SAVE_INTERVAL
        ):
            self._urgent.update(self._lazy)
            self._lazy.clear()
        if self._urgent:
            tasks = list(self._urgent.values())
            self._write(tasks)
            for task in tasks:
                self._urgent.pop(id(task), None)
            self._saved_at = self._clock.monotonic()

    def flush_if_due(self) -> None:
        """Make safe what was saved, now and then, and free what is of no use any more."""
        if self._ends and self._clock.monotonic() - self._flushed_at >= FLUSH_INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Save and make safe everything, and free what is of no use any more."""
        self._urgent.update(self._lazy)
        self._lazy.clear()
        self.save()
        if self._store is not None and (self._ends or self._places):
            self._sync_places()
        if self._store is not None:
            self._store.flush()
        if self._ends:
            count = len(self._ends)
            self._ends[:count] = self._release(self._ends[:count])
        self._flushed_at = self._clock.monotonic()

    # writing

    def _write(self, tasks: list[Task]) -> None:
        """Save tasks together; only what cannot be saved at all is left out."""
        store = self._store
        while tasks and store is not None:
            try:
                store.save_many(tasks, guard=self._guard)
            except (Conflict, ObjectNotFound) as err:
                tasks = self._merged(tasks, err)
            except SaveError as err:
                self._write_apart(store, tasks, err)
                return
            except LeaseLost:
                self.is_over = True
                raise
            else:
                return

    def _merged(self, tasks: list[Task], conflict: Conflict | ObjectNotFound) -> list[Task]:
        task = next((each for each in tasks if each.persistent_id == conflict.id), None)
        if task is None:  # one that another refers to
            raise conflict
        if isinstance(conflict, ObjectNotFound):
            self._disown(task)
        elif self._merge(task):
            return tasks
        return [each for each in tasks if each is not task]

    def _write_apart(self, store: Store, tasks: Sequence[Task], error: SaveError) -> None:
        """Find the task that cannot be saved, and save the others."""
        if len(tasks) > 1:
            half = len(tasks) // 2
            self._write(list(tasks[:half]))
            self._write(list(tasks[half:]))
            return
        task = tasks[0]
        self._reject(task, error)
        if task.persistent_id is not None and task._saved is not None:
            record = store.record(task.persistent_id)
            facts = replace(record, summary=task._summarize(), details=task._details())
            store.rewrite([facts], guard=self._guard)
            task.changed = False

    def _sync_places(self) -> None:
        """Make outputs safe; a directory that is gone has nothing to make safe."""
        devices = {}
        for place in self._places:
            try:
                devices[os.stat(place).st_dev] = place  # noqa: PTH116
            except OSError:
                continue
        for place in devices.values():
            try:
                fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                os.sync()
                continue
            try:
                sync_filesystem(fd)
            except OSError as err:
                raise StoreUnavailable(f"outputs in {place} cannot be made safe: {err}") from err
            finally:
                os.close(fd)
        self._places.clear()
