"""Ending tasks, with or without the engine that runs them."""

from __future__ import annotations

from collections.abc import Sequence

from gc3libs._clock import SYSTEM
from gc3libs.backends.base import JobState, Report
from gc3libs.backends.local import LocalBackend
from gc3libs.cmdline import _amend as amend
from gc3libs.cmdline._desk import Desk, Outcome
from gc3libs.cmdline._requests import Request
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
    mine = {record.id: desk.held_by_engine(record.id) for record in records}
    rest = [record for record in records if mine[record.id] is None]
    for task in filter(None, mine.values()):
        assert desk.engine is not None
        desk.engine.kill(task)
    waiting = [record for record in rest if record.summary.state not in amend.IN_FLIGHT]
    leaves = [record for record in rest if record not in waiting and record.summary.leaf]
    above = [record for record in rest if record not in waiting and not record.summary.leaf]
    reports = _end_jobs(desk, leaves) if leaves else {}
    now = SYSTEM.now()
    if waiting:
        desk.note("kill", waiting)
    desk.rewrite(
        [
            amend.cancelled(record, now, reports.get(token(record)))
            for record in (*waiting, *leaves, *above)
        ]
    )
    if leaves:
        _release(desk, list(reports))
    outcome.done = [record.id for record in records]
    return outcome


def _end_jobs(desk: Desk, records: Sequence[Record]) -> dict[str, Report]:
    """End what runs without an engine; what became of the jobs that were known."""
    tokens = {token(record) for record in records} - {""}
    backend = LocalBackend(desk.session.run_directory)
    try:
        known = dict(backend.adopt(tokens))
        going = {t for t, r in known.items() if r.state in (JobState.WAITING, JobState.RUNNING)}
        backend.cancel(going)
        deadline = SYSTEM.monotonic() + PATIENCE
        while going and SYSTEM.monotonic() < deadline:
            for report in backend.poll(going, 1.0):
                known[report.token] = report
                if report.state not in (JobState.WAITING, JobState.RUNNING):
                    going.discard(report.token)
    finally:
        backend.close()
    return known


def _release(desk: Desk, tokens: Sequence[str]) -> None:
    """The ends are saved: the backend may forget the jobs."""
    desk.store.flush()
    backend = LocalBackend(desk.session.run_directory)
    try:
        backend.adopt(tokens)
        backend.free(tokens, keep_directory=True)
    finally:
        backend.close()


def token(record: Record) -> str:
    """What a task's job is called; empty if it has none."""
    return decode_details(record.details).token
