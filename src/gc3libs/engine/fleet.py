"""The jobs that an engine has at its backends."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from gc3libs import events
from gc3libs._clock import Clock
from gc3libs.backends.base import Backend, JobRefused, JobSpec, JobState, Report
from gc3libs.engine.keeper import End
from gc3libs.exceptions import RecoverableError
from gc3libs.model import State, Task

logger = logging.getLogger(__name__)

_OVER = frozenset((JobState.ENDED, JobState.RETURNED, JobState.LOST))
_TURN = 0.1  # seconds that one of several backends is listened to at a time


class Fleet:
    """Which job, by token, is whose, and where.

    A job is *followed* from when it was handed over until its end was dealt with. One that is
    *abandoned* was cancelled because nobody wants it; its evidence is kept until it has ended.

    Attributes:
        backends: Where jobs run.
        reports: What was heard of jobs, and not dealt with yet, in order.
    """

    def __init__(self, backends: Sequence[Backend], clock: Clock) -> None:
        self.backends = tuple(backends)
        self.reports: deque[Report] = deque()
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._places: dict[str, Backend] = {}
        self._abandoned: set[str] = set()
        self._cancelled: set[str] = set()
        self._missed_nothing = True

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def has(self, task: Task) -> bool:
        """Whether the job of a task is followed."""
        return self._tasks.get(task.execution.details.token) is task

    def task_of(self, token: str) -> Task | None:
        """Whose job that is; None if it is not followed."""
        return self._tasks.get(token)

    def place_of(self, token: str) -> Backend | None:
        """Where the job with this token is or was, as far as is known."""
        return self._places.get(token)

    def named(self, name: str) -> Backend:
        """The backend of this name; the first one if there is none."""
        return next((each for each in self.backends if each.name == name), self.backends[0])

    def jobs_at(self, backend: Backend) -> list[str]:
        """Tokens of the jobs at a backend that are not over, abandoned ones included."""
        if len(self.backends) == 1:
            return [*self._tasks, *self._abandoned]
        known = (*self._tasks, *self._abandoned)
        return [token for token in known if self._places[token] is backend]

    # handing over

    @property
    def room(self) -> int:
        """How many more jobs the backends want at hand."""
        waiting = sum(task.execution.state is not State.RUNNING for task in self)
        return sum(each.capacity.window for each in self.backends) - waiting

    @property
    def cores(self) -> int:
        """Slots of all backends."""
        return sum(each.capacity.cores for each in self.backends)

    def submit(self, jobs: Mapping[str, tuple[Task, JobSpec]]) -> dict[str, JobRefused]:
        """Hand jobs over, by token; returns those that were refused.

        Raises:
            RecoverableError: A backend takes none at the moment. What was handed over before is
                followed.
        """
        refused: dict[str, JobRefused] = {}
        for backend, tokens in self._assign(jobs):
            answers = backend.submit([jobs[token][1] for token in tokens])
            for token, answer in zip(tokens, answers, strict=True):
                jobs[token][0].execution.details.resource = backend.name
                if answer is None:
                    self._follow(token, jobs[token][0], backend)
                else:
                    refused[token] = answer
        return refused

    def _assign(self, jobs: Mapping[str, tuple[Task, JobSpec]]) -> list[tuple[Backend, list[str]]]:
        """Give each job to the first backend that is large enough for it and has room."""
        if len(self.backends) == 1:
            return [(self.backends[0], list(jobs))]
        shares: list[tuple[Backend, int, list[str]]] = [
            (each, each.capacity.window - len(self.jobs_at(each)), []) for each in self.backends
        ]
        for token, (_, spec) in jobs.items():
            able = [each for each in shares if _is_enough(each[0], spec)] or shares[:1]
            _, _, tokens = next((each for each in able if len(each[2]) < each[1]), able[0])
            tokens.append(token)
        return [(backend, tokens) for backend, _, tokens in shares if tokens]

    def _follow(self, token: str, task: Task, backend: Backend) -> None:
        self._tasks[token] = task
        self._places[token] = backend
        task.execution.details.resource = backend.name
        task.execution.details.job = token

    def adopt(self, tasks: Mapping[str, Task]) -> None:
        """Follow the jobs that backends have of these tasks, by token, and hear how they are."""
        for backend in self.backends:
            for token, report in backend.adopt(tasks).items():
                self._follow(token, tasks[token], backend)
                self.reports.append(report)

    def remove(self, task: Task) -> None:
        """Follow a task's job no longer; it goes on."""
        if self.has(task):
            del self._tasks[task.execution.details.token]

    # hearing of them

    def poll(self) -> RecoverableError | None:
        """Hear what has changed; the trouble of a backend that could not say it."""
        trouble = None
        for backend in self.backends:
            tokens = self.jobs_at(backend)
            if tokens:
                try:
                    self._hear(backend, tokens)
                except RecoverableError as err:
                    trouble = err
                    moment = self._clock.now()
                    failed = events.PollFailed(backend=backend.name, error=str(err), time=moment)
                    events.publisher.publish(failed)
        return trouble

    def _hear(self, backend: Backend, tokens: list[str], timeout: float = 0.0) -> None:
        """Take reports; all of them, if an earlier call was interrupted and may have lost some."""
        complete, self._missed_nothing = self._missed_nothing, False
        if complete:
            self.reports += backend.poll(tokens, timeout)
        else:
            self.reports += backend.adopt(tokens).values()
        self._missed_nothing = True

    def wait(self, timeout: float) -> bool:
        """Let so many seconds pass, unless something is heard; false if there are no jobs."""
        busy = [(each, tokens) for each in self.backends if (tokens := self.jobs_at(each))]
        if len(busy) == 1:
            self._hear(*busy[0], timeout)
            return True
        deadline = self._clock.monotonic() + timeout
        while busy and not self.reports and self._clock.monotonic() < deadline:
            for backend, tokens in busy:
                self._hear(backend, tokens, 0.0 if self.reports else min(timeout, _TURN))
        return bool(busy)

    def settle(self, report: Report) -> None:
        """A report was dealt with."""
        if report.state in _OVER:
            for known in (self._abandoned, self._cancelled):
                known.discard(report.token)
            self._tasks.pop(report.token, None)

    # ending them

    def cancel(self, tasks: Iterable[Task]) -> None:
        """End the jobs of tasks; `reports` will say what came of it."""
        tokens = {task.execution.details.token for task in tasks} - self._cancelled
        self._cancel(tokens)
        self._cancelled |= tokens

    def _cancel(self, tokens: Collection[str]) -> None:
        for backend in self.backends:
            mine = [token for token in tokens if self._places.get(token) is backend]
            if mine:
                backend.cancel(mine)

    def note_place(self, token: str, place: Backend) -> None:
        """A job that is over is there."""
        self._places[token] = place

    def abandon(self, token: str, place: Backend | None = None) -> None:
        """End a job of which nobody wants to hear; `place` is where one is that is not followed."""
        if place is not None:
            self._places[token] = place
        elif token not in self._tasks:
            return
        self._abandoned.add(token)
        self._tasks.pop(token, None)
        try:
            self._cancel([token])
        except RecoverableError as err:
            logger.warning("job %s cannot be cancelled: %s", token, err)

    def release(self, ends: Sequence[End]) -> list[End]:
        """Have backends forget jobs; gives those that have not ended yet."""
        left = [end for end in ends if end.token in self._abandoned]
        over = [end for end in ends if end.token not in self._abandoned]
        for backend in self.backends:
            mine = [end for end in over if self._places.get(end.token) is backend]
            for keep in (False, True):
                tokens = [end.token for end in mine if end.keeps_directory is keep]
                if tokens:
                    backend.free(tokens, keep_directory=keep)
        for end in over:
            self._places.pop(end.token, None)
        return left


def _is_enough(backend: Backend, spec: JobSpec) -> bool:
    offer = backend.capacity
    return spec.cores <= offer.cores and (spec.memory or 0) <= offer.memory
