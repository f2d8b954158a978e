"""The loop that moves tasks forward."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from gc3libs import events
from gc3libs._clock import SYSTEM, Clock
from gc3libs.backends.base import Backend, JobRefused, JobState, Report
from gc3libs.backends.local import LocalBackend
from gc3libs.engine import jobs
from gc3libs.engine.intake import Intake
from gc3libs.engine.keeper import Keeper
from gc3libs.engine.ledger import Counts, Ledger
from gc3libs.engine.places import default_workdir
from gc3libs.exceptions import InvalidArgument, LoadError, RecoverableError
from gc3libs.model import Signals, State, Task
from gc3libs.persistence.record import Guard
from gc3libs.persistence.store import Store

logger = logging.getLogger(__name__)

GATHER = 0.005
"""Seconds given to short jobs to end together, while a backend has enough to do."""

PATIENCE = 1.0
"""Longest wait, in seconds, before `run` looks around."""


class Engine:
    """Takes tasks through their life, on one or more backends.

    Everything that an engine decides is saved before it is acted upon, and evidence of it is removed only after it
    is safe. Killed at any point, the next engine on the same store and work directory goes on: each task runs once.

    Args:
        backend: Where jobs run: a `Backend`, several, or None for this machine.
        tasks: Added at once.
        store: Where changed tasks are saved; None: nothing is kept.
        workdir: Directory of the backend of this machine: what it knows of its jobs lies there, and the next
            engine finds it again. None: a directory of the user's that belongs to the store, or, without a
            store, a temporary one.
        max_in_flight: At most so many tasks SUBMITTED or RUNNING; 0: no limit.
        max_submitted: At most so many tasks SUBMITTED; 0: no limit.
        can_submit: Whether new tasks are started.
        can_retrieve: Whether outputs of ended ones are fetched.
        retrieve_overwrites: Outputs replace files of an existing output directory; otherwise that is renamed.
        forget_terminated: Let go of tasks that are over, and of their numbers.
        guard: The lease under which the engine writes.
        clock: Tells the time.

    All but the first four, and the last two, are attributes that may be changed at any time.
    """

    def __init__(
        self,
        backend: Backend | Sequence[Backend] | None = None,
        tasks: Iterable[Task] = (),
        store: Store | None = None,
        workdir: str | Path | None = None,
        *,
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
        self.max_in_flight = max_in_flight
        self.max_submitted = max_submitted
        self.output_dir = output_dir
        self.retrieve_running = retrieve_running
        self.retrieve_overwrites = retrieve_overwrites
        self.retrieve_changed_only = retrieve_changed_only
        self.forget_terminated = forget_terminated
        self._clock = clock
        self._store = store
        self._cleanup = contextlib.ExitStack()
        self._backends = self._open_backends(backend, workdir)
        self._keeper = Keeper(
            store, guard, clock, reconcile=self._reconcile, release=self._release
        )
        self._ledgers: dict[Any, Ledger] = {Task: Ledger(Task)}
        self._intake = Intake(self._load)
        self._managed: dict[int, Task] = {}
        self._fed: set[int] = set()
        self._flights: dict[str, Task] = {}
        self._places: dict[str, Backend] = {}
        self._unclaimed: dict[str, Task] = {}
        self._intended: list[Task] = []
        self._ended: dict[str, Task] = {}
        self._killed: set[int] = set()
        self._stirred: dict[int, Task] = {}
        self._reports: list[Report] = []
        self._reconciled = False
        self._numbers = 0
        for task in tasks:
            self.add(task)

    def _open_backends(
        self, backend: Backend | Sequence[Backend] | None, workdir: str | Path | None
    ) -> list[Backend]:
        if isinstance(backend, Backend):
            return [backend]
        if backend is not None:
            return list(backend)
        if workdir is None and self._store is None:
            workdir = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="gc3-"))
        elif workdir is None:
            workdir = default_workdir(self._store.url)  # type: ignore[union-attr]
        local = LocalBackend(workdir)
        self._cleanup.callback(local.close)
        return [local]

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

    def add(self, task: Task) -> None:
        """Take care of a task from now on; one that is taken care of already is left alone."""
        if id(task) in self._managed:
            return
        self._managed[id(task)] = task
        self._enter(task)

    def feed(self, ids: Iterable[str]) -> None:
        """Take care of the store's tasks with these IDs, which are loaded when it is their turn.

        They are let go of when they are over; their numbers stay.
        """
        if self._store is None:
            raise InvalidArgument("an engine without a store cannot load tasks by their IDs")
        self._intake.feed(ids)

    def _enter(self, task: Task) -> None:
        task.attach(self)
        self._see(task)
        state = task.execution.state
        token = task.execution.details.token
        if not task._leaf:
            self._stirred[id(task)] = task
        elif state is State.NEW:
            self._intake.put(task)
        elif state is not State.TERMINATED and token:
            self._unclaimed[token] = task

    def _load(self, ids: list[str]) -> list[Task]:
        assert self._store is not None
        errors: dict[str, LoadError] = {}
        found = self._store.load_many(ids, errors)
        for error in errors.values():
            logger.warning("%s", error)
        tasks = []
        for task in found.values():
            if id(task) not in self._managed:
                self._managed[id(task)] = task
                self._fed.add(id(task))
                if task._leaf and task.execution.state is State.NEW:
                    task.attach(self)
                    self._see(task)
                    tasks.append(task)
                else:
                    self._enter(task)
        return tasks

    def remove(self, task: Task) -> None:
        """Let go of a task. Its job, if there is one, goes on; add the task again to learn of it."""
        if self._managed.pop(id(task), None) is None:
            return
        self._fed.discard(id(task))
        self._intake.discard(task)
        self._stirred.pop(id(task), None)
        token = task.execution.details.token
        for table in (self._flights, self._unclaimed, self._ended):
            if table.get(token) is task:
                del table[token]
        for ledger in self._ledgers.values():
            ledger.drop(task, counted=False)
        task.detach()

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
        self.add(task)

    def kill(self, task: Task, **extra: Any) -> None:
        """End a task at the next `progress`; one that was not started never starts."""
        self._killed.add(id(task))
        self.add(task)

    def update_job_state(self, *tasks: Task, **extra: Any) -> None:
        """Nothing: `progress` does that for all tasks at once."""

    def fetch_output(self, task: Task, *args: Any, **extra: Any) -> None:
        """Have a task's outputs fetched, by `progress`."""
        self.add(task)

    def free(self, task: Task, **extra: Any) -> None:
        """Remove what the job of a task, that is over, has left at its backend."""
        token = task.execution.details.token
        if token:
            self._backend_of(task).free([token])

    def peek(
        self, task: Task, what: str = "stdout", offset: int = 0, size: int | None = None, **extra: Any
    ) -> IO[str]:
        """A part of an output of a task's job, also while it runs."""
        token = task.execution.details.token
        data = self._backend_of(task).peek(token, what, offset, size)
        return io.StringIO(data.decode(errors="replace"))

    def stir(self, task: Task) -> None:
        """Have a collection, one of whose children has changed, looked at by the `progress` under way or next."""
        if id(task) in self._managed:
            self._stirred[id(task)] = task

    # how things stand

    def counts(self, only: type[Task] | tuple[type[Task], ...] = Task) -> Counts:
        """How many tasks there are, by state; of the class `only`, if `init_counts_for` was called for it."""
        if only not in self._ledgers:
            raise InvalidArgument(f"call init_counts_for({only!r}) first: nobody counts these tasks")
        return self._ledgers[only].counts()

    def init_counts_for(self, cls: type[Task] | tuple[type[Task], ...]) -> None:
        """Start to count tasks of a class, or of several."""
        ledger = self._ledgers[cls] = Ledger(cls)
        for task in self._managed.values():
            ledger.see(task)

    def iter_tasks(self, only_cls: Any = None) -> Iterator[Task]:
        """The tasks that are taken care of."""
        return (
            task
            for task in tuple(self._managed.values())
            if only_cls is None or isinstance(task, only_cls)
        )

    def running(self) -> list[Task]:
        """The tasks whose jobs run, the oldest first."""
        return [
            task for task in self._flights.values() if task.execution.state is State.RUNNING
        ]

    @property
    def backends(self) -> Sequence[Backend]:
        """Where jobs run."""
        return tuple(self._backends)

    @property
    def busy(self) -> bool:
        """Whether `progress` has, or will have, something to do by itself."""
        return bool(
            self._flights
            or self._unclaimed
            or self._intended
            or self._reports
            or self._stirred
            or (self._ended and self.can_retrieve)
            or (self.can_submit and self._intake)
        )

    # the loop

    def run(self, each: Callable[[Engine], None] | None = None) -> Counts:
        """Take all tasks to their end, and give the final numbers.

        Args:
            each: Called about once a second, and whenever something has happened.

        Raises:
            LeaseLost: Another engine has taken over; the jobs are its own now.
        """
        trouble = 0
        while self.busy or not self._keeper.idle:
            try:
                moved = self.progress()
                if not self.busy:
                    self._keeper.flush()
                trouble = 0
            except RecoverableError as err:
                moved = False
                trouble += 1
                logger.warning("%s; trying again", err)
                self._clock.sleep(min(30.0, 0.1 * 2**trouble))
            if each is not None:
                each(self)
            if not moved:
                self._wait()
            elif self._has_plenty():
                self._clock.sleep(GATHER)
        return self.counts()

    def progress(self) -> bool:
        """Take each task as far as it can go now; whether anything has moved.

        Raises:
            StoreUnavailable: Nothing was lost: the next call tries again.
            LeaseLost: Another engine has taken over.
        """
        moved = self._claim()
        moved |= self._collect()
        moved |= self._end_killed()
        moved |= self._retrieve()
        moved |= self._advance_collections()
        if self.can_submit:
            self._intend()
        self._keeper.save()
        moved |= self._hand_over()
        self._keeper.flush_if_due()
        return moved

    def flush(self) -> None:
        """Save everything, safe from a power failure."""
        self._keeper.flush()

    def close(self) -> None:
        """Save everything and let go of backends and tasks; jobs go on."""
        try:
            self._keeper.flush()
        finally:
            self._cleanup.close()

    def _wait(self) -> None:
        """Sleep until a job has ended, or for a while."""
        backend = self._backends[0]
        tokens = [token for token in self._flights if self._places[token] is backend]
        if tokens:
            with contextlib.suppress(RecoverableError):
                self._reports += backend.poll(tokens, PATIENCE)
        elif self.busy or not self._keeper.idle:
            self._clock.sleep(0.05)

    def _has_plenty(self) -> bool:
        waiting = sum(task.execution.state is State.SUBMITTED for task in self._flights.values())
        return waiting > 2 * sum(backend.capacity.cores for backend in self._backends)

    # jobs of an earlier engine

    def _claim(self) -> bool:
        """Find out what became of jobs that an earlier engine has, or may have, handed over."""
        if not self._reconciled:
            self._reconcile_evidence()
            self._reconciled = True
        if not self._unclaimed:
            return False
        unclaimed, self._unclaimed = self._unclaimed, {}
        known: dict[str, Report] = {}
        for backend in self._backends:
            found = backend.adopt(unclaimed)
            known.update(found)
            self._places.update(dict.fromkeys(found, backend))
        for token, task in unclaimed.items():
            report = known.get(token)
            if report is not None:
                self._flights[token] = task
                self._reports.append(report)
            elif task.execution.state is State.SUBMITTED:
                self._intended.append(task)
            else:
                self._lose(task, "its backend has no trace of it")
        return True

    def _reconcile_evidence(self) -> None:
        """Take up jobs of which the store does not know, because a power failure took its last lines."""
        if self._store is None:
            return
        for backend in self._backends:
            strangers: dict[str, list[tuple[int, str]]] = {}
            for token in backend.tokens():
                id_, attempt = jobs.split_token(token)
                strangers.setdefault(id_, []).append((attempt, token))
            self._take_up(backend, strangers)

    def _take_up(self, backend: Backend, strangers: dict[str, list[tuple[int, str]]]) -> None:
        assert self._store is not None
        errors: dict[str, LoadError] = {}
        found = self._store.load_many(strangers, errors)
        for id_, tokens in strangers.items():
            task = found.get(id_)
            attempt, token = max(tokens)
            if task is None or (task.execution.state is State.TERMINATED and attempt <= task.execution.attempt):
                self._drop_evidence(backend, [each for _, each in tokens], task)
            elif attempt > task.execution.attempt:
                task.execution.start_attempt(token)
                self._move(task, State.SUBMITTED)
                self._managed[id(task)] = task
                self._fed.add(id(task))
                self._enter(task)

    def _drop_evidence(self, backend: Backend, tokens: list[str], task: Task | None) -> None:
        reports = backend.adopt(tokens)
        over = [
            token
            for token in tokens
            if token in reports and reports[token].state not in (JobState.RUNNING, JobState.WAITING)
        ]
        failed = task is not None and task.execution.returncode != 0
        backend.free(over, keep_directory=failed)

    # reports of backends

    def _collect(self) -> bool:
        reports, self._reports = self._reports, []
        for backend in self._backends:
            tokens = [token for token in self._flights if self._places[token] is backend]
            if not tokens:
                continue
            try:
                reports += backend.poll(tokens)
            except RecoverableError as err:
                logger.warning("cannot poll %s: %s", backend.name, err)
                events.publisher.publish(
                    events.PollFailed(backend=backend.name, error=str(err), time=self._clock.now())
                )
        moved = False
        for report in reports:
            task = self._flights.get(report.token)
            if task is not None:
                moved |= self._apply(task, report)
        return moved

    def _apply(self, task: Task, report: Report) -> bool:
        details = task.execution.details
        if report.directory is not None:
            details.directory = report.directory
        if report.state is JobState.WAITING:
            return False
        if report.state is JobState.RETURNED:
            del self._flights[report.token]
            self._intended.append(task)
            return True
        if report.state is JobState.LOST:
            del self._flights[report.token]
            self._lose(task, report.reason or "its backend has lost it")
            return True
        if task.execution.state is not State.RUNNING and report.started is not None:
            self._move(task, State.RUNNING)
            self._keeper.note(task, urgent=False)
        if report.state is JobState.ENDED:
            del self._flights[report.token]
            self._finish(task, report)
        return True

    def _finish(self, task: Task, report: Report) -> None:
        run = task.execution
        run.finish(
            signal=report.signal,
            exitcode=report.exitcode,
            reason=report.reason,
            started=report.started,
            ended=report.ended,
            cpu_time=report.cpu_time,
            max_memory=report.max_memory,
            memory_is_bound=report.memory_is_bound,
        )
        if id(task) in self._killed:
            self._killed.discard(id(task))
            run.returncode = (Signals.Cancelled, -1)
        if self._move(task, State.TERMINATING):
            self._ended[report.token] = task

    def _lose(self, task: Task, reason: str) -> None:
        """A job was, or may have been, started, and its end will never be known."""
        run = task.execution
        run.history.append(f"lost: {reason}")
        run.details.reason = f"lost: {reason}"
        run.returncode = (Signals.Lost, -1)
        events.publisher.publish(
            events.TaskLost(task=task, reason=reason, time=self._clock.now())
        )
        if getattr(task, "on_loss", None) == "rerun":
            run.end_attempt()
            if self._move(task, State.TERMINATED) and self._move(task, State.NEW):
                self._intake.put(task)
        else:
            self._end(task)

    # outputs

    def _retrieve(self) -> bool:
        if not (self._ended and self.can_retrieve):
            return False
        ended, self._ended = self._ended, {}
        for backend in self._backends:
            mine = {t: task for t, task in ended.items() if self._places[t] is backend}
            try:
                self._retrieve_from(backend, mine)
            except RecoverableError as err:
                logger.warning("cannot fetch outputs from %s: %s", backend.name, err)
                self._ended.update(
                    (t, task)
                    for t, task in mine.items()
                    if task.execution.state is State.TERMINATING
                )
        return bool(ended)

    def _retrieve_from(self, backend: Backend, ended: dict[str, Task]) -> None:
        requests = {
            token: request
            for token, task in ended.items()
            if (request := jobs.fetch_request(task, token, overwrite=self.retrieve_overwrites))
        }
        fetched = {each.token: each for each in backend.fetch(list(requests.values()))} if requests else {}
        for token, task in ended.items():
            request, result = requests.get(token), fetched.get(token)
            place = None
            try:
                if request is not None and result is not None:
                    place = jobs.note_outputs(task, request, result)
                jobs.take_outcome(task, backend, token)
            except RecoverableError:
                raise
            except Exception as err:  # whatever a task makes of its own outcome
                self._fail(task, "its outcome cannot be read", err)
                continue
            self._end(task, place)

    def _end(self, task: Task, place: str | None = None) -> None:
        """The task is over."""
        self._move(task, State.TERMINATED)
        self._keeper.note_end(task, place)

    # moving on

    def _move(self, task: Task, state: State) -> bool:
        """Have a task enter a state; whether its hook let it."""
        try:
            task.execution.state = state
        except Exception as err:  # whatever the user's hook raises
            self._fail(task, f"{state.lower()}() raised", err)
            return False
        self._see(task)
        self._keeper.note(task, urgent=state is not State.RUNNING)
        return True

    def _fail(self, task: Task, what: str, err: Exception) -> None:
        """End a task because code of its author raised; that code is not called again."""
        text = "".join(traceback.format_exception(err))
        logger.warning("%s: %s: %s: %s", task, what, type(err).__name__, err)
        task.execution.fail(f"{what}: {type(err).__name__}: {err}", text)
        events.publisher.publish(
            events.HookFailed(task=task, hook=what, traceback=text, time=self._clock.now())
        )
        token = task.execution.details.token
        if self._flights.get(token) is task:
            del self._flights[token]
            self._places[token].cancel([token])
        self._see(task)
        self._keeper.note_end(task, None)

    def _advance_collections(self) -> bool:
        moved = False
        while self._stirred:
            _, task = self._stirred.popitem()
            before = task.execution.state
            try:
                if before is State.NEW:
                    task.submit()
                task.update_state()
            except Exception as err:  # whatever next(), retry() or a stage raises
                self._fail(task, f"{type(task).__name__} could not go on", err)
            self._see(task)
            if task.changed:
                self._keeper.note(task)
            moved |= task.execution.state is not before
        return moved

    def _end_killed(self) -> bool:
        """Carry out what `kill` was called for."""
        moved = False
        for key in tuple(self._killed):
            task = self._managed.get(key)
            if task is None or task.execution.state is State.TERMINATED:
                self._killed.discard(key)
            elif not task._leaf:
                self._killed.discard(key)
                task.kill()
                moved = True
            elif task.execution.state is State.NEW or task in self._intended:
                self._killed.discard(key)
                self._cancel_waiting(task)
                moved = True
            elif self._flights.get(task.execution.details.token) is task:
                self._places[task.execution.details.token].cancel([task.execution.details.token])
        return moved

    def _cancel_waiting(self, task: Task) -> None:
        self._intake.discard(task)
        self._intended = [each for each in self._intended if each is not task]
        task.execution.details.reason = "cancelled"
        task.execution.returncode = (Signals.Cancelled, -1)
        self._end(task)

    # handing over

    def _intend(self) -> None:
        """Choose what is handed over next; saved as such before it is."""
        room = self._room()
        held: list[Task] = []
        chosen: list[Task] = []
        while len(chosen) < room and (task := self._intake.take()) is not None:
            (held if task.execution.held else chosen).append(task)
        if held:
            for task in held:
                self._let_go(task)
        self._give_ids(chosen)
        for task in chosen:
            run = task.execution
            run.start_attempt(jobs.make_token(task.persistent_id or self._number(task), run.attempt + 1))
            if self._move(task, State.SUBMITTED):
                self._intended.append(task)

    def _room(self) -> int:
        in_flight = len(self._flights) + len(self._intended)
        submitted = in_flight - len(self.running())
        room = sum(backend.capacity.window for backend in self._backends) - submitted
        if self.max_in_flight:
            room = min(room, self.max_in_flight - in_flight)
        if self.max_submitted:
            room = min(room, self.max_submitted - submitted)
        return room

    def _give_ids(self, tasks: list[Task]) -> None:
        unsaved = [task for task in tasks if task.persistent_id is None]
        if self._store is not None and unsaved:
            self._store.save_many(unsaved)

    def _number(self, task: Task) -> str:
        self._numbers += 1
        return f"{type(task).__name__}.{self._numbers}"

    def _hand_over(self) -> bool:
        intended, self._intended = self._intended, []
        if not intended:
            return False
        backend = self._backends[0]
        specs = []
        ready = []
        for task in intended:
            try:
                specs.append(jobs.job_spec(task, self._store))
                ready.append(task)
            except Exception as err:  # whatever the task's own code raises
                self._fail(task, "it cannot be submitted", err)
        try:
            refusals = backend.submit(specs)
        except RecoverableError:
            self._intended = ready
            raise
        for task, refusal in zip(ready, refusals, strict=True):
            if refusal is None:
                token = task.execution.details.token
                self._flights[token] = task
                self._places[token] = backend
                task.execution.details.resource = backend.name
                task.execution.details.job = token
            else:
                self._refuse(task, backend, refusal)
        return True

    def _refuse(self, task: Task, backend: Backend, refusal: JobRefused) -> None:
        run = task.execution
        run.history.append(f"refused by {backend.name}: {refusal.reason}")
        run.details.reason = refusal.reason
        run.returncode = (Signals.SubmissionFailed, os.EX_UNAVAILABLE)
        events.publisher.publish(
            events.TaskRefused(
                task=task, backend=backend.name, reason=refusal.reason, time=self._clock.now()
            )
        )
        self._end(task)

    # after the end

    def _release(self, ended: list[Task]) -> None:
        """The ends of these tasks are safe: their backends may forget them."""
        for backend in self._backends:
            mine = [task for task in ended if self._places.get(task.execution.details.token) is backend]
            ok = [task.execution.details.token for task in mine if task.execution.returncode == 0]
            failed = [task.execution.details.token for task in mine if task.execution.returncode != 0]
            if ok:
                backend.free(ok)
            if failed:
                backend.free(failed, keep_directory=True)
        for task in ended:
            self._places.pop(task.execution.details.token, None)
            if task.execution.state is State.TERMINATED:
                self._let_go(task)

    def _let_go(self, task: Task) -> None:
        """Follow a task that is over no longer, if nobody but the store wants it."""
        fed = id(task) in self._fed
        if not (fed or self.forget_terminated):
            return
        self._managed.pop(id(task), None)
        self._fed.discard(id(task))
        for ledger in self._ledgers.values():
            ledger.drop(task, counted=fed and not self.forget_terminated)
        task.detach()

    def _see(self, task: Task) -> None:
        for ledger in self._ledgers.values():
            ledger.see(task)

    def _backend_of(self, task: Task) -> Backend:
        name = task.execution.details.resource
        return next((each for each in self._backends if each.name == name), self._backends[0])

    def _reconcile(self, task: Task) -> Task:
        """Somebody else has written a task meanwhile: theirs is the task, ours is how its run goes."""
        assert self._store is not None and task.persistent_id is not None
        theirs: Task = self._store.load(task.persistent_id)
        theirs.execution = task.execution
        theirs.changed = True
        for table in (self._flights, self._unclaimed, self._ended):
            for token, each in table.items():
                if each is task:
                    table[token] = theirs
        self._intended = [theirs if each is task else each for each in self._intended]
        if self._managed.pop(id(task), None) is not None:
            self._managed[id(theirs)] = theirs
            for ledger in self._ledgers.values():
                ledger.drop(task, counted=False)
            self._see(theirs)
        return theirs


