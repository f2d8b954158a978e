"""Keeping running jobs within their time and memory."""

from __future__ import annotations

import math
import signal
import time

from .job import Job
from .processes import kill_group, resident_sizes
from .timers import Timers
from .words import duration, memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLING = 0.25  # seconds between looks at the memory of jobs that have a limit
_SAMPLING_SHARE = 20  # these looks take at most 1/20 of the time


class Limits:
    """Ends running jobs that exceed what they were granted."""

    def __init__(
        self, running: dict[int, Job], timers: Timers, end: Callable[[Job, str], None]
    ) -> None:
        self._running = running
        self._timers = timers
        self._end = end
        self._next_deadline = math.inf
        self._sampling = False

    def watch(self, job: Job) -> None:
        """The job has just started."""
        if job.walltime is not None:
            job.deadline = job.monotonic + job.walltime
            self._wake_at(job.deadline)
        if job.memory_limit is not None and not self._sampling:
            self._sampling = True
            self._timers.after(_SAMPLING, self._sample)

    def _wake_at(self, deadline: float) -> None:
        if deadline < self._next_deadline:
            self._next_deadline = deadline
            self._timers.after(deadline - time.monotonic(), self._check_deadlines)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        if now < self._next_deadline:
            return  # an earlier call has seen to it
        self._next_deadline = math.inf
        for job in list(self._running.values()):
            if job.walltime is None or job.ending:
                continue
            if job.deadline <= now:
                self._end(job, f"walltime of {duration(job.walltime)}")
            else:
                self._wake_at(job.deadline)

    def _sample(self) -> None:
        limits = {pid: job for pid, job in self._running.items() if job.memory_limit is not None}
        self._sampling = bool(limits)
        if not limits:
            return
        before = time.monotonic()
        for pid, size in resident_sizes(set(limits)).items():
            job = limits[pid]
            if size > job.memory_limit:
                if not job.ending:
                    job.record.reason = f"memory limit of {memory(job.memory_limit)}"
                job.ending = True
                kill_group(pid, signal.SIGKILL)
        cost = time.monotonic() - before
        self._timers.after(max(_SAMPLING, _SAMPLING_SHARE * cost), self._sample)
