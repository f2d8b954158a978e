"""What follows for jobs from what was written down, and from what a batch system says of them."""

from __future__ import annotations

import signal
from collections.abc import Callable

from gc3libs.backends.base import JobState, Report
from gc3libs.backends.batch.book import Batch
from gc3libs.backends.batch.scheduler import Entry, Standing
from gc3libs.backends.batch.script import End
from gc3libs.backends.local.supervisor.words import duration, memory

CANCELLED = "cancelled"

_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL)

MOST_TRIES = 3
"""How often a job may come back without having started, before it counts as lost."""


def needs_the_system(end: End) -> bool:
    """Whether the batch system has to say why a job was ended."""
    return end.why == "ended" or (not end.why and end.signal in _FROM_OUTSIDE)


def of_end(batch: Batch, end: End, entry: Entry | None, directory: str | None) -> Report:
    """What is reported of a job that has left a record of its end.

    Args:
        entry: What the batch system says of it, if that was asked, and known.
    """
    number = end.number
    account = entry if entry is not None and batch.plan.pack == 1 else None
    return Report(
        token=batch.token(number),
        state=JobState.ENDED,
        signal=end.signal,
        exitcode=end.exitcode,
        started=end.started,
        ended=end.ended,
        cpu_time=end.cpu_time,
        max_memory=None if account is None else account.max_memory,
        reason=_why(batch, end, entry),
        directory=directory,
    )


def _why(batch: Batch, end: End, entry: Entry | None) -> str:
    walltime = batch.plan.jobs[end.number].walltime
    if end.why == "walltime" and walltime is not None:
        return f"walltime of {duration(walltime)}"
    if end.number in batch.cancelled and (end.why or end.signal is not None):
        return CANCELLED
    said = "" if entry is None else _words(batch, end.number, entry)
    if end.why == "ended":
        return said or "ended by the batch system"
    return said if end.signal is not None else ""


def of_entry(
    batch: Batch, number: int, entry: Entry | None, started: float | None, now: float, title: str
) -> Report:
    """What is reported of a job that was started, is over, and has left no record of its end."""
    token = batch.token(number)
    if entry is None or entry.standing is Standing.FAILED:
        why = f"{title} knows no more of it" if entry is None else f"{title} says {entry.reason}"
        return _lost(token, f"it has left no exit status; {why}", started)
    if entry.standing is Standing.FINISHED and batch.plan.pack > 1:
        return _lost(token, "the script that ran it has ended, and left no exit status", started)
    exitcode, ended_by = entry.exitcode, entry.signal
    if entry.standing is not Standing.FINISHED:
        exitcode, ended_by = None, entry.signal or int(signal.SIGKILL)
    return Report(
        token=token,
        state=JobState.ENDED,
        signal=ended_by,
        exitcode=None if ended_by is not None else exitcode,
        started=started if started is not None else entry.started,
        ended=now,
        cpu_time=entry.cpu_time if batch.plan.pack == 1 else None,
        max_memory=entry.max_memory if batch.plan.pack == 1 else None,
        reason=_words(batch, number, entry),
    )


def started_twice(token: str, started: float | None, title: str) -> Report:
    """What is reported of a job whose second start has covered up how the first one ended."""
    return _lost(
        token, f"{title} has started it twice, and the first start left no status", started
    )


def _lost(token: str, reason: str, started: float | None) -> Report:
    return Report(token=token, state=JobState.LOST, started=started, reason=reason)


def of_absence(
    batch: Batch, number: int, entry: Entry | None, title: str, *, is_dropped: bool
) -> Report:
    """What is reported of a job that will never start, since its start marker was taken from it.

    Args:
        is_dropped: Somebody took it out of the queue.
    """
    token = batch.token(number)
    cancelled = is_dropped if entry is None else entry.standing is Standing.CANCELLED
    if number in batch.cancelled or cancelled:
        return Report(token=token, state=JobState.RETURNED, reason=CANCELLED)
    if entry is None:
        reason = f"{title} does not know it"
    else:
        how = "" if entry.exitcode is None else f", exit status {entry.exitcode}"
        reason = f"{title} says {entry.reason or entry.standing.value}{how}, before it was started"
    tries = batch.plan.jobs[number].tries + (batch.id is not None)
    if tries >= MOST_TRIES:
        return _lost(token, f"{reason}; it was submitted {tries} times", None)
    return Report(token=token, state=JobState.RETURNED, reason=reason)


def _words(batch: Batch, number: int, entry: Entry) -> str:
    """Why the batch system ended a job."""
    request = batch.plan.request
    most = request.memory_limit or request.memory
    walltime = batch.plan.jobs[number].walltime
    texts: dict[Standing, Callable[[], str]] = {
        Standing.CANCELLED: lambda: CANCELLED,
        Standing.TIMED_OUT: lambda: (
            "the batch system's limit of walltime"
            if walltime is None
            else f"walltime of {duration(walltime)}"
        ),
        Standing.OUT_OF_MEMORY: lambda: "memory" if most is None else f"memory of {memory(most)}",
        Standing.PREEMPTED: lambda: "preempted",
    }
    text = texts.get(entry.standing)
    return "" if text is None else text()
