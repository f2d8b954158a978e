"""Jobs on a cluster of Dask's: one that is there, or one of the session's own."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from gc3libs._clock import SYSTEM, Clock
from gc3libs.backends import _staging as staging
from gc3libs.backends._fetching import Fetcher
from gc3libs.backends.base import (
    Backend,
    Capacity,
    Fetched,
    FetchRequest,
    JobRefused,
    JobSpec,
    JobState,
    Report,
)
from gc3libs.backends.dask import layout, packing
from gc3libs.backends.dask.batches import Job
from gc3libs.backends.dask.desk import Desk
from gc3libs.backends.dask.packing import Packed
from gc3libs.backends.local import machine
from gc3libs.backends.local.peeking import read_part, stream_file
from gc3libs.backends.local.supervisor.capture import DIRECTORY as LOGS
from gc3libs.config import DaskResource
from gc3libs.exceptions import InvalidOperation, RecoverableError

_CHUNK = 0.25  # seconds of work that one chunk should be
_MOST_IN_CHUNK = 64
_OVERHEAD = 0.002  # seconds that a job takes besides its own
_AHEAD = 3  # chunks a slot that should be at hand
_AT_LEAST = 2


class DaskBackend(Backend):
    """Runs jobs on the workers of a Dask cluster.

    Each job, calls of functions included, is a process of its own, which a worker's agent starts
    and watches: it may print, exit and crash, and has a directory of its own. The work directory
    must lie, under the same path, on a file system that all workers share; gc3libs must be
    installed where they run.

    A job that has started is never started again, whatever happens to workers, scheduler and
    engine. One whose worker dies is lost; one that had not started is handed over again.

    One backend at a time can use a directory. Not for use by several threads at once.

    Args:
        name: What it is called in messages.
        settings: The cluster.
        workdir: Holds what was handed over and what came of it; made when needed.
        grace: Seconds from SIGTERM to SIGKILL for jobs that are to end.
        boot_id: Names the time since the machine's start; None: as the kernel says.
        clock: Measures time-outs.

    Raises:
        ConfigurationError: `distributed` is not installed, or a setting is missing.
    """

    def __init__(
        self,
        name: str,
        settings: DaskResource,
        workdir: str | os.PathLike[str],
        *,
        grace: float = 5.0,
        boot_id: str | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self._workdir = Path(workdir).absolute()
        self._clock = clock
        self._fetcher = Fetcher(self._workdir)
        boot = boot_id or machine.boot_id()
        self._desk = Desk(name, settings, self._workdir, grace=grace, boot=boot, clock=clock)

    @property
    def capacity(self) -> Capacity:
        """The slots and memory of the workers that are there.

        The window is wide while jobs are short. It is 0 as long as half of that is at hand: jobs go
        to Dask in large batches.
        """
        staff = self._desk.staff
        slots = staff.slots
        full = slots + _AHEAD * self._in_chunk() * slots
        return Capacity(
            cores=slots,
            memory=staff.largest.memory or machine.memory(),
            window=max(_AT_LEAST, full) if self._desk.waiting <= full // 2 else 0,
        )

    def _in_chunk(self) -> int:
        """How many jobs should be in a chunk."""
        mean = self._desk.mean
        return min(_MOST_IN_CHUNK, math.ceil(_CHUNK / (mean + _OVERHEAD))) if mean else 1

    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        """Stage the inputs of `jobs` and hand them over, in order; a refusal stands in its place.

        A job that was handed over before is not handed over again; `poll` reports it once more.

        Raises:
            RecoverableError: The scheduler does not answer, a worker cannot run jobs of this
                engine, or the disk is full; nothing was handed over.
            DirectoryInUse: Another engine uses the directory.
        """
        if not jobs:
            return []
        self._desk.be_ready()
        answers: list[JobRefused | None] = []
        packed: list[Packed] = []
        try:
            for job in jobs:
                answers.append(self._prepare(job, packed))
            if packed:
                chunks = packing.in_chunks(packed, self._desk.staff.slots, self._in_chunk())
                self._desk.hand_over(packed, chunks)
        except RecoverableError:
            left = [each for each in packed if not self._desk.was_taken(each.token)]
            packing.unpack(left, self._workdir)
            raise
        return answers

    def _prepare(self, job: JobSpec, packed: list[Packed]) -> JobRefused | None:
        if self._desk.was_taken(job.token):
            self._desk.say_again(job.token)
            return None
        try:
            packing.check(job, self._desk.staff.largest, self.name)
            packed.append(packing.pack(job, self._workdir))
        except JobRefused as refusal:
            return refusal
        return None

    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        """What changed, of these jobs, since the last call; waits up to `timeout` seconds for it.

        Raises:
            RecoverableError: The scheduler does not answer.
            DirectoryInUse: Another engine uses the directory.
        """
        deadline = self._clock.monotonic() + timeout
        wanted = frozenset(tokens)
        while True:
            self._desk.keep_up()
            changed = self._desk.take_news(wanted)
            left = deadline - self._clock.monotonic()
            if changed or left <= 0:
                return [job.report for job in changed]
            self._desk.wait(left)

    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        """What is known of jobs that another process handed over; one that never arrived is absent.

        Raises:
            DirectoryInUse: Another engine uses the directory.
        """
        return {job.report.token: job.report for job in self._desk.adopt(tokens)}

    def tokens(self) -> set[str]:
        """All tokens of which the backend still holds evidence."""
        return set(self._desk.jobs)

    def cancel(self, tokens: Collection[str]) -> None:
        """End these jobs, whole process groups; those not started never start.

        `poll` reports what came of it.

        Raises:
            RecoverableError: The scheduler does not answer.
        """
        jobs = self._desk.jobs
        self._desk.cancel([jobs[token] for token in tokens if token in jobs])

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring outputs to where they are wanted; cut off at any point, the same call goes on."""
        jobs = self._desk.jobs
        return [
            self._fetcher.fetch(
                request,
                left_files=request.token in jobs and bool(jobs[request.token].directory),
            )
            for request in requests
        ]

    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        """A part of `"stdout"`, `"stderr"` or a file of the job's directory, also while it runs.

        A negative offset counts from the end. Nothing written yet is empty bytes, and so is what
        does not lie in the job's directory.
        """
        for _ in range(2):  # a job that ends meanwhile has its directory moved
            job = self._desk.jobs.get(token)
            if job is not None and job.outcome is not None and what == job.outcome_name:
                return _part(job.outcome, offset, size)
            directory = f"{layout.JOBS}/{token}" if job is None else job.directory
            streams = "> >" if job is None else job.streams
            path = stream_file(self._workdir, token, directory, streams, what)
            part = None if path is None else read_part(path, offset, size)
            if part is not None:
                return part
        return b""

    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        """Forget these ended jobs: their evidence and, unless kept, their directories and logs."""
        jobs = self._desk.jobs
        known = [jobs[token] for token in tokens if token in jobs]
        for job in known:
            if not job.is_over:
                raise InvalidOperation(f"job {job.report.token} has not ended; cancel it first")
        self._fetcher.free(tokens)
        for job in known if not keep_directory else ():
            self._remove_files(job)
        self._desk.free(tokens)

    def _remove_files(self, job: Job) -> None:
        token = job.report.token
        if job.directory:
            staging.remove(self._workdir / job.directory)
        if job.report.state is not JobState.ENDED:
            staging.remove(self._workdir / layout.JOBS / token)
        if ">" in job.streams:
            for suffix in ("out", "err"):
                (self._workdir / LOGS / f"{token}.{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the backend; what runs goes on, what waits is returned."""
        self._desk.close()

    def describe(self) -> Mapping[str, Any]:
        """The version of Dask, the scheduler's address, and the number of workers.

        Raises:
            RecoverableError: The scheduler does not answer.
        """
        return self._desk.describe()


def _part(content: bytes, offset: int, size: int | None) -> bytes:
    start = offset if offset >= 0 else max(0, len(content) + offset)
    return content[start : None if size is None else start + size]
