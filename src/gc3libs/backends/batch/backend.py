"""Jobs in the hands of a batch system."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from gc3libs._clock import SYSTEM, Clock
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
from gc3libs.backends.batch import place as places
from gc3libs.backends.batch.book import Batch, Book
from gc3libs.backends.batch.functions import for_resource
from gc3libs.backends.batch.kinds import scheduler_for, transport_for
from gc3libs.backends.batch.parts import Parts
from gc3libs.backends.batch.planning import Planner
from gc3libs.backends.batch.requests import check
from gc3libs.backends.batch.scheduler import Scheduler
from gc3libs.backends.transport.base import Transport
from gc3libs.config import BatchResource
from gc3libs.exceptions import InvalidOperation, RecoverableError

_LOOK_EVERY = 0.2
"""Seconds between two looks at files of this machine."""

_ASK_AGAIN = 2.0
"""The same where an answer is waited for."""

_WINDOW = 1000
_ENOUGH = 1 << 20
"""Cores, and GiB of memory, of a resource whose settings do not say how large it is."""


class BatchBackend(Backend):
    """Runs jobs through a batch system, here or on another machine.

    Jobs that ask for the same are submitted together, as an array where there are arrays. Each runs
    at most once, whatever the batch system does: its script takes a start marker, which only one
    can have. Not for use by several threads at once; one process at a time can use a directory.

    Args:
        name: Of the resource.
        settings: Of the resource.
        workdir: Holds what is known of jobs and, where the transport is local, their directories.
        scheduler: The batch system; None: as the settings say.
        transport: Leads to the machine where its commands run; the backend closes it. None: as the
            settings say.
        clock: Tells the time.
        settle: Seconds that a job has to be over, or unknown, for the batch system before anything
            is concluded from that.
    """

    def __init__(
        self,
        name: str,
        settings: BatchResource,
        workdir: str | os.PathLike[str],
        *,
        scheduler: Scheduler | None = None,
        transport: Transport | None = None,
        clock: Clock = SYSTEM,
        settle: float = 5.0,
    ) -> None:
        self.name = name
        self._settings = settings
        self._workdir = Path(workdir).absolute()
        self._scheduler = scheduler or scheduler_for(settings)
        self._transport = transport or transport_for(name, settings)
        self._clock = clock
        self._book = Book(self._workdir)
        self._planner = Planner(self._book, self._scheduler, settings)
        self._refused: dict[str, JobRefused] = {}
        self._news: dict[str, Report] = {}
        self._settle = settle
        self._looked = self._asked = -float("inf")
        self._parts: Parts | None = None
        asked_for = settings.poll_every
        self._ask_every = self._scheduler.ask_every if asked_for is None else asked_for.in_seconds()
        self._look_every = self._ask_every
        if self._transport.is_local:
            self._look_every = min(_LOOK_EVERY, self._ask_every)

    @property
    def capacity(self) -> Capacity:
        """What one job can have at most, and a window of one array."""
        limits = self._settings
        most = (limits.max_cores_per_job, limits.max_cores, self._scheduler.cores)
        cores = min(filter(None, most), default=_ENOUGH)
        per_core = limits.max_memory_per_core
        memory = _ENOUGH << 30 if per_core is None else cores * per_core.in_bytes()
        window = self._settings.max_jobs or min(_WINDOW, self._scheduler.array_size) * limits.pack
        if self._parts is not None and self._parts.sender.has_unsent:
            window = self._parts.sender.waiting
        return Capacity(cores=cores, memory=memory, window=window)

    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        """Stage the inputs of `jobs` and hand them over; a refusal stands in the job's place.

        A job that was handed over before is not handed over again; `poll` reports it once more.

        Raises:
            RecoverableError: The batch system, or its machine, does not answer, or another engine
                uses the directory. The call can be repeated.
        """
        if not jobs:
            return []
        parts = self._open()
        refused: dict[str, JobRefused] = {}
        fresh: list[JobSpec] = []
        for job in jobs:
            try:
                if not self._knows(job):
                    check(job, self._settings, self._scheduler)
                    python, here = self._settings.python, self._transport.is_local
                    fresh.append(for_resource(job, python, is_local=here))
            except JobRefused as refusal:
                refused[job.token] = refusal
        if fresh:
            parts.place.prepare()
            refused |= parts.files.stage(fresh)
            accepted = [job for job in fresh if job.token not in refused]
            self._planner.plan(accepted, parts.place)
        refused |= parts.sender.send()
        return [refused.get(job.token) for job in jobs]

    def _knows(self, job: JobSpec) -> bool:
        """Whether a job was handed over, and has not come back.

        Raises:
            JobRefused: It was refused meanwhile.
        """
        if job.token in self._refused:
            raise self._refused.pop(job.token)
        found = self._book.find(job.token)
        report = None if found is None else self._open().watch.report(*found)
        if report is None or report.state is JobState.RETURNED:
            return False
        self._news[job.token] = report
        return True

    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        """What changed, of these jobs, since the last call; waits up to `timeout` seconds for it.

        Files are looked at often, where they are on this machine; the batch system is asked less
        often, by one command for all jobs.

        Raises:
            RecoverableError: The batch system, or its machine, does not answer, or another engine
                uses the directory.
        """
        wanted = frozenset(tokens)
        deadline = self._clock.monotonic() + timeout
        while True:
            self._refresh()
            changed = [token for token in self._news if token in wanted]
            left = deadline - self._clock.monotonic()
            if changed or left <= 0:
                return [self._news.pop(token) for token in changed]
            self._clock.sleep(min(left, max(0.01, self._due - self._clock.monotonic())))

    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        """What is known of jobs that another process handed over; one that never arrived is absent.

        Raises:
            RecoverableError: Another engine uses the directory, or the host does not answer.
        """
        parts = self._open()
        self._refresh()
        known = {}
        for token in tokens:
            found = self._book.find(token)
            if found is not None:
                known[token] = parts.watch.report(*found)
                self._news.pop(token, None)
        return known

    def tokens(self) -> set[str]:
        """All tokens of which the backend still holds evidence."""
        self._open()
        return self._book.tokens()

    def cancel(self, tokens: Collection[str]) -> None:
        """End these jobs; those not started never start. `poll` reports what came of it.

        Raises:
            RecoverableError: The batch system, or its machine, does not answer.
        """
        parts = self._open()
        wanted: dict[Batch, list[int]] = {}
        for token in tokens:
            found = self._book.find(token)
            if found is not None and found[1] not in found[0].reports:
                wanted.setdefault(found[0], []).append(found[1])
        if not wanted:
            return
        for batch, numbers in wanted.items():
            batch.mark_cancelled(numbers)
        parts.place.prepare()
        self._news |= parts.watch.cancel(wanted)
        parts.sender.cancel(wanted)

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring outputs to where they are wanted; cut off at any point, the same call goes on."""
        return self._read_only().files.fetch(requests)

    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        """A part of `"stdout"`, `"stderr"` or a file of the job's directory, also while it runs.

        A negative offset counts from the end. Nothing written yet is empty bytes, and so is what
        does not lie in the job's directory.
        """
        parts = self._read_only()
        found = self._book.find(token)
        if found is None:
            return b""
        note = found[0].plan.jobs[found[1]]
        streams: dict[str, str] = {"stdout": note.stdout, "stderr": note.stderr}
        path = streams.get(what) or places.inside(parts.place.root, token, what)
        if path is None or path == os.devnull:
            return b""
        return parts.place.read(path, offset, size)

    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        """Forget these ended jobs: their evidence and, unless kept, their directories and logs.

        Raises:
            InvalidOperation: One has not ended.
        """
        parts = self._open()
        found = {token: place for token in tokens if (place := self._book.find(token)) is not None}
        for token, (batch, number) in found.items():
            if number not in batch.reports:
                raise InvalidOperation(f"job {token} has not ended; cancel it first")
        if not found:
            return
        parts.files.forget(found)
        if not keep_directory:
            parts.files.remove(found)
        empty = self._book.free(found)
        parts.place.remove_batches([batch.plan.key for batch in empty])
        for batch in empty:
            parts.watch.forget(batch)
            self._book.remove(batch)
        for token in found:
            self._news.pop(token, None)

    def close(self) -> None:
        """Let go of the backend; what was submitted goes on."""
        self._book.close()
        self._transport.close()
        self._parts = None

    def describe(self) -> Mapping[str, Any]:
        """Name and version of the batch system, its machine, and whether this was tried with it.

        Raises:
            RecoverableError: It does not answer.
        """
        done = self._transport.run(self._scheduler.version())
        line = done.stdout.decode(errors="replace").strip().partition("\n")[0]
        if done.exitcode != 0 or not line:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            title, host = self._scheduler.title, self._transport.host
            raise RecoverableError(f"{title} on {host} does not answer: {said}")
        return {
            "system": self._scheduler.title,
            "version": line,
            "host": self._transport.host,
            "verified": self._scheduler.verified,
        }

    # inside

    @property
    def _due(self) -> float:
        """When there is something to see again."""
        return min(self._looked + self._look_every, self._ask_due)

    @property
    def _ask_due(self) -> float:
        curious = self._parts is not None and self._parts.watch.is_curious
        return self._asked + (min(_ASK_AGAIN, self._ask_every) if curious else self._ask_every)

    def _refresh(self) -> None:
        """Hear what is new; trouble is raised when there is nothing."""
        parts = self._open()
        self._take_back(parts.sender.send())
        now = self._clock.monotonic()
        if not parts.sender.is_busy or now < self._due:
            return
        ask = now >= self._ask_due
        parts.place.prepare()
        news, trouble = parts.watch.look(ask=ask)
        self._looked = self._clock.monotonic()
        if ask:
            self._asked = self._looked
        self._news |= news
        if trouble is not None and not news:
            raise trouble

    def _take_back(self, refused: Mapping[str, JobRefused]) -> None:
        """Give jobs back that were refused after they had been taken, and refuse them next time."""
        self._refused |= refused
        for token, refusal in refused.items():
            state = JobState.RETURNED
            self._news[token] = Report(token=token, state=state, reason=refusal.reason)

    def _open(self) -> Parts:
        self._book.own()
        return self._read_only()

    def _read_only(self) -> Parts:
        """The parts, without the right to write."""
        if self._parts is None:
            if not self._book.is_owned:
                self._book.load()
            self._parts = Parts(
                self._book,
                self._scheduler,
                self._transport,
                self._settings,
                self._workdir,
                self._clock,
                settle=self._settle,
            )
        return self._parts
