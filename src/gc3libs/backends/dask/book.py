"""What an engine knows of the jobs that it, or an earlier one, handed over to a Dask cluster.

All of it lies in the work directory. What the cluster tells comes sooner, and says nothing else.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gc3libs._atomic import sync_directory, write_file
from gc3libs.backends import _staging as staging
from gc3libs.backends.base import JobState, Report
from gc3libs.backends.dask import agents, layout
from gc3libs.backends.dask.batches import FORMAT, Batch, Handed, Job, Line, report_of
from gc3libs.exceptions import NewerFormat, RecoverableError

_DEAD_AGENT = "its Dask worker died while it ran"
_REBOOTED = "the machine was restarted while it ran"


class Book:
    """The jobs of one work directory.

    Args:
        workdir: The directory; made if it is missing.
        node, boot: This machine, and the time since its start.

    Attributes:
        jobs: By token.
        batches: By name.
        over: Batches of which nothing is left to know, until they are removed.
        news: Jobs that have changed since somebody asked, by token, in order.
        waiting: How many of the jobs wait that this engine wants.
        unfinished: How many jobs are not over.
        mean: Seconds that a job lately took; 0: not known yet.
    """

    def __init__(self, workdir: Path, node: str, boot: str) -> None:
        self._workdir = workdir
        self._node, self._boot = node, boot
        self.jobs: dict[str, Job] = {}
        self.batches: dict[str, Batch] = {}
        self.over: list[Batch] = []
        self.news: dict[str, Job] = {}
        self.waiting = self.unfinished = 0
        self.mean = 0.0

    @property
    def open_batches(self) -> list[Batch]:
        """Those with jobs that are not over."""
        return [batch for batch in self.batches.values() if batch.unfinished]

    @property
    def unfinished_jobs(self) -> list[Job]:
        """Those that are not over."""
        return [job for batch in self.open_batches for job in batch.jobs if not job.is_over]

    def load(self) -> None:
        """Learn what earlier engines handed over."""
        directory = self._workdir / layout.BATCHES
        for name in sorted(os.listdir(directory)) if directory.exists() else ():  # noqa: PTH208
            handed = self._handed(name)
            if handed is None:  # an engine was killed while it made this
                staging.remove(directory / name)
                continue
            batch = Batch(name, handed, self._freed(name))
            self._enter(batch)
            self.read(batch)

    def _handed(self, name: str) -> Handed | None:
        path = self._workdir / layout.batch(name) / layout.JOBS
        try:
            handed = msgspec.json.decode(path.read_bytes(), type=Handed)
        except FileNotFoundError:
            return None
        if handed.format > FORMAT:
            raise NewerFormat(str(path), handed.format, FORMAT)
        return handed

    def _freed(self, name: str) -> set[int]:
        path = self._workdir / layout.batch(name) / layout.FREED
        try:
            return set(msgspec.json.decode(path.read_bytes(), type=list[int]))
        except FileNotFoundError:
            return set()

    def _enter(self, batch: Batch) -> None:
        self.batches[batch.name] = batch
        if batch.is_over:
            self.over.append(batch)
        self.unfinished += batch.unfinished
        for job in batch.jobs:
            if job.index not in batch.freed:
                former = self.jobs.get(job.report.token)
                self.jobs[job.report.token] = job
                if former is not None:  # it was returned
                    self._retire([former])

    def _retire(self, jobs: Iterable[Job]) -> None:
        """Nobody needs to know of these jobs any more."""
        batches: dict[str, Batch] = {}
        for job in jobs:
            job.batch.freed.add(job.index)
            batches[job.batch.name] = job.batch
        for batch in batches.values():
            if batch.is_over:
                self.over.append(batch)
            else:
                path = self._workdir / layout.batch(batch.name) / layout.FREED
                with contextlib.suppress(OSError):  # the next engine frees them once more
                    write_file(path, msgspec.json.encode(sorted(batch.freed)), durable=False)

    def add(self, name: str, handed: Handed) -> Batch:
        """Write down, safely, what is about to be handed over."""
        directory = self._workdir / layout.batch(name)
        try:
            staging.make(directory)
            write_file(directory / layout.JOBS, msgspec.json.encode(handed))
            sync_directory(directory.parent)
        except OSError as err:
            staging.remove(directory)
            raise RecoverableError(f"cannot hand over jobs in {self._workdir}: {err}") from err
        batch = Batch(name, handed)
        for token, *_ in handed.jobs:
            self.news.pop(token, None)
        self._enter(batch)
        for job in batch.jobs:
            self.want(job)
        return batch

    def want(self, job: Job) -> None:
        """This engine cares for a job."""
        if not job.wanted:
            job.wanted = True
            self.waiting += job.report.state is JobState.WAITING

    # what is heard

    def hear(self, batch_name: str, agent: str, lines: Iterable[bytes]) -> None:
        """Take note of what an agent has said."""
        batch = self.batches.get(batch_name)
        if batch is not None:
            for text in lines:
                self._note(batch, agent, msgspec.json.decode(text, type=Line))

    def read(self, batch: Batch) -> set[int]:
        """Take note of all that was written down about a batch.

        Returns:
            Chunks that were begun on this machine before it was restarted: of these, something may
            not have reached the disk.
        """
        cut_off = set()
        directory = self._workdir / layout.batch(batch.name)
        for path in sorted(directory.glob("*@*")):
            number, _, agent = path.name.partition("@")
            head, *lines = path.read_bytes().split(b"\n")[:-1] or [b"{}"]
            if self._is_of_earlier_boot(msgspec.json.decode(head, type=dict[str, str])):
                cut_off.add(int(number))
            self.hear(batch.name, agent, lines)
        for job in batch.jobs:
            if not job.is_over and job.index not in batch.freed:
                self._apply_claim(job)
        return cut_off

    def _is_of_earlier_boot(self, head: Mapping[str, str]) -> bool:
        return head.get("node") == self._node and head.get("boot") != self._boot

    def _apply_claim(self, job: Job) -> None:
        """Take note of what an engine has decided."""
        owner = self._owner(job) or ""
        if owner.startswith(layout.RETURNED):
            self._give_back(job, owner[1:])
        elif owner.startswith(layout.LOST):
            self._lose(job, owner[1:])

    def _note(self, batch: Batch, agent: str, line: Line) -> None:
        job = batch.jobs[line[0]]
        report = report_of(line, str(self._workdir))
        if job.is_over or report.state is job.report.state:
            return
        job.take_over(line, agent)
        self._change(job, report)
        if report.state is JobState.ENDED and report.started and report.ended:
            took = max(1e-4, report.ended - report.started)
            self.mean += (took - self.mean) / 8 if self.mean else took

    def _change(self, job: Job, report: Report) -> None:
        if job.wanted and job.report.state is JobState.WAITING:
            self.waiting -= 1
        job.report = report
        if job.is_over:
            self.unfinished -= 1
            job.batch.unfinished -= 1
        if self.jobs.get(report.token) is job:
            self.news[report.token] = job

    # what is done about those of which nothing is heard

    def claim(self, job: Job, reason: str) -> bool:
        """See to it that a job that waits never starts; false if it has, or may have, started.

        Raises:
            RecoverableError: The work directory cannot be written.
        """
        claimed = job.report.state is JobState.WAITING and self._take(job, layout.RETURNED, reason)
        if claimed:
            self._give_back(job, reason)
        return claimed

    def settle(self, batch: Batch, indices: Collection[int], reason: str) -> None:
        """Find out about jobs that no chunk will start any more.

        Those that were not started are returned, for this reason. Of the others those are lost
        whose agent is dead; the rest goes on.
        """
        jobs = [batch.jobs[index] for index in indices if not batch.jobs[index].is_over]
        if not jobs:
            return
        owners = {self._owner(job) or layout.RETURNED for job in jobs}
        starters = {owner for owner in owners if owner[0] not in (layout.RETURNED, layout.LOST)}
        dead = {None, *(agent for agent in starters if agents.is_dead(self._workdir, agent))}
        cut_off = self.read(batch)  # after its end an agent has nothing more to say
        doubtful = {index for chunk in cut_off for index in batch.chunks[chunk]}
        for job in jobs:
            if job.is_over:
                continue
            if job.index in doubtful:
                self._take(job, layout.LOST, _REBOOTED)
                self._lose(job, _REBOOTED)
            elif not self.claim(job, reason) and (agent := self._owner(job)) in dead:
                agents.end_orphans(self._workdir, self._node, agent, job.report.token)
                self._lose(job, _DEAD_AGENT)

    def _owner(self, job: Job) -> str | None:
        return layout.owner(self._claim(job))

    def _take(self, job: Job, mark: str, reason: str) -> bool:
        try:
            return layout.take(self._claim(job), mark + reason)
        except OSError as err:
            raise RecoverableError(f"cannot write in {self._workdir}: {err}") from err

    def _claim(self, job: Job) -> str:
        return f"{self._workdir}/{layout.claim(job.batch.name, job.index)}"

    def _give_back(self, job: Job, reason: str) -> None:
        self._change(job, Report(token=job.report.token, state=JobState.RETURNED, reason=reason))

    def _lose(self, job: Job, reason: str) -> None:
        changes = {"state": JobState.LOST, "reason": reason}
        self._change(job, msgspec.structs.replace(job.report, **changes))

    # forgetting

    def free(self, tokens: Iterable[str]) -> None:
        """Forget jobs that are over."""
        jobs = [self.jobs.pop(token) for token in tokens if token in self.jobs]
        for job in jobs:
            self.news.pop(job.report.token, None)
        self._retire(jobs)

    def remove(self, batch: Batch) -> None:
        """Remove a batch of which nothing is left to know, and that Dask has forgotten."""
        self.over.remove(batch)
        del self.batches[batch.name]
        staging.remove(self._workdir / layout.batch(batch.name))
