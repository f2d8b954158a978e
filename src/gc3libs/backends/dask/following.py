"""Chunks that a scheduler has, and jobs of which none of them will tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gc3libs.backends.base import JobState
from gc3libs.backends.dask import agents
from gc3libs.backends.dask.batches import Job
from gc3libs.backends.dask.book import Book
from gc3libs.backends.dask.link import Link, Order
from gc3libs.backends.dask.staff import Staff
from gc3libs.exceptions import RecoverableError

if TYPE_CHECKING:
    from distributed import Future

_LONG = 1.0  # seconds after which a job is long enough to keep those behind it waiting

NOT_DONE = "Dask has not started it"
_BEHIND = "it waited behind a long job"
_NO_WORKER = "the workers that were large enough have left"

Key = tuple[str, int]
"""A batch's name, and the number of a chunk of it."""


class Following:
    """Every job that is not over is *followed*, or a stray.

    The scheduler has the chunk of one that is followed, and will say when that is over. What became
    of a stray is found out on the disk.

    Attributes:
        trouble: Why a worker could not run anything; `""`: none had trouble.
    """

    def __init__(self, workdir: Path, book: Book, staff: Staff) -> None:
        self._workdir = workdir
        self._book = book
        self._staff = staff
        self._chunks: dict[Key, Future[None]] = {}
        self._reserved: dict[Key, tuple[str, ...]] = {}
        self.trouble = ""

    def add(self, orders: Sequence[Order], futures: Sequence[Future[None]]) -> None:
        """Follow chunks that were handed over."""
        for (chunk, able), future in zip(orders, futures, strict=True):
            key = chunk.batch, chunk.number
            self._chunks[key] = future
            if able is not None:
                self._reserved[key] = able

    def begin(self, link: Link) -> None:
        """Follow the chunks that the scheduler at the end of a new connection has.

        Raises:
            RecoverableError: It does not answer.
        """
        self._chunks.clear()
        names = [batch.name for batch in self._book.open_batches]
        found = link.find(names) if names else {}
        for name, futures in found.items():
            self._chunks |= {(name, number): future for number, future in enumerate(futures)}

    def end(self) -> None:
        """Follow nothing."""
        self._chunks.clear()

    def look_at_chunks(self, link: Link) -> None:
        """Take note of chunks that are over, one way or another.

        Raises:
            RecoverableError: The scheduler does not answer, or the disk is full.
        """
        for key, future in list(self._chunks.items()):
            name, number = key
            batch = self._book.batches.get(name)
            if batch is None:
                del self._chunks[key]
            elif future.status != "pending":
                if future.status == "error":
                    self._note_trouble(link.error_of(future))
                del self._chunks[key]
                self._book.settle(batch, batch.chunks[number], NOT_DONE)

    def _note_trouble(self, error: BaseException | None) -> None:
        if not isinstance(error, RecoverableError):
            said = str(error).partition("\n")[0] or type(error).__name__
            self.trouble = f"Dask cannot run jobs: {said}"

    def look_around(self) -> None:
        """Find out about strays, and take back jobs that wait where they should not.

        Raises:
            RecoverableError: The disk is full.
        """
        for name, indices in self._strays().items():
            self._book.settle(self._book.batches[name], indices, NOT_DONE)
        self._relieve()

    def _strays(self) -> dict[str, list[int]]:
        """Jobs, by batch, whose chunks the scheduler does not have, or whose agents are dead."""
        dead = self._dead_agents()
        strays: dict[str, list[int]] = {}
        for batch in self._book.open_batches:
            for number, chunk in enumerate(batch.chunks):
                followed = (batch.name, number) in self._chunks
                strays.setdefault(batch.name, []).extend(
                    index for index in chunk if not followed or batch.jobs[index].agent in dead
                )
        return strays

    def _dead_agents(self) -> set[str]:
        running = {job.agent for job in self._book.unfinished_jobs if job.agent}
        return {agent for agent in running if agents.is_dead(self._workdir, agent)}

    def _relieve(self) -> None:
        """Take back what waits for workers that have left, or behind a long job needlessly."""
        for key in self._reserved.keys() - self._chunks.keys():
            del self._reserved[key]
        for key, able in self._reserved.items():
            if self._staff.have_left(able):
                self._take_back(key, _NO_WORKER)
        if len(self._chunks) < self._staff.slots:  # some worker has nothing to do
            now = time.time()
            for key in self._chunks:
                if any(_is_long(job, now) for job in self._jobs_of(key)):
                    self._take_back(key, _BEHIND)

    def _take_back(self, key: Key, reason: str) -> None:
        for job in self._jobs_of(key):
            self._book.claim(job, reason)

    def _jobs_of(self, key: Key) -> list[Job]:
        batch = self._book.batches.get(key[0])
        return [] if batch is None else [batch.jobs[index] for index in batch.chunks[key[1]]]


def _is_long(job: Job, now: float) -> bool:
    report = job.report
    return report.state is JobState.RUNNING and now - (report.started or now) > _LONG
