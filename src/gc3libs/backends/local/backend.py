"""Jobs on this machine, in the hands of a supervisor that outlives the engine."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from gc3libs._clock import SYSTEM, Clock
from gc3libs.backends import _staging as staging
from gc3libs.backends._fetching import Fetcher
from gc3libs.backends._snapshot import snapshot as copy_outputs
from gc3libs.backends.base import (
    Backend,
    Capacity,
    Fetched,
    FetchRequest,
    JobRefused,
    JobSpec,
    Report,
)
from gc3libs.backends.local import machine, orders
from gc3libs.backends.local.directory import Directory, TemporaryDirectory
from gc3libs.backends.local.link import DIRECTORY, STATE, STREAMS, Link, Row
from gc3libs.backends.local.peeking import read_part, stream_file
from gc3libs.backends.local.supervisor import capture, records, scratch
from gc3libs.exceptions import InvalidOperation, InvalidValue, RecoverableError

logger = logging.getLogger(__name__)

_CYCLE = 0.1  # seconds of work that should wait at hand while the engine does other things
_WINDOW = 64
_AT_LEAST = 2


class LocalBackend(Backend):
    """Runs jobs on this machine.

    The jobs belong to a process of their own, the supervisor of `workdir`, which is started when it
    is first needed, goes on without the engine until what runs has ended, and is found again by the
    next backend of that directory. One backend at a time can use a directory. Not for use by
    several threads at once.

    Args:
        workdir: Holds the journal, the jobs' directories and their logs; made when needed.
        cores: Slots for jobs; None: the processors that this process may use.
        memory: Bytes of memory for jobs; None: the machine's.
        grace: Seconds from SIGTERM to SIGKILL for jobs that are to end.
        boot_id: Names the time since the machine's start; None: as the kernel says.
        clock: Measures time-outs.
        temporary: The directory, which must not be there yet, is removed once neither this backend
            nor any job uses it, even if this process is killed.
    """

    name = "local"

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        *,
        cores: int | None = None,
        memory: int | None = None,
        grace: float = 5.0,
        boot_id: str | None = None,
        clock: Clock = SYSTEM,
        temporary: bool = False,
    ) -> None:
        self._workdir = Path(workdir).absolute()
        kind = TemporaryDirectory if temporary else Directory
        self._capacity = Capacity(
            cores=machine.cores() if cores is None else cores,
            memory=machine.memory() if memory is None else memory,
            window=_WINDOW,
        )
        if self._capacity.cores < 1 or self._capacity.memory < 1 or grace < 0:
            raise InvalidValue(
                "a local backend needs positive cores and memory, and no negative grace"
            )
        self._clock = clock
        self._fetcher = Fetcher(self._workdir)
        offer = (self._capacity.cores, self._capacity.memory, grace)
        self._link = Link(kind(self._workdir), boot_id or machine.boot_id(), offer)

    @property
    def capacity(self) -> Capacity:
        """The cores and memory given to jobs; the window is wide while jobs are short."""
        cores = self._capacity.cores
        mean = self._link.mean
        ahead = math.ceil(cores * _CYCLE / mean) if mean else 0
        most = max(_WINDOW - cores, cores)
        return Capacity(
            cores=cores,
            memory=self._capacity.memory,
            window=cores + min(most, max(_AT_LEAST, ahead)),
        )

    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        """Stage the inputs of `jobs` and hand them over, in order; a refusal stands in its place.

        A job that was handed over before is not handed over again; `poll` reports it once more.

        Raises:
            RecoverableError: Another engine uses the directory, or the disk is full; nothing was
                handed over.
        """
        if not jobs:
            return []
        self._link.connected()
        answers: list[JobRefused | None] = []
        accepted: list[Row] = []
        try:
            for job in jobs:
                answers.append(self._prepare(job, accepted))
            refused = self._link.hand_over(accepted)
        except RecoverableError:
            self._unstage(accepted)
            raise
        return [
            JobRefused(job.token, refused[job.token]) if job.token in refused else answer
            for job, answer in zip(jobs, answers, strict=True)
        ]

    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        """What changed, of these jobs, since the last call; waits up to `timeout` seconds for it.

        Raises:
            RecoverableError: Another engine uses the directory.
        """
        if not isinstance(tokens, (Set, Mapping)):
            tokens = frozenset(tokens)
        if not self._link.find():
            self._clock.sleep(timeout)
            return []
        deadline = self._clock.monotonic() + timeout
        wait = 0.0
        while True:
            self._link.listen(wait)
            news = self._link.news
            changed = [token for token in news if token in tokens]
            if changed:
                return [self._link.report(news.pop(token)) for token in changed]
            wait = deadline - self._clock.monotonic()
            if wait <= 0:
                return []

    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        """What is known of jobs that another process handed over; one that never arrived is absent.

        Raises:
            RecoverableError: Another engine uses the directory.
        """
        if not self._link.find():
            return {}
        self._link.listen(0.0)
        rows, news = self._link.rows, self._link.news
        known = {token: self._link.report(rows[token]) for token in tokens if token in rows}
        for token in known:
            news.pop(token, None)
        return known

    def tokens(self) -> set[str]:
        """All tokens of which the backend still holds evidence."""
        if not self._link.find():
            return set()
        self._link.listen(0.0)
        return set(self._link.rows)

    def cancel(self, tokens: Collection[str]) -> None:
        """End these jobs, whole process groups; those not started never start.

        `poll` reports what came of it.
        """
        if self._link.find():
            self._link.say("cancel", list(tokens))

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring outputs to where they are wanted; cut off at any point, the same call goes on."""
        return [
            self._fetcher.fetch(request, left_files=self._left_files(request.token))
            for request in requests
        ]

    def snapshot(self, requests: Sequence[FetchRequest], *, changed_only: bool = True) -> None:
        """Copy what running jobs have written so far; what cannot be copied comes at the end."""
        for request in requests:
            row = self._link.rows.get(request.token)
            if row is not None and row[DIRECTORY]:
                try:
                    copy_outputs(request, self._workdir / row[DIRECTORY], changed_only=changed_only)
                except OSError as err:
                    logger.info("outputs of %s, which runs, have to wait: %s", request.token, err)

    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        """A part of `"stdout"`, `"stderr"` or a file of the job's directory, also while it runs.

        A negative offset counts from the end. Nothing written yet is empty bytes, and so is what
        does not lie in the job's directory.
        """
        for _ in range(2):  # a job that ends meanwhile has its directory moved
            row = self._row(token)
            directory = f"jobs/{token}" if row is None else row[DIRECTORY]
            streams = "> >" if row is None else row[STREAMS]
            path = stream_file(self._workdir, token, directory, streams, what)
            part = None if path is None else read_part(path, offset, size)
            if part is not None:
                return part
        return b""

    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        """Forget these ended jobs: their evidence and, unless kept, their directories and logs."""
        tokens = list(tokens)
        known = self._link.find()
        for token in tokens:
            if not self._link.is_over(token):
                raise InvalidOperation(f"job {token} has not ended; cancel it first")
        self._fetcher.free(tokens)
        if not keep_directory:
            for token in tokens:
                self._remove_files(token)
        if known:
            self._link.say("free", tokens)
            self._link.forget(tokens)

    def close(self) -> None:
        """Let go of the backend; what runs goes on, what waits is returned."""
        self._link.close()

    def describe(self) -> Mapping[str, Any]:
        """The work directory and, while there is one, the supervisor's process ID."""
        return {"workdir": str(self._workdir), "supervisor": self._link.pid}

    def _prepare(self, job: JobSpec, accepted: list[Row]) -> JobRefused | None:
        """Add the job's order, with its files in place, unless it is refused or known already."""
        if self._link.was_taken(job.token):
            self._link.news[job.token] = self._link.rows[job.token]
            return None
        try:
            orders.check(job, self._capacity)
            directory = None
            if job.inputs or job.files or job.stdin is not None:
                directory = f"{scratch.JOBS}/{job.token}"
                self._stage(job, self._workdir / directory)
        except JobRefused as refusal:
            return refusal
        accepted.append(orders.order(job, directory))
        return None

    def _stage(self, job: JobSpec, directory: Path) -> None:
        try:
            staging.stage(job, directory)
        except FileExistsError:  # of an attempt to submit it that was cut off
            staging.remove(directory)
            staging.stage(job, directory)

    def _unstage(self, accepted: list[Row]) -> None:
        for token, _, _, directory, *_ in accepted:
            if directory is not None and not self._link.was_taken(token):
                staging.remove(self._workdir / directory)

    def _row(self, token: str) -> Row | None:
        """The latest that is known of a job."""
        if self._link.find():
            self._link.listen(0.0)
        return self._link.rows.get(token)

    def _left_files(self, token: str) -> bool:
        row = self._link.rows.get(token) or self._row(token)
        return row is not None and bool(row[DIRECTORY])

    def _remove_files(self, token: str) -> None:
        row = self._link.rows.get(token)
        if row is None or row[DIRECTORY] or row[STATE] != records.ENDED:
            staging.remove(self._workdir / scratch.JOBS / token)
        if row is None or ">" in row[STREAMS]:
            for suffix in ("out", "err"):
                (self._workdir / capture.DIRECTORY / f"{token}.{suffix}").unlink(missing_ok=True)
