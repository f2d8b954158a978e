"""Bringing home what jobs have left."""

from __future__ import annotations

import logging
import math
import os

from gc3libs._clock import Clock
from gc3libs.backends.base import Backend, Fetched, FetchRequest
from gc3libs.engine import jobs
from gc3libs.engine.course import Course
from gc3libs.engine.fleet import Fleet
from gc3libs.exceptions import (
    DataStagingError,
    RecoverableDataStagingError,
    RecoverableError,
)
from gc3libs.model import Job, Signals, State, Task

logger = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two copies of what running jobs have written."""


class Harvest:
    """Tasks whose jobs have ended, and whose outputs are to be fetched."""

    def __init__(self, fleet: Fleet, course: Course, clock: Clock) -> None:
        self._fleet = fleet
        self._course = course
        self._clock = clock
        self._copied_at = -math.inf
        self._ended: dict[str, Task] = {}

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, task: Task) -> None:
        """Have a task's outputs fetched."""
        self._ended[task.execution.details.token] = task

    def discard(self, task: Task) -> None:
        """Leave a task's outputs where they are."""
        token = task.execution.details.token
        if self._ended.get(token) is task:
            del self._ended[token]

    def copy_running(self, *, changed_only: bool) -> None:
        """Have what running jobs have written so far copied, about once in `INTERVAL` seconds."""
        now = self._clock.monotonic()
        if now - self._copied_at < INTERVAL:
            return
        self._copied_at = now
        for site in self._fleet.in_service:
            running = [
                task
                for task in self._fleet
                if task.execution.state is State.RUNNING and self._fleet.site_for(task) is site
            ]
            requests = [wanted for task in running if (wanted := _wanted_now(task)) is not None]
            if requests:
                site.backend.snapshot(requests, changed_only=changed_only)

    def gather(self, *, overwrite: bool) -> RecoverableError | None:
        """End those tasks whose outputs can be fetched; what trouble there is that may pass."""
        trouble: RecoverableError | None = None
        for site in self._fleet.in_service:
            mine = {
                token: task
                for token, task in self._ended.items()
                if self._fleet.place_of(token) is site.backend
            }
            try:
                self._gather_from(site.backend, mine, overwrite=overwrite)
            except RecoverableDataStagingError as err:  # it is the place where they should go
                trouble = err
            except RecoverableError as err:
                trouble = self._fleet.note_trouble(site, err) or trouble
        return trouble

    def _gather_from(self, backend: Backend, ended: dict[str, Task], *, overwrite: bool) -> None:
        requests = {}
        for token, task in ended.items():
            try:
                requests[token] = jobs.fetch_request(task, token, overwrite=overwrite)
            except RecoverableError:
                raise
            except Exception as err:  # noqa: BLE001  # whatever the task's own code raises
                self._fail(task, err)
        wanted = [request for request in requests.values() if request is not None]
        fetched = {each.token: each for each in backend.fetch(wanted)} if wanted else {}
        troubles = []
        for token, request in requests.items():
            found = fetched.get(token)
            if found is not None and found.may_pass:
                self._course.put_off(ended[token], f"outputs have to wait: {found.error}")
                troubles.append(f"{ended[token]}: {found.error}")
            else:
                self._take_over(ended[token], backend, request, found)
        if troubles:
            raise RecoverableDataStagingError(troubles[0])

    def _take_over(
        self, task: Task, backend: Backend, request: FetchRequest | None, fetched: Fetched | None
    ) -> None:
        place = None
        try:
            if request is not None and fetched is not None:
                place = _note_outputs(task, request, fetched)
            jobs.take_outcome(task, backend, task.execution.details.token)
        except RecoverableError:
            raise
        except Exception as err:  # noqa: BLE001  # whatever a task makes of its own outcome
            self._fail(task, err)
        else:
            self._course.end(task, place)
            self.discard(task)

    def _fail(self, task: Task, err: Exception) -> None:
        self._course.fail(task, "its outcome cannot be read", err)
        self.discard(task)


def _wanted_now(task: Task) -> FetchRequest | None:
    """The outputs of a task that runs; what its own code makes of that is told when it is over."""
    try:
        return jobs.fetch_request(task, task.execution.details.token, overwrite=True)
    except Exception as err:  # noqa: BLE001  # whatever the task's own code raises
        logger.debug("%s: outputs are not copied while it runs: %s", task, err)
        return None


def _note_outputs(task: Task, request: FetchRequest, fetched: Fetched) -> str | None:
    """Note on a task what came of fetching its outputs; the directory where they are."""
    run = task.execution
    if fetched.error is not None:
        _note_error(task, f"outputs could not be fetched: {fetched.error}")
        return None
    assert request.destination is not None
    task._note_outputs(request.destination)
    run.details.missing = list(fetched.missing)
    if fetched.missing:
        run.history.append(f"promised and not there: {', '.join(fetched.missing)}")
    return request.destination if os.path.isdir(request.destination) else None  # noqa: PTH112


def _note_error(task: Task, reason: str) -> None:
    """Outputs could not be fetched: a failure, unless the task itself says that it is none."""
    run = task.execution
    run.history.append(reason)
    answer: object = None
    if isinstance(task, Job):
        answer = task.fetch_output_error(DataStagingError(reason))
    if isinstance(answer, Exception) and run.returncode == 0:
        run.details.reason = reason
        run.returncode = (Signals.DataStagingFailure, os.EX_IOERR)
