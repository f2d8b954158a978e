"""Chunks of jobs on their way through an agent: each is a lane in which one job runs at a time."""

from __future__ import annotations

import base64
import heapq
import json
import os
from collections import deque

from gc3libs.backends.dask import layout
from gc3libs.backends.dask.agent.crew import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gc3libs.backends.local.supervisor.records import Record


class Lane:
    """The jobs of one chunk, and what there is to say of them.

    Attributes:
        number: Names it between worker and agent; they rise.
        waiting: Jobs that were not started.
        taken: The first of these is claimed.
        left: How many are not over.
        lines: News that the worker has not got yet.
    """

    def __init__(self, number: int, batch: str, chunk: int, rows: list[tuple[Any, ...]]) -> None:
        self.number = number
        self._batch = batch
        self._chunk = chunk
        self.waiting = deque(Work(self, row) for row in rows)
        self.taken = False
        self.left = len(self.waiting)
        self.lines: list[bytes] = []
        self._unwritten = b""
        self._file = -1

    def open(self, agent: str, head: dict[str, Any]) -> bool:
        """Begin the record of this chunk, and see that it survives; false if that cannot be."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._file = os.open(layout.news(self._batch, self._chunk, agent), flags, 0o666)
            os.write(self._file, json.dumps(head).encode() + b"\n")
            os.fsync(self._file)
            directory = os.open(layout.batch(self._batch), os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # nobody wants it any more, or the disk is full
            return False
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return True

    def claim(self, agent: str) -> bool:
        """Take the first job that waits for this agent, unless somebody else has it."""
        if not self.taken:
            path = layout.claim(self._batch, self.waiting[0].index)
            self.taken = layout.take(path, agent)
        return self.taken

    def take(self) -> Work:
        """The first job that waits leaves the queue."""
        self.taken = False
        return self.waiting.popleft()

    def tell(self, job: Work, outcome: bytes | None = None) -> None:
        """Write down how a job is; raises nothing: what a full disk refuses is written later."""
        line = _line(job.index, job.record, outcome)
        self.lines.append(line)
        self._unwritten += line
        self.write()

    def write(self) -> bool:
        """Write what could not be written before; whether all is written."""
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._file, self._unwritten) :]
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class Queue:
    """Lanes that have a job to start, those that came first in front."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Lane]] = []

    def put(self, lane: Lane) -> None:
        heapq.heappush(self._heap, (lane.number, lane))

    @property
    def first(self) -> Lane | None:
        """The lane whose turn it is."""
        return self._heap[0][1] if self._heap else None

    def pop(self) -> None:
        """The first one has had its turn."""
        heapq.heappop(self._heap)


def _line(index: int, record: Record, outcome: bytes | None) -> bytes:
    packed = None if outcome is None else base64.b64encode(outcome).decode()
    return json.dumps([index, *record.report(), packed]).encode() + b"\n"
