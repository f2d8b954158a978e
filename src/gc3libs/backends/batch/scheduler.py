"""What a batch system must be able to do: command lines of its shell, and reading what they print.

A `Scheduler` runs nothing and keeps nothing: it makes text and reads text, so that each of them is
a small module that can be tested with recorded output.
"""

from __future__ import annotations

import enum
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import msgspec

from gc3libs.backends.transport.base import Completed

_KEY = re.compile(r"-(g[0-9a-f]{12})\Z")


class Standing(enum.StrEnum):
    """Where a job is, as the batch system sees it."""

    WAITING = "waiting"
    RUNNING = "running"
    """Its script was started, and it is not over."""
    FINISHED = "finished"
    """Its script ended by itself; `exitcode` and `signal` say how."""
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    PREEMPTED = "preempted"
    FAILED = "failed"
    """Its machine, or the batch system, has failed: how its script ended is not known."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will run any more."""
        return self not in (Standing.WAITING, Standing.RUNNING)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one job of the batch system asks for; those that ask for the same can share an array.

    Attributes:
        cores: On each node. nodes: machines. gpus: on each node.
        memory: Bytes on each node that are counted; memory_limit: bytes that are enforced.
        walltime: Seconds.
        queue, account, qos: As the site calls them.
        options: Further words of the submission command.
    """

    cores: int = 1
    nodes: int = 1
    gpus: int = 0
    memory: int | None = None
    memory_limit: int | None = None
    walltime: float | None = None
    queue: str | None = None
    account: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the submission command.

    Attributes:
        key: Names the submission: letters and digits, unique. `Entry.key` must give it back.
        name: For people; it ends with the key.
        script: Absolute path, on the host, of what is to be run: by `/bin/sh`, without arguments.
        directory: Absolute path of a directory there.
        log: Absolute path there of a file for what the script itself says.
        elements: More than 1: an array of so many jobs; `Scheduler.index` tells them apart.
        request: What each of them asks for.
    """

    key: str
    name: str
    script: str
    directory: str
    log: str
    elements: int
    request: Request


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the batch system says about a job.

    Attributes:
        job: Its ID, the same for all elements of an array.
        element: From 0; None: a job that is no array's.
        key: Of its submission; empty if that is not said.
        standing: Where it is.
        exitcode, signal: How its script ended, if that is known.
        reason: More about it, in the system's words.
        started: UTC, seconds since the epoch.
        cpu_time: Seconds. max_memory: bytes. Only in what accounting says.
    """

    job: str
    element: int | None = None
    key: str = ""
    standing: Standing
    exitcode: int | None = None
    signal: int | None = None
    reason: str = ""
    started: float | None = None
    cpu_time: float | None = None
    max_memory: int | None = None


class Unreadable(ValueError):
    """A command has printed something that cannot be understood."""


class Scheduler(ABC):
    """A batch system.

    Commands are texts for `/bin/sh` on its host. Where one of them fails, that is passing trouble
    and changes nothing, unless `refusal` says otherwise.

    Attributes:
        title: As its makers call it.
        verified: Whether this was tried with the system itself.
        has_qos: Whether it knows qualities of service.
        remembers: What it has accepted stays in its queue until it starts or somebody removes it;
            False: after a crash it may have forgotten some.
        index: Shell text of the number, from 0, of an array's element, where its script runs.
        array_size: The most elements of an array; 1: there are none.
        cores: The most that one job can have; None: not known.
        ask_every: Seconds between two questions, unless the settings say otherwise.
    """

    title: str
    verified: bool = True
    has_qos: bool = False
    remembers: bool = True
    index: str = "0"
    array_size: int = 1
    cores: int | None = None
    ask_every: float = 15.0

    @abstractmethod
    def submit(self, submission: Submission) -> str:
        """The command that submits."""

    @abstractmethod
    def job_id(self, answer: Completed) -> str:
        """The ID in what that command has printed.

        Raises:
            Unreadable: There is none.
        """

    @abstractmethod
    def refusal(self, answer: Completed) -> str | None:
        """Why a submission was refused for good; None: the trouble may pass.

        Called with what a submission command that failed has printed.
        """

    @abstractmethod
    def status(self) -> str:
        """The command that lists all jobs of this user, whatever their number.

        Jobs that are over, and known still, may be listed as well.
        """

    @abstractmethod
    def entries(self, output: bytes) -> list[Entry]:
        """What that command has printed; other programs' jobs may be among them.

        Raises:
            Unreadable: It makes no sense.
        """

    @abstractmethod
    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """The command that ends jobs, by ID and element (None: the job is no array's).

        Jobs that are over are no error.
        """

    def accounting(self, jobs: Sequence[str]) -> str | None:
        """The command that says how jobs ended and what they used; None: there is none.

        It fails where the site keeps no accounts.
        """
        return None

    def accounts(self, output: bytes) -> list[Entry]:
        """What that command has printed.

        Raises:
            Unreadable: It makes no sense.
        """
        raise NotImplementedError

    @abstractmethod
    def version(self) -> str:
        """The command whose first line of output names the version."""


def key_in(name: str) -> str:
    """The key at the end of a job's name; empty if there is none."""
    match = _KEY.search(name)
    return "" if match is None else match[1]


def refusal_in(answer: Completed, passing: re.Pattern[str], prefix: str) -> str | None:
    """What a submission command said, in one line; None if it is about something that may pass.

    Args:
        passing: Matches that.
        prefix: What its lines begin with.
    """
    text = (answer.stderr + b"\n" + answer.stdout).decode(errors="replace")
    if passing.search(text):
        return None
    lines = [line.strip().removeprefix(prefix) for line in text.split("\n") if line.strip()]
    kept = [line.removeprefix("error: ") for line in lines if line != "Exiting."]
    return "; ".join(kept) or f"exit status {answer.exitcode}"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as batch systems write them.

    >>> ranges([7, 1, 2, 3])
    '1-3,7'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
