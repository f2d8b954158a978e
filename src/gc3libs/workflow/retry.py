"""`RetryableTask`: a task that is run again when it has failed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from gc3libs._clock import SYSTEM
from gc3libs.model import Job, Signals, State, Task
from gc3libs.quantity import Duration, Memory
from gc3libs.workflow._composite import Composite

_FINAL = (Signals.Cancelled, Signals.SubmissionFailed)
"""Signals of tasks that would not fare better another time."""


class RetryableTask(Composite):
    """Runs a task, and runs it again as long as `retry` says so.

    Its return code is that of the last try. Public attributes that it does not have are those of
    the task in it: `r.output_dir`, `r.jobname`.

    A job that was ended for its memory or its walltime can be given more the next time, and the
    tries can be spaced out, more and more:

    >>> from gc3libs.model import Application
    >>> from gc3libs.quantity import GB, minutes
    >>> fit = Application(["./fit"], inputs=[], outputs=[], output_dir="out", requested_memory=2*GB)
    >>> tough = RetryableTask(
    ...     fit, max_retries=4, memory_factor=2, max_memory=16*GB, retry_wait=1*minutes
    ... )
    >>> tough.requested_memory, tough.retried
    (Memory(2, unit=GB), 0)

    Args:
        task: Of whatever kind.
        max_retries: How often it is run again, at most; 0: no limit.
        **extra: Become attributes; those below among them.

    Attributes:
        task: The task in it.
        retried: How often it was run again so far.
        retry_wait: Time before the first retry: a `Duration`, or seconds.
        retry_wait_factor: Before each further one, so many times the time before the one before.
        max_retry_wait: The longest time.
        memory_factor: After a failure for lack of memory, so many times the memory is requested.
        max_memory: The most that is requested so; None: no limit.
        walltime_factor, max_walltime: The same for walltime.
    """

    max_retries: int
    retried: int
    retry_wait: Duration | float = 0
    retry_wait_factor: float = 2
    max_retry_wait: Duration | float = 3600
    memory_factor: float = 1
    max_memory: Memory | None = None
    walltime_factor: float = 1
    max_walltime: Duration | None = None

    _retry_at: float | None = None
    """When it is to be run again; UTC, seconds since the epoch."""

    def __init__(self, task: Task, max_retries: int = 0, **extra: Any) -> None:
        self._owned_tasks = [task]
        self.max_retries = max_retries
        self.retried = 0
        if task.would_output:
            self.would_output = True
        super().__init__(**extra)

    @property
    def task(self) -> Any:
        """The task that is run."""
        return self._owned_tasks[0]

    @task.setter
    def task(self, task: Task) -> None:
        self._owned_tasks = [task]
        object.__setattr__(self, "_roll", None)
        object.__setattr__(self, "_handed_over", False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self._owned_tasks:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._owned_tasks[0], name)

    @property
    def output_path(self) -> Path | None:
        """Where the outputs of the task in it are."""
        path: Path | None = self.task.output_path
        return path

    def retry(self) -> bool:
        """Whether to run the task again, which has just ended. To be overridden at will.

        `self.task.execution` says how; `self.execution.returncode` is the same already. By default:
        if it has failed, was not cancelled or refused, and there are tries left.
        """
        run = self.task.execution
        if run.returncode == 0 or run.signal in _FINAL:
            return False
        return self.max_retries == 0 or self.retried < self.max_retries

    def prepare_retry(self) -> None:
        """Called before the task is run again; requests more of what the last try lacked.

        To be extended at will.
        """
        task, reason = self.task, self.task.execution.details.reason
        if not isinstance(task, Job):
            return
        if reason.startswith("memory"):
            task.requested_memory = _more(
                task.requested_memory, self.memory_factor, self.max_memory
            )
        elif reason.startswith("walltime"):
            task.requested_walltime = _more(
                task.requested_walltime, self.walltime_factor, self.max_walltime
            )

    def _moving(self) -> Iterable[Task]:
        return () if self.task.execution.state is State.TERMINATED else (self.task,)

    def _go_on(self) -> None:
        if self.task.execution.state is not State.TERMINATED:
            self._start(self.task)

    def _advance(self, **extra: Any) -> None:
        own, state = self.execution.state, self.task.execution.state
        if state is State.TERMINATED:
            if self._retry_at is None:
                self._decide()
            elif self._is_due():
                self._run_again()
        elif state in (State.STOPPED, State.UNKNOWN):
            self._show(state)
        elif state in (State.NEW, State.SUBMITTED) and own in (State.NEW, State.SUBMITTED):
            if own is State.NEW:
                self._show(state)
        else:
            self._show(State.RUNNING)

    def _decide(self) -> None:
        self.execution.returncode = self.task.execution.returncode
        self._show(State.RUNNING)
        if not self._ask(self.retry):
            self._finish()
            return
        self._retry_at = self._now() + self._wait()
        self.retried += 1
        if self._is_due():
            self._run_again()

    def _wait(self) -> float:
        """Seconds before the next try."""
        factor = self.retry_wait_factor ** min(self.retried, 50)
        return min(_seconds(self.retry_wait) * factor, _seconds(self.max_retry_wait))

    def _now(self) -> float:
        loop = self._loop
        return (SYSTEM if loop is None else loop.clock).now()

    def _is_due(self) -> bool:
        """Whether it is time to run the task again; if not, the engine comes back when it is."""
        assert self._retry_at is not None
        if self._now() >= self._retry_at:
            return True
        loop = self._loop
        if loop is not None:
            loop.wake(self, self._retry_at)
        return False

    def _run_again(self) -> None:
        self._ask(self.prepare_retry)
        self._retry_at = None
        self._again(self.task)
        self._start(self.task)

    def _finish(self) -> None:
        self.execution.details.reason = self.task.execution.details.reason
        super()._finish()

    def redo(self, *args: Any, **kwargs: Any) -> None:
        """Make this and the task NEW again, with all tries.

        Raises:
            UnexpectedStateError: It is SUBMITTED or RUNNING: kill it first.
        """
        super().redo(*args, **kwargs)
        self._again(self.task)
        self.retried = 0
        self._retry_at = None

    def peek(
        self, what: str = "stdout", offset: int = 0, size: int | None = None, **extra: Any
    ) -> IO[Any]:
        """A part of an output of the task."""
        stream: IO[Any] = self.task.peek(what, offset, size, **extra)
        return stream

    def fetch_output(
        self, output_dir: str | None = None, overwrite: bool = False, changed_only: bool = True
    ) -> Any:
        """As that of the task."""
        return self.task.fetch_output(output_dir, overwrite, changed_only)


def _seconds(time: Duration | float) -> float:
    return float(time.in_seconds() if isinstance(time, Duration) else time)


def _more(requested: Any, factor: float, most: Any) -> Any:
    if requested is None or factor <= 1:
        return requested
    more = requested * factor
    return most if most is not None and more > most else more
