"""Ending tasks, with or without the engine that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gc3libs._clock import SYSTEM
from gc3libs.backends.base import Backend, JobState, Report
from gc3libs.cmdline import _amend as amend
from gc3libs.cmdline._desk import Desk, Outcome
from gc3libs.cmdline._opening import backend_of
from gc3libs.cmdline._requests import Request
from gc3libs.exceptions import LoadError, ResourceGone
from gc3libs.model import decode_details
from gc3libs.persistence import Record, Summary

PATIENCE = 30.0
"""Seconds that jobs are given to end."""


def kill(desk: Desk, request: Request) -> Outcome:
    """End tasks, and what is in them: by the engine, or else the jobs themselves."""
    outcome = Outcome()

    def objection(summary: Summary) -> str:
        return "it is over" if summary.state == "TERMINATED" else ""

    records = desk.records(desk.descendants(request.ids), outcome, objection)
    mine = _in_the_engine(desk, records, outcome)
    records = [record for record in records if record.id in mine]
    rest = [record for record in records if mine[record.id] is None]
    for task in filter(None, mine.values()):
        assert desk.engine is not None
        desk.engine.kill(task)
    waiting = [record for record in rest if record.summary.state not in amend.IN_FLIGHT]
    leaves = [record for record in rest if record not in waiting and record.summary.leaf]
    above = [record for record in rest if record not in waiting and not record.summary.leaf]
    reports = _end_jobs(desk, leaves) if leaves else {}
    now = SYSTEM.now()
    ended = [record.id for record in (*(r for r in records if mine[r.id]), *leaves, *above)]
    desk.note("kill", waiting, ended=ended)
    desk.rewrite(
        [
            amend.cancelled(record, now, reports.get(token(record)))
            for record in (*waiting, *leaves, *above)
        ]
    )
    if leaves:
        _release(desk, [record for record in leaves if token(record) in reports])
    outcome.done = [record.id for record in records]
    return outcome


def _in_the_engine(desk: Desk, records: Sequence[Record], outcome: Outcome) -> dict[str, Any]:
    """The tasks that the engine takes care of, or has to, as it alone can reach their jobs.

    None stands for one that is for others to end. One that cannot be loaded is left out.
    """
    found = {}
    for record in records:
        task = desk.held_by_engine(record.id)
        if task is None and desk.engine is not None and record.summary.state in amend.IN_FLIGHT:
            try:
                task = desk.store.load(record.id)
            except LoadError as err:
                outcome.left[record.id] = str(err)
                continue
        found[record.id] = task
    return found


def _end_jobs(desk: Desk, records: Sequence[Record]) -> dict[str, Report]:
    """End what runs without an engine; what became of the jobs that were known."""
    known: dict[str, Report] = {}
    for resource, tokens in _by_resource(records).items():
        with suppress(ResourceGone), backend_of(desk.session, resource) as backend:
            known |= _end_jobs_at(backend, tokens)
    return known


def _end_jobs_at(backend: Backend, tokens: Sequence[str]) -> dict[str, Report]:
    known = dict(backend.adopt(tokens))
    going = {t for t, r in known.items() if r.state in (JobState.WAITING, JobState.RUNNING)}
    backend.cancel(going)
    deadline = SYSTEM.monotonic() + PATIENCE
    while going and SYSTEM.monotonic() < deadline:
        for report in backend.poll(going, 1.0):
            known[report.token] = report
            if report.state not in (JobState.WAITING, JobState.RUNNING):
                going.discard(report.token)
    return known


def _release(desk: Desk, records: Sequence[Record]) -> None:
    """The ends are saved: the backends may forget the jobs."""
    desk.store.flush()
    for resource, tokens in _by_resource(records).items():
        with backend_of(desk.session, resource) as backend:
            backend.adopt(tokens)
            backend.free(tokens, keep_directory=True)


def _by_resource(records: Sequence[Record]) -> dict[str, list[str]]:
    """The jobs of tasks, by the resource where they are."""
    found: dict[str, list[str]] = {}
    for record in records:
        details = decode_details(record.details)
        if details.token:
            found.setdefault(details.resource, []).append(details.token)
    return found


def token(record: Record) -> str:
    """What a task's job is called; empty if it has none."""
    return decode_details(record.details).token
