"""Tasks changed as plain data, without their classes: done again, ended, held, tagged."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gc3libs.backends.base import Report
from gc3libs.model import RunDetails, Signals, State, decode_details, encode_details
from gc3libs.model.termination import join
from gc3libs.persistence import Record

CANCELLED = "cancelled"

IN_FLIGHT = frozenset(state.value for state in State if state not in (State.NEW, State.TERMINATED))
"""States of tasks that a backend has, as far as is known."""


def retried(record: Record, now: float) -> Record:
    """A task that is over, to be done again; its return code stays until it ends anew."""
    summary = record.summary
    details = decode_details(record.details)
    if summary.attempt > len(details.attempts):
        details.archive(summary.attempt, summary.returncode)
    return _moved(record, details, State.NEW, "to be done again", now)


def resumed(record: Record, now: float) -> Record:
    """A collection that is over and has something to do again."""
    details = decode_details(record.details)
    return _moved(record, details, State.RUNNING, "goes on: something in it is done again", now)


def cancelled(record: Record, now: float, report: Report | None = None) -> Record:
    """A task that its user ended.

    Args:
        report: What its backend says of its job; None: it never had one.
    """
    details = decode_details(record.details)
    details.reason = CANCELLED
    if report is not None:
        details.started, details.ended = report.started, report.ended
        if report.started is not None and report.ended is not None:
            details.duration = max(0.0, report.ended - report.started)
        details.cpu_time, details.memory = report.cpu_time, report.max_memory
        details.memory_is_bound = report.memory_is_bound
    code = join(Signals.Cancelled, -1)
    record = replace(record, summary=replace(record.summary, returncode=code))
    return _moved(record, details, State.TERMINATED, CANCELLED, now)


def holding(record: Record, now: float, *, held: bool) -> Record:
    """A task that is not to be started until released, or is released."""
    details = decode_details(record.details)
    line = "held" if held else "released"
    details.history.append((now, line))
    summary = replace(record.summary, held=held, info=line)
    return replace(record, summary=summary, details=encode_details(details))


def tagged(record: Record, add: Iterable[str], remove: Iterable[str]) -> Record:
    """A task with more, or fewer, tags."""
    tags = dict.fromkeys((*record.summary.tags, *add))
    for tag in remove:
        tags.pop(tag, None)
    return replace(record, summary=replace(record.summary, tags=tuple(tags)))


def _moved(record: Record, details: RunDetails, state: State, line: str, now: float) -> Record:
    details.history.append((now, line))
    details.timestamps[state.value] = now
    summary = replace(
        record.summary,
        state=state.value,
        info=line,
        changed=now,
        started=details.started,
        ended=details.ended,
        cpu_time=details.cpu_time,
        memory=details.memory,
    )
    return replace(record, summary=summary, details=encode_details(details))
