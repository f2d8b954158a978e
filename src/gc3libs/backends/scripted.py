"""A backend that runs nothing: a function decides what becomes of each job, a clock when.

For tests of engines and for simulations. Jobs pass through the states that they pass through
elsewhere, in slots and in order. With a directory the backend remembers them like a real one, so
that another process finds them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from gc3libs._atomic import write_file
from gc3libs._clock import SYSTEM, Clock
from gc3libs.backends._fetching import Fetcher
from gc3libs.backends._staging import climbs, remove
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
from gc3libs.exceptions import InvalidOperation, RecoverableError

_OVER = frozenset((JobState.ENDED, JobState.RETURNED, JobState.LOST))
_STATE_FILE = "scripted.json"
_FORMAT = 1
_SIGTERM = 15


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a job.

    Attributes:
        duration: Seconds that it takes.
        exitcode, signal: How it ends; a signal goes before an exit code.
        refusal: Why it cannot be submitted; empty if it can.
        loss: Why, at its end, nothing is known of it; empty if it ends properly.
        stdout, stderr: What it writes there.
        files: What else it leaves in its directory, by name.
        cpu_time, max_memory: As in a `Report`.
    """

    duration: float = 1.0
    exitcode: int = 0
    signal: int | None = None
    refusal: str = ""
    loss: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    files: dict[str, bytes] = {}
    cpu_time: float | None = None
    max_memory: int | None = None


class _Job(msgspec.Struct, kw_only=True):
    """A job that was handed over; `names` are those of its stdout and stderr in its directory."""

    report: Report
    outcome: Outcome
    cores: int
    walltime: float | None
    names: tuple[str | None, str | None]

    def end(self) -> float:
        """When it ends if it is left alone."""
        duration = self.outcome.duration
        if self.walltime is not None:
            duration = min(duration, self.walltime)
        return (self.report.started or 0.0) + duration

    def natural_report(self) -> Report:
        """How it ends if it is left alone."""
        outcome, end = self.outcome, self.end()
        if outcome.loss:
            return _changed(self.report, state=JobState.LOST, reason=outcome.loss)
        if self.walltime is not None and outcome.duration > self.walltime:
            return self.ended_by(f"walltime of {self.walltime:g} s", end)
        return _changed(
            self.report,
            state=JobState.ENDED,
            ended=end,
            signal=outcome.signal,
            exitcode=outcome.exitcode if outcome.signal is None else None,
            cpu_time=outcome.cpu_time,
            max_memory=outcome.max_memory,
        )

    def ended_by(self, reason: str, now: float) -> Report:
        """How it ends if it is made to."""
        return _changed(
            self.report, state=JobState.ENDED, ended=now, signal=_SIGTERM, reason=reason
        )

    def files(self) -> dict[str, bytes]:
        """What it has left in its directory."""
        written = dict(self.outcome.files)
        streams = (self.outcome.stdout, self.outcome.stderr)
        for name, content in zip(self.names, streams, strict=True):
            if name is not None:
                written[name] = written.get(name, b"") + content
        return written


class _State(msgspec.Struct, kw_only=True):
    """All that the backend remembers."""

    format: int = _FORMAT
    jobs: dict[str, _Job] = {}
    starts: dict[str, int] = {}


class ScriptedBackend(Backend):
    """Does with each job what a function says.

    Args:
        script: Decides what becomes of a job; None: each takes a second and succeeds.
        clock: Jobs start and end by it, and waiting lets its time pass.
        cores, memory, window: What it offers.
        directory: Where it remembers its jobs; None: this object alone knows them.
        name: What it is called in messages.
    """

    def __init__(
        self,
        script: Callable[[JobSpec], Outcome] | None = None,
        *,
        clock: Clock = SYSTEM,
        cores: int = 2,
        memory: int = 4_000_000_000,
        window: int = 32,
        directory: Path | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self._script = script or (lambda job: Outcome())
        self._clock = clock
        self._capacity = Capacity(cores=cores, memory=memory, window=window)
        self._directory = directory
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._news: dict[str, None] = {}
        self._lost_answers = self._failing_polls = 0
        self._closed = False
        self._state = _State()
        if directory is not None and (directory / _STATE_FILE).exists():
            content = (directory / _STATE_FILE).read_bytes()
            self._state = msgspec.json.decode(content, type=_State)
            self._return_waiting()

    # what a test asks and tells

    @property
    def starts(self) -> Counter[str]:
        """How many times each token was started, those that are long forgotten included."""
        return Counter(self._state.starts)

    def lose_answers(self, count: int = 1) -> None:
        """Let the next calls of `submit` hand the jobs over, and raise all the same."""
        self._lost_answers += count

    def fail_polls(self, count: int = 1) -> None:
        """Let the next calls of `poll` raise."""
        self._failing_polls += count

    def drop(self, token: str) -> None:
        """Lose all evidence of a job."""
        self._state.jobs.pop(token, None)
        self._news.pop(token, None)
        self._save()

    def lose(self, token: str, reason: str = "its node was lost") -> None:
        """Let a job be lost now."""
        job = self._state.jobs[token]
        self._tell(job, _changed(job.report, state=JobState.LOST, reason=reason))
        self._save()

    # the port

    @property
    def capacity(self) -> Capacity:
        return self._capacity

    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        self._advance()
        answers = [self._accept(job) for job in jobs]
        self._advance()
        self._save()
        if self._lost_answers:
            self._lost_answers -= 1
            raise RecoverableError(f"{self.name}: the answer to a submission was lost")
        return answers

    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        self._refuse_if_closed()
        if self._failing_polls:
            self._failing_polls -= 1
            raise RecoverableError(f"{self.name} does not answer")
        wanted = frozenset(tokens)
        deadline = self._clock.now() + timeout
        self._advance()
        while not wanted & self._news.keys():
            now = self._clock.now()
            if now >= deadline:
                break
            self._clock.sleep(min([deadline - now, *(end - now for end in self._ends())]))
            self._advance()
        self._save()
        changed = [token for token in self._news if token in wanted]
        for token in changed:
            del self._news[token]
        return [self._state.jobs[token].report for token in changed]

    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        self._advance()
        known = [token for token in tokens if token in self._state.jobs]
        for token in known:
            self._news.pop(token, None)
        return {token: self._state.jobs[token].report for token in known}

    def tokens(self) -> set[str]:
        self._refuse_if_closed()
        return set(self._state.jobs)

    def cancel(self, tokens: Collection[str]) -> None:
        self._advance()
        for token in tokens:
            job = self._state.jobs.get(token)
            if job is None or job.report.state in _OVER:
                continue
            if job.report.state is JobState.WAITING:
                report = _changed(job.report, state=JobState.RETURNED, reason="cancelled")
            else:
                report = job.ended_by("cancelled", self._clock.now())
            self._tell(job, report)
        self._advance()
        self._save()

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        self._advance()
        root = self._root()
        fetcher = Fetcher(root)
        return [
            fetcher.fetch(request, left_files=self._lay_out(root, request.token))
            for request in requests
        ]

    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        self._advance()
        job = self._state.jobs.get(token)
        if job is None or job.report.started is None:
            return b""
        streams = {"stdout": job.outcome.stdout, "stderr": job.outcome.stderr}
        content = streams[what] if what in streams else job.files().get(what, b"")
        start = offset if offset >= 0 else max(0, len(content) + offset)
        return content[start : None if size is None else start + size]

    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        self._advance()
        for token in tokens:
            job = self._state.jobs.get(token)
            if job is not None and job.report.state not in _OVER:
                raise InvalidOperation(f"job {token} has not ended; cancel it first")
        Fetcher(self._root()).free(tokens)
        for token in tokens:
            self.drop(token)
            if not keep_directory:
                remove(self._root() / "jobs" / token)

    def close(self) -> None:
        if not self._closed:
            self._advance()
            self._return_waiting()
            self._save()
        self._closed = True
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    # the simulation

    def _accept(self, spec: JobSpec) -> JobRefused | None:
        known = self._state.jobs.get(spec.token)
        if known is not None and known.report.state is not JobState.RETURNED:
            self._news[spec.token] = None
            return None
        outcome = self._script(spec)
        if outcome.refusal:
            return JobRefused(spec.token, outcome.refusal)
        if spec.cores > self._capacity.cores:
            has = f"{self.name} has {self._capacity.cores}"
            return JobRefused(spec.token, f"needs {spec.cores} cores; {has}")
        self._state.jobs.pop(spec.token, None)  # it goes to the end of the queue
        self._state.jobs[spec.token] = _Job(
            report=Report(token=spec.token, state=JobState.WAITING),
            outcome=outcome,
            cores=spec.cores,
            walltime=spec.walltime,
            names=(spec.stdout, spec.stderr),
        )
        return None

    def _advance(self) -> None:
        """Let everything happen that was to happen until now, in order."""
        self._refuse_if_closed()
        now = self._clock.now()
        self._start(now)
        while (job := min(self._running(), key=_Job.end, default=None)) and job.end() <= now:
            end = job.end()
            self._tell(job, job.natural_report())
            self._start(end)

    def _start(self, moment: float) -> None:
        free = self._capacity.cores - sum(job.cores for job in self._running())
        for token, job in self._state.jobs.items():
            if job.report.state is not JobState.WAITING:
                continue
            if job.cores > free:
                return
            free -= job.cores
            self._state.starts[token] = self._state.starts.get(token, 0) + 1
            self._tell(job, _changed(job.report, state=JobState.RUNNING, started=moment))

    def _running(self) -> Iterator[_Job]:
        return (job for job in self._state.jobs.values() if job.report.state is JobState.RUNNING)

    def _ends(self) -> Iterator[float]:
        return (job.end() for job in self._running())

    def _tell(self, job: _Job, report: Report) -> None:
        job.report = report
        self._news[report.token] = None

    def _return_waiting(self) -> None:
        for job in self._state.jobs.values():
            if job.report.state is JobState.WAITING:
                reason = "no engine was there to go on"
                job.report = _changed(job.report, state=JobState.RETURNED, reason=reason)

    # files

    def _root(self) -> Path:
        if self._directory is not None:
            return self._directory
        if self._files is None:
            self._files = tempfile.TemporaryDirectory(prefix="gc3-scripted-")
        return Path(self._files.name)

    def _lay_out(self, root: Path, token: str) -> bool:
        """Write the files that a job has left, once; whether there are any."""
        job = self._state.jobs.get(token)
        files = {} if job is None or job.report.state is not JobState.ENDED else job.files()
        written = root / "written" / token
        if files and not written.exists():
            for name, content in files.items():
                if not climbs(name):
                    (root / "jobs" / token / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / "jobs" / token / name).write_bytes(content)
            written.parent.mkdir(exist_ok=True)
            written.touch()
        return bool(files)

    def _save(self) -> None:
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            content = msgspec.json.encode(self._state)
            write_file(self._directory / _STATE_FILE, content, durable=False)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise InvalidOperation(f"the backend {self.name} was closed; make a new one")


def _changed(report: Report, **changes: object) -> Report:
    return msgspec.structs.replace(report, **changes)
