"""`Engine`: takes tasks through their life."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from gc3libs._clock import SYSTEM, Clock
from gc3libs.backends.base import Backend
from gc3libs.engine.jobs import peek
from gc3libs.engine.ledger import Counts
from gc3libs.engine.loop import Loop
from gc3libs.engine.patience import Patience
from gc3libs.engine.places import open_local
from gc3libs.engine.resource import Resource
from gc3libs.exceptions import InvalidArgument, InvalidValue, RecoverableError
from gc3libs.model import State, Task
from gc3libs.persistence.record import Guard
from gc3libs.persistence.store import Store

logger = logging.getLogger(__name__)

Place = Backend | Resource


class Engine(Loop):
    """Takes tasks through their life, on one or more backends.

    Everything that an engine decides is saved before it is acted upon, and evidence of it is
    removed only after it is safe. Killed at any point, the next engine on the same store and work
    directory goes on: each task runs once.

    Args:
        backend: Where jobs run: a `Backend`, a `Resource` with its limits, several of these, or
            None for this machine.
        tasks: Added at once.
        store: Where changed tasks are saved; None: nothing is kept.
        workdir: Directory of the backend of this machine: what it knows of its jobs lies there, and
            the next engine finds it again. None: a directory of the user's that belongs to the
            store, or, without a store, a temporary one.
        cores, memory: Slots, and bytes of memory, of this machine that jobs may use; None: all.
        max_in_flight: At most so many tasks SUBMITTED or RUNNING; 0: no limit.
        max_submitted: At most so many tasks SUBMITTED; 0: no limit.
        can_submit: Whether new tasks are started.
        can_retrieve: Whether outputs of ended ones are fetched.
        output_dir: Kept for old scripts; without effect.
        retrieve_overwrites: Outputs replace files of an existing output directory; otherwise that
            is renamed.
        retrieve_running: If outputs replace others, those of running tasks are fetched, too, as far
            as they are written and their backend can do it; about once a second.
        retrieve_changed_only: Of these, only files that have changed since.
        forget_terminated: Let go of tasks that are over, and of their numbers.
        guard: The lease under which the engine writes.
        clock: Tells the time.

    Attributes:
        to_start: So many tasks more are started; None: all.

    From `max_in_flight` to `forget_terminated` they are attributes, too, that may be changed at any
    time.
    """

    def __init__(
        self,
        backend: Place | Sequence[Place] | None = None,
        tasks: Iterable[Task] = (),
        store: Store | None = None,
        workdir: str | Path | None = None,
        *,
        cores: int | None = None,
        memory: int | None = None,
        can_submit: bool = True,
        can_retrieve: bool = True,
        max_in_flight: int = 0,
        max_submitted: int = 0,
        output_dir: str | None = None,
        retrieve_running: bool = False,
        retrieve_overwrites: bool = False,
        retrieve_changed_only: bool = True,
        forget_terminated: bool = False,
        guard: Guard | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.can_submit = can_submit
        self.can_retrieve = can_retrieve
        for name, limit in (("max_in_flight", max_in_flight), ("max_submitted", max_submitted)):
            if limit < 0:
                raise InvalidValue(f"{name}={limit}: give a number of tasks, or 0 for no limit")
        self.max_in_flight = max_in_flight
        self.max_submitted = max_submitted
        self.to_start = None
        self.output_dir = output_dir
        self.retrieve_running = retrieve_running
        self.retrieve_overwrites = retrieve_overwrites
        self.retrieve_changed_only = retrieve_changed_only
        self.forget_terminated = forget_terminated
        self._cleanup = contextlib.ExitStack()
        if backend is None:
            backend = open_local(self._cleanup, workdir, store, cores, memory)
        elif (workdir, cores, memory) != (None, None, None):
            raise InvalidArgument("workdir, cores and memory are for the backend of this machine")
        given = [backend] if isinstance(backend, Backend | Resource) else list(backend)
        resources = [_as_resource(each) for each in given]
        super().__init__(resources, store, guard, clock)
        for task in tasks:
            self.add(task)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # what it has to do

    def feed(self, ids: Iterable[str], parent: Any = None) -> None:
        """Take care of the store's tasks with these IDs, which are loaded when it is their turn.

        They are let go of when they are over; their numbers stay.

        Args:
            ids: Read as far as they are wanted.
            parent: The collection that owns the tasks, if one does; it is told of each that is
                loaded.

        Raises:
            InvalidArgument: There is no store.
        """
        if self.store is None:
            raise InvalidArgument("an engine without a store cannot load tasks by their IDs")
        self._dispatcher.intake.feed(ids, parent)

    def submit(self, task: Task, resubmit: bool = False, targets: Any = None, **extra: Any) -> None:
        """Have a task started when it is its turn; with `resubmit`, one that is over, once more."""
        if resubmit:
            self.redo(task)
        else:
            self.add(task)

    def redo(self, task: Task, *args: Any, **kwargs: Any) -> None:
        """Start a task, that is over, once more: `task.redo(...)`."""
        self.remove(task)
        task.redo(*args, **kwargs)
        self._keeper.note(task)
        self.add(task)

    def kill(self, task: Task, **extra: Any) -> None:
        """End a task at the next `progress`; one that was not started never starts.

        One that is over stays as it is.
        """
        if task.execution.state is not State.TERMINATED:
            self._killed[id(task)] = task
            self.add(task)

    def update_job_state(self, *tasks: Task, **extra: Any) -> None:
        """Nothing: `progress` does that for all tasks at once."""

    def fetch_output(self, task: Task, *args: Any, **extra: Any) -> None:
        """Have a task's outputs fetched, by `progress`."""
        self.add(task)

    def free(self, task: Task, **extra: Any) -> None:
        """Remove what the job of a task, that is over, has left at its backend.

        Raises:
            InvalidOperation: The job has not ended.
        """
        token = task.execution.details.token
        if token:
            self._keeper.flush()
            self._fleet.site_for(task).backend.free([token])

    def peek(
        self,
        task: Task,
        what: str = "stdout",
        offset: int = 0,
        size: int | None = None,
        **extra: Any,
    ) -> IO[str]:
        """A part of an output of a task's job, also while it runs.

        Args:
            what: `"stdout"`, `"stderr"`, or the name of a file in the job's directory.
            offset: Where it begins, in bytes; a negative one counts from the end.
            size: In bytes; None: all the rest.
        """
        return peek(task, self._fleet.site_for(task).backend, what, offset, size)

    # how things stand

    def counts(self, only: type[Task] | tuple[type[Task], ...] = Task) -> Counts:
        """How many tasks there are, by state.

        Args:
            only: `Task`, `Application`, or what `init_counts_for` was called with.

        Raises:
            InvalidArgument: It is none of these.
        """
        return self._roster.counts(only)

    def init_counts_for(self, cls: type[Task] | tuple[type[Task], ...]) -> None:
        """Start to count tasks of a class, or of several."""
        self._roster.count(cls)

    def iter_tasks(self, only_cls: Any = None) -> Iterator[Task]:
        """The tasks that are taken care of."""
        return (task for task in self._roster if only_cls is None or isinstance(task, only_cls))

    def find_task_by_id(self, id_: str) -> Task:
        """The task with this ID, among those that are taken care of.

        Raises:
            KeyError: There is none.
        """
        for task in self._roster:
            if task.persistent_id == id_:
                return task
        raise KeyError(id_)

    def running(self) -> list[Task]:
        """The tasks whose jobs run, the oldest first."""
        return [task for task in self._fleet if task.execution.state is State.RUNNING]

    # the loop

    def run(self, each: Callable[[Engine], None] | None = None) -> Counts:
        """Take all tasks to their end, and give the final numbers.

        Trouble that may pass, such as a full disk, is waited out for up to an hour.

        Args:
            each: Called about once a second, and whenever something has happened.

        Raises:
            DirectoryInUse: Another engine uses the work directory.
            LeaseLost: Another engine has taken over; the jobs are its own now.
            RecoverableError: The trouble has lasted too long. What was done is saved, as far as
                that was possible; jobs that run go on.
        """
        patience = Patience(self.clock)
        while self.busy or not self._keeper.idle:
            moved = True
            try:
                moved = self.progress()
                if not self.busy:
                    self.flush()
                patience.regain()
            except RecoverableError as err:
                patience.bear(err)
            if each is not None:
                each(self)
            with contextlib.suppress(RecoverableError):  # the next `progress` meets it, too
                self._rest(moved=moved)
        return self.counts()

    def flush(self) -> None:
        """Save everything, safe from a power failure."""
        if self._interrupted:
            self._regroup()
        self._keeper.flush()

    def close(self) -> None:
        """Save everything and let go of backends and tasks; jobs go on."""
        try:
            if not self._keeper.is_over:
                self.flush()
        finally:
            for site in self._fleet.sites:
                site.resource.slots.close()
            self._cleanup.close()


def _as_resource(place: Place) -> Resource:
    return place if isinstance(place, Resource) else Resource(place.name, backend=place)
