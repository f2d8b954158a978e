"""Jobs that backends know of, and the store does not, or not any more."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gc3libs.backends.base import Backend, JobState
from gc3libs.engine import jobs
from gc3libs.exceptions import InvalidValue, LoadError, ObjectNotFound
from gc3libs.model import State, Task
from gc3libs.persistence.record import split_id
from gc3libs.persistence.store import Store

logger = logging.getLogger(__name__)

_GOING = frozenset((JobState.WAITING, JobState.RUNNING))


class Findings(NamedTuple):
    """What is to be done about jobs at a backend.

    Attributes:
        to_follow: Jobs, by token, whose tasks in the store do not know of them: a power failure
            took the last that was saved.
        to_end: Tokens of jobs that go on, and nobody wants.
        to_free: Tokens of jobs that are over and were dealt with, and their tasks, if any.
    """

    to_follow: dict[str, Task]
    to_end: list[str]
    to_free: dict[str, Task | None]


def examine(backend: Backend, store: Store | None) -> Findings:
    """Find out about the jobs of a backend.

    A job whose task cannot be read, or is not in the store and still runs, is left alone.
    """
    findings = Findings({}, [], {})
    strangers: dict[str, list[tuple[int, str]]] = {}
    for token in backend.tokens():
        id_, attempt = jobs.split_token(token)
        strangers.setdefault(id_, []).append((attempt, token))
    tasks, errors = _load(store, strangers)
    unwanted: dict[str, Task | None] = {}
    for id_, attempts in strangers.items():
        if id_ in errors:
            logger.warning("its jobs are left alone: %s", errors[id_])
            continue
        task = tasks.get(id_)
        wanted = None if task is None else _wanted(task, max(attempts))
        if task is not None and wanted is not None and wanted != task.execution.details.token:
            findings.to_follow[wanted] = task
        unwanted.update((token, task) for _, token in attempts if token != wanted)
    reports = backend.adopt(unwanted)
    for token, task in unwanted.items():
        if token in reports and reports[token].state not in _GOING:
            findings.to_free[token] = task
        elif token in reports and (task is not None or store is None):
            findings.to_end.append(token)
    return findings


def _load(
    store: Store | None, ids: Collection[str]
) -> tuple[Mapping[str, Task], Mapping[str, LoadError]]:
    """The tasks, and why some of them, that are there, cannot be had."""
    known = [id_ for id_ in ids if _is_id(id_)]
    if store is None or not known:
        return {}, {}
    errors: dict[str, Any] = {}
    found = store.load_many(known, errors)
    return found, {id_: e for id_, e in errors.items() if not isinstance(e, ObjectNotFound)}


def _is_id(text: str) -> bool:
    try:
        split_id(text)
    except InvalidValue:
        return False
    return True


def _wanted(task: Task, newest: tuple[int, str]) -> str | None:
    """Token of the job that a task is waiting for; None if it waits for none."""
    attempt, token = newest
    run = task.execution
    if attempt > run.attempt:
        return token
    return None if run.state in (State.NEW, State.TERMINATED) else run.details.token
