"""Jobs, and the batches in which they were handed over to a Dask cluster."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import msgspec

from gc3libs.backends.base import JobState, Report
from gc3libs.backends.local.supervisor import records

FORMAT = 1
"""Of `Handed`."""

_STATES = {
    records.RUNNING: JobState.RUNNING,
    records.ENDED: JobState.ENDED,
    records.LOST: JobState.LOST,
}
_OVER = frozenset((JobState.ENDED, JobState.RETURNED, JobState.LOST))

Line = tuple[int, str, str, int, float, float, float, int, bool, str, str, str, str | None]
"""A job's index, the fields of its record, and its outcome, as an agent writes them down."""


class Handed(msgspec.Struct):
    """What was handed over together.

    Attributes:
        jobs: Token, streams and name of the outcome, if it leaves one, of each.
        chunks: Indices of jobs, of each chunk.
    """

    jobs: list[tuple[str, str, str]]
    chunks: list[list[int]]
    format: int = FORMAT


class Job:
    """One job.

    Attributes:
        report: What is known of it.
        agent: Who has started it; `""`: nobody, as far as is known.
        wanted: This engine has handed it over, or has asked for it.
        directory: Where it runs or ran, relative to the work directory; `""`: nowhere, any more.
        outcome: What a call has left, if that is small.
    """

    __slots__ = (
        "agent",
        "batch",
        "directory",
        "index",
        "outcome",
        "outcome_name",
        "report",
        "streams",
        "wanted",
    )

    def __init__(self, batch: Batch, index: int, row: tuple[str, str, str]) -> None:
        token, self.streams, self.outcome_name = row
        self.batch = batch
        self.index = index
        self.agent = self.directory = ""
        self.outcome: bytes | None = None
        self.wanted = False
        self.report = Report(token=token, state=JobState.WAITING)

    @property
    def is_over(self) -> bool:
        return self.report.state in _OVER

    def take_over(self, line: Line, agent: str) -> None:
        """Note where it runs or ran, and what it has left."""
        *_, directory, _, _, outcome = line
        self.agent, self.directory = agent, directory
        self.outcome = None if outcome is None else base64.b64decode(outcome)


class Batch:
    """Jobs that were handed over together.

    Attributes:
        name: Names it; later ones sort after earlier ones.
        jobs: By index.
        chunks: Indices of jobs; a chunk is what Dask knows.
        freed: Indices of jobs that are of no use any more.
        unfinished: How many are not over.
    """

    def __init__(self, name: str, handed: Handed, freed: Iterable[int] = ()) -> None:
        self.name = name
        self.jobs = [Job(self, index, row) for index, row in enumerate(handed.jobs)]
        self.chunks = handed.chunks
        self.freed = set(freed)
        self.unfinished = len(self.jobs) - len(self.freed)
        for index in self.freed:
            self.jobs[index].report = msgspec.structs.replace(
                self.jobs[index].report, state=JobState.RETURNED
            )

    @property
    def is_over(self) -> bool:
        """Nobody needs to know of any job of it."""
        return len(self.freed) == len(self.jobs)


def report_of(line: Line, workdir: str) -> Report:
    """What an agent says of a job, in the words of the port."""
    _, token, state, status, started, ended, cpu, peak, bound, directory, _, reason, _ = line
    number = status & 0x7F
    is_end = state == records.ENDED
    return Report(
        token=token,
        state=_STATES[state],
        signal=number if is_end and number else None,
        exitcode=status >> 8 if is_end and not number else None,
        started=started or None,
        ended=ended or None,
        cpu_time=cpu if is_end else None,
        max_memory=peak or None,
        memory_is_bound=bound,
        reason=reason,
        directory=f"{workdir}/{directory}" if directory else None,
    )
