"""Which job starts next: in the order in which they came, announced on the disk beforehand."""

from __future__ import annotations

import math
import time
from collections import deque

from .job import Job
from .journal import Journal
from .launch import TryLater
from .records import ARMED

_AHEAD = 0.01  # seconds of work that are announced with one synchronisation
_AHEAD_MOST = 32  # jobs


class Room:
    """Cores and memory for jobs, and how much of them is in use."""

    def __init__(self) -> None:
        self.cores = self.memory = 0
        self._used_cores = self._used_memory = 0

    def has(self, job: Job) -> bool:
        enough_cores = self._used_cores + job.cores <= self.cores
        return bool(enough_cores and self._used_memory + job.memory <= self.memory)

    def take(self, job: Job) -> None:
        self._used_cores += job.cores
        self._used_memory += job.memory

    def give_back(self, job: Job) -> None:
        self._used_cores -= job.cores
        self._used_memory -= job.memory

    def fitting(self, job: Job) -> int:
        """How many jobs like this one can start now, as far as cores go."""
        return int((self.cores - self._used_cores) // max(1, job.cores))


class Queue:
    """Jobs that wait, and of these the ones whose start is announced.

    Announcing is one synchronised write for as many jobs as will start soon: few when jobs are
    long, since after a power failure whatever was announced counts as lost.
    """

    def __init__(self, journal: Journal, room: Room) -> None:
        self._journal = journal
        self._room = room
        self._waiting: deque[Job] = deque()
        self._armed: deque[Job] = deque()
        self._mean = math.inf  # seconds that a job lately took
        self._sync_cost = 0.001

    def __len__(self) -> int:
        return len(self._waiting) + len(self._armed)

    def put(self, job: Job) -> None:
        self._waiting.append(job)

    def remove(self, job: Job) -> None:
        (self._armed if job.record.state == ARMED else self._waiting).remove(job)

    def clear(self) -> list[Job]:
        """Take all jobs out."""
        jobs = [*self._armed, *self._waiting]
        self._armed.clear()
        self._waiting.clear()
        return jobs

    def took(self, seconds: float) -> None:
        """A job has ended that took so long."""
        if self._mean == math.inf:
            self._mean = seconds
        self._mean += (seconds - self._mean) / 8

    def next(self) -> Job | None:
        """Take out the next job if there is room for it; its start is announced.

        Raises:
            TryLater: The disk takes no announcement at the moment.
        """
        if not self._armed:
            if not self._waiting or not self._room.has(self._waiting[0]):
                return None
            self._announce()
        return self._armed.popleft() if self._room.has(self._armed[0]) else None

    def look_ahead(self) -> None:
        """Announce more jobs if they are short, so that the disk works while the processors do.

        Raises:
            TryLater: The disk takes no announcement at the moment.
        """
        if self._waiting and len(self._armed) < 2 and self._mean < _AHEAD:
            self._announce()

    def put_back(self, job: Job) -> None:
        """A job that could not start at the moment is the next one again."""
        self._journal.append(f"S {job.token}\n")
        job.record.state = ARMED
        self._armed.appendleft(job)

    def _announce(self) -> None:
        seconds = max(_AHEAD, 10 * self._sync_cost)
        ahead = int(self._room.cores * seconds / max(self._mean, 1e-4))
        count = max(1, self._room.fitting(self._waiting[0]), min(_AHEAD_MOST, ahead))
        batch = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        before = time.monotonic()
        written = self._journal.append("".join([f"S {job.token}\n" for job in batch]))
        if not (written and self._journal.sync()):
            self._waiting.extendleft(reversed(batch))
            raise TryLater
        self._sync_cost = time.monotonic() - before
        for job in batch:
            job.record.state = ARMED
        self._armed.extend(batch)
