"""`gc3libs.run`: a session and an engine, joined for people's scripts."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

from gc3libs import events
from gc3libs._clock import SYSTEM
from gc3libs.backends.base import Backend
from gc3libs.backends.local import LocalBackend
from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._messages import end_message, stopped_message
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._progress import Progress, ProgressView
from gc3libs.cmdline._published import Publisher
from gc3libs.engine import Engine
from gc3libs.exceptions import InvalidOperation
from gc3libs.model import State, Task
from gc3libs.model.termination import words

if TYPE_CHECKING:
    from gc3libs.session import Counts, Session

EXAMPLES = 3
"""How many running tasks are named in the view."""

REQUESTS_PAUSE = 0.5
"""Seconds between two looks at what other processes want."""


class _Enough(Exception):
    """So many tasks have failed that nothing more is to be started. Never leaves this module."""


def run(
    session: Session,
    *,
    cores: int | None = None,
    max_in_flight: int = 0,
    max_failures: int | None = None,
    backend: Backend | None = None,
    quiet: bool = False,
) -> Counts:
    """Take all tasks of a session to their end, on this machine; go on where an earlier run was
    stopped.

    Shows its progress on the standard error stream. Tasks that have ended, well or not, are left
    alone.

    Args:
        session: Changed tasks of it are saved first.
        cores: Slots for jobs; None: the processors that this process may use.
        max_in_flight: At most so many tasks SUBMITTED or RUNNING; 0: no limit.
        max_failures: Stop, as Ctrl-C does, once more tasks than this have failed; None: never.
        backend: Where jobs run, if not on this machine.
        quiet: Show nothing.

    Returns:
        How many tasks the session has, by state.

    Raises:
        SessionInUse: Another process runs the session.
        KeyboardInterrupt: Ctrl-C was pressed. What runs goes on to its end, what waits stays;
            nothing is lost.
        InvalidOperation: Called inside a job.
    """
    if "GC3_JOB" in os.environ:
        raise InvalidOperation(
            f"gc3libs.run() was called inside the job {os.environ['GC3_JOB']}; put it under"
            " `if __name__ == '__main__':`"
        )
    session.save_all()
    with (
        Interrupts() as interrupts,
        interrupts.held_back(),  # a write that is cut off would leave the store behind the tasks
        session.lease("gc3libs.run") as lease,
    ):
        own = LocalBackend(session.run_directory, cores=cores) if backend is None else None
        engine = Engine(
            backend or own, store=session.store, guard=lease.guard, max_in_flight=max_in_flight
        )
        orders = Orders(session, lease, engine)
        orders.take_up()
        engine.feed(session.unfinished())
        watch = _Watch(session, engine, quiet=quiet)

        def look(_: Engine) -> None:
            interrupts.check()
            lease.check()
            watch.look()
            if watch.is_time_for_requests() and orders.take_up():
                engine.flush()
                watch.count()
            if max_failures is not None and watch.failures > max_failures:
                raise _Enough

        enough = False
        try:
            engine.run(each=look)
            while orders.take_up():
                engine.flush()
                watch.count()
                engine.run(each=look)
            engine.close()
        except _Enough:
            engine.close()
            enough = True
            watch.stopped()
        except KeyboardInterrupt:
            engine.close()
            watch.stopped()
            raise
        finally:
            watch.close()
            if own is not None:
                own.close()
    counts = session.counts()
    if counts.total == counts["TERMINATED"]:
        session.set_end_timestamp()
    if not enough:
        watch.ended(counts)
    return counts


class _Watch:
    """Counts what happens, and shows it."""

    def __init__(self, session: Session, engine: Engine, *, quiet: bool) -> None:
        self._session = session
        self._engine = engine
        self._name = session.name
        self._path = _as_typed(session.path)
        self._causes: Counter[str] = Counter()
        self._cpu = 0.0
        self.count()
        self._before = self._done + self._failed
        self._quiet = quiet
        nothing_to_show = quiet or self._before == self._total
        self._view = None if nothing_to_show else ProgressView(self._name, "this machine")
        self._unsubscribe = events.publisher.subscribe(self._changed, events.TaskStateChanged)
        self._publisher = Publisher(session.run_directory)
        self._next_requests = self._began = SYSTEM.monotonic()
        self.failures = 0

    def count(self) -> None:
        """Start from how things stand in the store."""
        counts = self._session.counts()
        self._numbers = Counter({state.value: counts[state.value] for state in State})
        self._done, self._failed = counts["ok"], counts["failed"]
        self._held = self._session.counts(held=True, state="NEW").total
        self._total = counts.total

    def _changed(self, event: events.TaskStateChanged) -> None:
        task: Task = event.task
        if task._leaf and task._controller is self._engine:
            self._numbers[event.before] -= 1
            self._numbers[event.after] += 1
            if event.after == State.TERMINATED:
                self._over(task)

    def _over(self, task: Task) -> None:
        self._cpu += task.execution.details.cpu_time or 0.0
        if task.execution.returncode == 0:
            self._done += 1
        else:
            self._failed += 1
            self.failures += 1
            self._causes[cause(task)] += 1

    def look(self) -> None:
        """Show how things stand, if it is time."""
        shows = self._view is not None and self._view.due
        if shows or self._publisher.due:
            progress = self._progress()
            if self._view is not None:
                self._view.update(progress)
            if self._publisher.due:
                self._publisher.update(progress)

    def is_time_for_requests(self) -> bool:
        """Whether to look what other processes want: about once a second."""
        now = SYSTEM.monotonic()
        if now < self._next_requests:
            return False
        self._next_requests = now + REQUESTS_PAUSE
        return True

    def _progress(self) -> Progress:
        running = self._engine.running()
        now = time.time()
        slots = sum(backend.capacity.cores for backend in self._engine.backends)
        numbers = self._numbers
        going = numbers["RUNNING"] + numbers["TERMINATING"]
        return Progress(
            total=self._total,
            done=self._done,
            failed=self._failed,
            running=going,
            waiting=max(0, self._total - self._done - self._failed - going - self._held),
            held=self._held,
            examples=tuple((_name(task), now - _since(task)) for task in running[:EXAMPLES]),
            slots=(min(len(running), slots), slots),
            causes=tuple(self._causes.most_common(3)),
        )

    def stopped(self) -> None:
        """Say how to go on."""
        numbers = self._numbers
        going = numbers["RUNNING"] + numbers["TERMINATING"]
        waiting = numbers["NEW"] + numbers["SUBMITTED"]
        if self._view is not None:
            self._view.close(stopped_message(self._path, going, waiting))

    def ended(self, counts: Counts) -> None:
        """Say what came of it."""
        if self._quiet:
            return
        view = self._view or ProgressView(self._name, "this machine")
        done, failed = counts["ok"], counts["failed"]
        if self._before == self._total:
            view.close(
                f"{self._name}: all {self._total:,} tasks were over already:"
                f" {done:,} done, {failed:,} failed"
            )
            return
        view.close(
            end_message(
                self._path,
                done=done,
                failed=failed,
                rest=counts.total - done - failed,
                seconds=SYSTEM.monotonic() - self._began,
                cpu_seconds=self._cpu,
            )
        )

    def close(self) -> None:
        """Take the picture away."""
        self._unsubscribe()
        self._publisher.close()
        if self._view is not None:
            self._view.close()


def _as_typed(path: str) -> str:
    """A path as people type it: from the current directory on, if it is below."""
    below = os.path.relpath(path)
    return path if below.startswith("..") else below


def _name(task: Task) -> str:
    return task.get("jobname") or str(task)


def _since(task: Task) -> float:
    return task.execution.timestamp.get("RUNNING", time.time())


def cause(task: Task) -> str:
    """Why a task failed, in a word or two: the same for the same trouble."""
    details = task.execution.details
    if details.error is not None:
        return details.error.type
    reason = details.reason
    if reason.startswith("walltime"):
        return "walltime"
    if reason.startswith("memory"):
        return "memory limit"
    return reason.partition(":")[0] or words(task.execution.returncode)
