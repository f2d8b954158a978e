"""The port through which an engine runs jobs: plain data in, plain data out, always in batches.

A backend never touches a store and knows nothing of tasks. It promises to run the job of one token
at most once, and to remember how it ended until `free` is called.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from gc3libs.exceptions import Error


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One job, as plain data.

    Attributes:
        token: Names this attempt of this task; unique in the engine's work directory, usable as a
            file name.
        argv: The command. A name without `/` is searched in `PATH`, never in the job's directory.
        environment: Added to the environment that the backend gives its jobs.
        inputs: Pairs (absolute path or URL, name in the job's directory). A directory is copied
            whole; the name `"."` means its contents. Execute bits are kept.
        files: Pairs (name in the job's directory, content) of further inputs.
        executable: A file in the job's directory that is made executable before the start (`./name`
            commands).
        stdin: Name of a staged file that is the standard input; None: empty.
        stdout, stderr: Names in the job's directory (their directories are made); None: undeclared.
        join: Standard error goes where standard output goes.
        capture: Keep the first 10 MB of undeclared streams in the backend's logs; False: discard
            them.
        cores: Slots that the job occupies, on each node.
        nodes: Machines that it occupies at the same time.
        gpus: On each node.
        memory: Bytes that the job is counted with when jobs are placed; None: nothing.
        memory_limit: Bytes of resident size above which the job is ended; None: no limit.
        walltime: Seconds after which the job is ended; None: no limit.
        queue, account, qos: As a batch system's site calls them; None: as its resource says.
    """

    token: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = {}
    inputs: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    executable: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    join: bool = False
    capture: bool = True
    cores: int = 1
    memory: int | None = None
    memory_limit: int | None = None
    walltime: float | None = None
    nodes: int = 1
    gpus: int = 0
    queue: str | None = None
    account: str | None = None
    qos: str | None = None


class JobState(enum.StrEnum):
    """Where a job is, as its backend sees it."""

    WAITING = "WAITING"
    """Handed over, not started."""
    RUNNING = "RUNNING"
    ENDED = "ENDED"
    """It ran and its status is known."""
    RETURNED = "RETURNED"
    """Handed over and certainly never started: the same token may be submitted again."""
    LOST = "LOST"
    """It was, or may have been, started, and its status will never be known."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend knows of a job.

    Attributes:
        signal, exitcode: How it ended, exact; one of them is None. Both None unless ENDED.
        started, ended: UTC, seconds since the epoch.
        cpu_time: Seconds of user and system time of the job and its descendants.
        max_memory: Peak resident size in bytes; `memory_is_bound`: this is only an upper bound.
        reason: Why the backend ended or lost it, in words ("walltime of 10 s"); empty if neither.
        directory: Where it runs or ran, if that is known and still there.
    """

    token: str
    state: JobState
    signal: int | None = None
    exitcode: int | None = None
    started: float | None = None
    ended: float | None = None
    cpu_time: float | None = None
    max_memory: int | None = None
    memory_is_bound: bool = False
    reason: str = ""
    directory: str | None = None


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend offers.

    `cores` and `memory` (bytes) in all, `window` jobs that it wants at hand.
    """

    cores: int
    memory: int
    window: int


class FetchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs wanted of one ended job.

    Attributes:
        outputs: Pairs (name in the job's directory, path below `destination`, or an absolute path).
            The name `"*"` means everything but the staged inputs' own copies is left to the
            backend: all that lies in the directory. A local path `"."` means the contents of the
                directory.
        destination: Absolute path of the directory to make; what stands there and is not empty is
            renamed `destination.~N~` first, unless `overwrite`. None: nothing is fetched.
        overwrite: Replace files in place in an existing destination.
    """

    token: str
    outputs: tuple[tuple[str, str], ...]
    destination: str | None
    overwrite: bool = False


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a `FetchRequest`: names promised and not there, or why it failed.

    Attributes:
        missing: Names in the job's directory.
        error: Why it failed; None if it did not.
        may_pass: What failed, such as a full disk, may be over when the same is asked for again.
    """

    token: str
    missing: tuple[str, ...] = ()
    error: str | None = None
    may_pass: bool = False


class JobRefused(Error):
    """A backend cannot take this job: says why. Trying again as it is changes nothing."""

    def __init__(self, token: str, reason: str) -> None:
        super().__init__(token, reason)
        self.token = token
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.token} cannot be submitted: {self.reason}"


class Backend(ABC):
    """A place where jobs run.

    A passing trouble (a scheduler that does not answer) raises a `RecoverableError` and changes
    nothing.
    """

    name: str

    @property
    @abstractmethod
    def capacity(self) -> Capacity:
        """What is offered, in use or not."""

    @abstractmethod
    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        """Stage the inputs of `jobs` and hand them over, in order; a refusal stands in the job's
        place.

        When it returns, every job that was not refused is known to the backend by its token,
        whatever happens to this process.
        """

    @abstractmethod
    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        """What changed, of these jobs, since the last call.

        Waits up to `timeout` seconds for something.
        """

    @abstractmethod
    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        """What is known of jobs that another process handed over.

        An unknown token is absent (it never arrived).
        """

    @abstractmethod
    def tokens(self) -> set[str]:
        """All tokens of which the backend still holds evidence."""

    @abstractmethod
    def cancel(self, tokens: Collection[str]) -> None:
        """End these jobs, whole process groups.

        Those not started never start. `poll` reports what came of it.
        """

    @abstractmethod
    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        """Bring outputs to where they are wanted.

        Cut off at any point, the same call goes on where it was.
        """

    def snapshot(  # noqa: B027  # most backends cannot do it
        self, requests: Sequence[FetchRequest], *, changed_only: bool = True
    ) -> None:
        """Copy what running jobs have written so far to where they want it, over earlier copies.

        A backend that cannot do it does nothing.

        Args:
            requests: One for each job; `overwrite` is not looked at.
            changed_only: Leave out files that were copied before and have not changed.
        """

    @abstractmethod
    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        """A part of `"stdout"`, `"stderr"` or a file of the job's directory, also while it runs.

        A negative offset counts from the end. Nothing written yet is empty bytes.
        """

    @abstractmethod
    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        """Forget these ended jobs: their evidence and, unless kept, their directories and logs."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the backend; what runs goes on."""

    def describe(self) -> Mapping[str, Any]:
        """Facts for people, such as a version or an address."""
        return {}
