"""What backends report, and what it means for tasks."""

from __future__ import annotations

import os

from gc3libs.backends.base import JobState, Report
from gc3libs.engine.course import CANCELLED, Course
from gc3libs.engine.dispatch import Dispatcher
from gc3libs.engine.fleet import Fleet
from gc3libs.engine.harvest import Harvest
from gc3libs.model import Job, Signals, State, Task

NO_TRACE = "its backend has no trace of it"


class Inbox:
    """Deals with reports of jobs, also of those that an earlier engine has handed over.

    Each step can be repeated: one that was cut off is made again.
    """

    def __init__(
        self, fleet: Fleet, course: Course, dispatcher: Dispatcher, harvest: Harvest
    ) -> None:
        self._fleet = fleet
        self._course = course
        self._dispatcher = dispatcher
        self._harvest = harvest
        self._unclaimed: dict[str, Task] = {}
        self._has_new = False

    def __bool__(self) -> bool:
        """Whether there is anything to be dealt with."""
        return bool(self._unclaimed or self._fleet.reports)

    @property
    def has_unclaimed(self) -> bool:
        """Whether there are tasks of whose jobs nobody was asked yet what became of them."""
        return self._has_new and bool(self._unclaimed)

    def expect(self, task: Task) -> None:
        """Find out what became of a job that was, or was to be, handed over earlier."""
        self._unclaimed[task.execution.details.token] = task
        self._has_new = True

    def discard(self, task: Task) -> None:
        """Do not care what became of a task's job."""
        token = task.execution.details.token
        if self._unclaimed.get(token) is task:
            del self._unclaimed[token]

    def claim(self) -> bool:
        """Take up jobs of an earlier engine; whether there were any.

        Those of a resource that does not answer have to wait.
        """
        if not self._unclaimed:
            return False
        asked = self._fleet.adopt(self._unclaimed)
        self._has_new = False
        for token, task in [each for each in self._unclaimed.items() if each[0] in asked]:
            if not self._fleet.has(task):
                self._miss(task)
            self._unclaimed.pop(token, None)
        return bool(asked)

    def _miss(self, task: Task) -> None:
        """No backend knows of a task's job."""
        run = task.execution
        if run.state is State.SUBMITTED:  # it never arrived
            self._dispatcher.intend(task)
        elif run.state is State.TERMINATING and run.returncode is not None:
            run.history.append(f"{NO_TRACE}: there are no outputs to fetch")
            if task.would_output and run.returncode == 0:
                run.details.reason = f"outputs lost: {NO_TRACE}"
                run.returncode = (Signals.DataStagingFailure, os.EX_IOERR)
            self._course.end(task)
        else:
            self._lose(task, NO_TRACE)

    def _lose(self, task: Task, reason: str) -> None:
        if self._course.lose(task, reason):
            self._dispatcher.intake.put(task)

    def read(self) -> bool:
        """Deal with what was reported; whether any task has moved."""
        moved = self._ask_the_silent()
        while self._fleet.reports:
            report = self._fleet.reports[0]
            task = self._fleet.task_of(report.token)
            if task is not None:
                moved |= self._apply(task, report)
            self._fleet.settle(report)
            self._fleet.reports.popleft()
        return moved

    def _ask_the_silent(self) -> bool:
        """Let tasks of which nothing can be heard say what that means; whether any has ended."""
        silences, self._fleet.silences = self._fleet.silences, {}
        ended = False
        for token, trouble in silences.items():
            task = self._fleet.task_of(token)
            if isinstance(task, Job) and _has_answer(task):
                ended |= self._course.excuse(task, trouble)
        return ended

    def _apply(self, task: Task, report: Report) -> bool:
        run = task.execution
        if report.directory is not None or report.state is JobState.ENDED:
            run.details.directory = report.directory or ""
        if report.state is JobState.WAITING:
            return False
        if report.state is JobState.RETURNED:
            if report.reason == CANCELLED:
                self._course.cancel(task)
            else:
                self._dispatcher.intend(task)
        elif report.state is JobState.LOST:
            self._lose(task, report.reason or "its backend has lost it")
        elif self._start(task, report) and report.state is JobState.ENDED:
            self._finish(task, report)
        return True

    def _finish(self, task: Task, report: Report) -> None:
        ended = task.execution.state is State.TERMINATING or self._course.finish(task, report)
        if ended:
            self._harvest.add(task)

    def _start(self, task: Task, report: Report) -> bool:
        """Have a task RUNNING whose job has started; false if its hook raised."""
        state = task.execution.state
        if report.started is None or state in (State.RUNNING, State.TERMINATING):
            return True
        return self._course.move(task, State.RUNNING)


def _has_answer(task: Job) -> bool:
    return type(task).update_job_state_error is not Job.update_job_state_error
