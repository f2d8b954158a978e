"""Bringing home what jobs have left."""

from __future__ import annotations

import logging
import os

from gc3libs.backends.base import Backend, Fetched, FetchRequest
from gc3libs.engine import jobs
from gc3libs.engine.course import Course
from gc3libs.engine.fleet import Fleet
from gc3libs.exceptions import DataStagingError, RecoverableError
from gc3libs.model import Job, Signals, Task

logger = logging.getLogger(__name__)


class Harvest:
    """Tasks whose jobs have ended, and whose outputs are to be fetched."""

    def __init__(self, fleet: Fleet, course: Course) -> None:
        self._fleet = fleet
        self._course = course
        self._ended: dict[str, Task] = {}

    def __bool__(self) -> bool:
        return bool(self._ended)

    def add(self, task: Task) -> None:
        """Have a task's outputs fetched."""
        self._ended[task.execution.details.token] = task

    def discard(self, task: Task) -> None:
        """Leave a task's outputs where they are."""
        token = task.execution.details.token
        if self._ended.get(token) is task:
            del self._ended[token]

    def gather(self, *, overwrite: bool) -> RecoverableError | None:
        """End those tasks whose outputs can be fetched; the trouble of a backend, if it has any."""
        trouble = None
        for backend in self._fleet.backends:
            mine = {
                token: task
                for token, task in self._ended.items()
                if self._fleet.place_of(token) is backend
            }
            try:
                self._gather_from(backend, mine, overwrite=overwrite)
            except RecoverableError as err:
                trouble = err
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
        for token, request in requests.items():
            self._take_over(ended[token], backend, request, fetched.get(token))

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


def _note_outputs(task: Task, request: FetchRequest, fetched: Fetched) -> str | None:
    """Note on a task what came of fetching its outputs; the directory where they are."""
    run = task.execution
    if fetched.error is not None:
        _note_error(task, f"outputs could not be fetched: {fetched.error}")
        return None
    assert request.destination is not None
    run.details.output_path = request.destination
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
