"""Handing jobs over to Dask, and finding out what becomes of them."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gc3libs._clock import Clock
from gc3libs.backends.base import JobState
from gc3libs.backends.dask import agents, premises
from gc3libs.backends.dask.batches import Handed, Job
from gc3libs.backends.dask.book import Book
from gc3libs.backends.dask.packing import Packed
from gc3libs.backends.local import machine
from gc3libs.config import DaskResource
from gc3libs.exceptions import (
    ConfigurationError,
    InvalidOperation,
    RecoverableError,
)

try:
    from gc3libs.backends.dask import cluster
    from gc3libs.backends.dask.following import NOT_DONE, Following
    from gc3libs.backends.dask.link import Address, Link, Order
    from gc3libs.backends.dask.staff import Staff
    from gc3libs.backends.dask.worker import Chunk, Place
except ImportError as err:
    raise ConfigurationError(
        f"jobs on Dask need {err.name}: pip install 'gc3libs[dask]'", do_log=False
    ) from err

_LOOK = 0.25  # seconds between two looks at chunks
_LOOK_AROUND = 1.0  # seconds between two looks at jobs of which no chunk tells

_NO_ENGINE = "no engine was there to go on"
_CANCELLED = "cancelled"


class Desk:
    """Hands jobs over to Dask, and keeps an engine's book of them up to date.

    Args:
        name, settings, workdir, grace, clock: As `DaskBackend` takes them.
        boot: Names the time since the machine's start.
    """

    def __init__(
        self,
        name: str,
        settings: DaskResource,
        workdir: Path,
        *,
        grace: float,
        boot: str,
        clock: Clock,
    ) -> None:
        _check(name, settings)
        self._name = name
        self._settings = settings
        self._workdir = workdir
        self._grace = grace
        self._clock = clock
        self._book = Book(workdir, platform.node(), boot)
        self._lock = -1
        self._link: Link | None = None
        self._staff = Staff(settings, clock)
        self._following = Following(workdir, self._book, self._staff)
        self._looked_at = self._looked_around_at = float("-inf")
        self._closed = False

    # what is known

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every job of which there is evidence, by token."""
        self._open()
        self._hear()
        return self._book.jobs

    @property
    def waiting(self) -> int:
        """How many of the jobs wait that this engine wants."""
        return self._book.waiting

    @property
    def mean(self) -> float:
        """Seconds that a job lately took; 0: not known yet."""
        return self._book.mean

    def was_taken(self, token: str) -> bool:
        """Whether a job was handed over, and not returned."""
        job = self._book.jobs.get(token)
        return job is not None and job.report.state is not JobState.RETURNED

    def say_again(self, token: str) -> None:
        """Have a job be news."""
        job = self._book.news[token] = self._book.jobs[token]
        self._book.want(job)

    def adopt(self, tokens: Collection[str]) -> list[Job]:
        """Those of these jobs that are known; their news are not news any more."""
        jobs = [self.jobs[token] for token in tokens if token in self.jobs]
        for job in jobs:
            self._book.want(job)
            self._book.news.pop(job.report.token, None)
        return jobs

    def take_news(self, tokens: Collection[str]) -> list[Job]:
        """Those of these jobs that have changed since somebody asked."""
        news = self._book.news
        changed = [token for token in news if token in tokens]
        return [news.pop(token) for token in changed]

    # opening and closing

    def _open(self) -> Link:
        """Take the work directory, and learn what lies there, once.

        Raises:
            DirectoryInUse: Another engine uses it.
        """
        if self._closed:
            raise InvalidOperation(f"the backend {self._name} was closed; make a new one")
        if self._link is None:
            if self._lock < 0:
                self._lock = premises.take(self._workdir)
            self._book.load()
            agents.sweep(self._workdir, {job.agent for job in self._book.unfinished_jobs})
            place = Place(str(self._workdir), premises.identity(self._workdir), self._grace)
            self._link = Link(self._find, place)
        return self._link

    def _find(self) -> Address:
        if self._settings.address is not None:
            return Address(self._settings.address)
        wanted = cluster.order(self._settings, machine.cores())
        return cluster.find(self._workdir, wanted)

    def close(self) -> None:
        """Return what waits, and let go of everything; what runs goes on."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._link is not None:
                self._hear()
                for job in self._book.unfinished_jobs:
                    self._book.claim(job, _NO_ENGINE)
                self._tidy()
        finally:
            self._following.end()
            if self._link is not None:
                self._link.close()
            if self._lock >= 0:
                os.close(self._lock)

    def describe(self) -> dict[str, Any]:
        """Version, address and workers; a cluster of one's own is not started for the question.

        Raises:
            RecoverableError: The scheduler does not answer.
        """
        facts: dict[str, Any] = {"system": "Dask", "version": version("distributed")}
        if self._settings.address is None:
            return {**facts, "address": None, "workers": len(self._staff.workers.slots)}
        with contextlib.closing(Link(self._find, Place("", "", 0.0))) as link:
            link.connect()
            workers = link.workers().slots
        return {**facts, "address": self._settings.address, "workers": len(workers)}

    # keeping up

    def be_ready(self) -> None:
        """Have a connection to a scheduler whose workers can run this engine's jobs.

        Raises:
            RecoverableError: There is none.
        """
        self._connect()
        self._hear()
        self._following.look_at_chunks(self._open())
        trouble, self._following.trouble = self._following.trouble, ""
        if trouble:
            raise RecoverableError(trouble)

    def keep_up(self) -> None:
        """Take in what has happened.

        Raises:
            RecoverableError: The scheduler does not answer.
        """
        self._open()
        self._hear()
        now = self._clock.monotonic()
        if not self._book.unfinished or now - self._looked_at < _LOOK:
            return
        self._connect()
        self._hear()
        self._following.look_at_chunks(self._open())
        if now - self._looked_around_at >= _LOOK_AROUND:
            self._following.look_around()
            self._looked_around_at = now
        self._looked_at = now

    def wait(self, timeout: float) -> None:
        """Wait so many seconds, or until something is heard, or is to be looked at."""
        if self._book.unfinished:
            self._open().wait(min(timeout, _LOOK))
        else:
            self._clock.sleep(timeout)

    def _hear(self) -> None:
        heard = self._open_link().heard
        while heard:
            self._book.hear(*heard.popleft())

    def _connect(self) -> None:
        """Have a connection; with a new one, find out what the scheduler has."""
        link = self._open()
        if link.connect():
            self._staff.forget()
            self._following.begin(link)
            self._looked_around_at = float("-inf")

    # what the engine wants

    @property
    def staff(self) -> Staff:
        """The workers; a cluster of one's own is not started for the question."""
        link = self._open()
        if self._staff.is_to_be_asked and (link.is_up or self._settings.address is not None):
            try:
                self._connect()
            except RecoverableError:
                self._staff.give_up()
            else:
                self._staff.ask(link)
        return self._staff

    def hand_over(self, packed: Sequence[Packed], chunks: list[list[int]]) -> None:
        """Hand jobs over, in chunks.

        Raises:
            RecoverableError: The scheduler does not answer. Those that may have started stay, the
                others are returned.
        """
        name = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
        jobs = [(each.token, each.streams, each.outcome) for each in packed]
        batch = self._book.add(name, Handed(jobs, chunks))
        orders: list[Order] = []
        for number, indices in enumerate(chunks):
            rows = [(index, *packed[index].body) for index in indices]
            able = self._staff.able(packed[indices[0]].size)
            orders.append((Chunk(name, number, rows), able))
        try:
            futures = self._open().submit(name, orders)
        except RecoverableError:
            self._book.settle(batch, range(len(batch.jobs)), NOT_DONE)
            raise
        self._following.add(orders, futures)

    def cancel(self, jobs: Iterable[Job]) -> None:
        """End jobs; those that wait never start."""
        running = [
            job.report.token
            for job in jobs
            if not job.is_over and not self._book.claim(job, _CANCELLED)
        ]
        if running:
            self._connect()
            self._open().cancel(running)

    def free(self, tokens: Iterable[str]) -> None:
        """Forget jobs that are over."""
        self._book.free(tokens)
        self._tidy()

    def _tidy(self) -> None:
        """Remove batches of which nothing is left to know, here and from the scheduler."""
        over = list(self._book.over)
        for batch in over:
            self._book.remove(batch)
        link = self._open_link()
        if over and link.is_up:
            with contextlib.suppress(RecoverableError):  # it keeps a few words more until it ends
                link.forget([batch.name for batch in over])

    def _open_link(self) -> Link:
        assert self._link is not None
        return self._link


def _check(name: str, settings: DaskResource) -> None:
    if settings.address is None and settings.queue is not None and settings.memory is None:
        raise ConfigurationError(
            f"resources.{name}: say how much memory each worker's job gets: memory = '4 GB'"
        )
