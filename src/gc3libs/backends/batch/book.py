"""What is remembered of submissions, so that whoever comes after a kill finds all of them.

A directory for each, `batches/KEY`: `plan` is what was to be submitted, written before anything is
done; `sent` is there once the submission command may have been started; `id` is what that has
answered; `cancelled`, `reports` and `freed` have a line more each time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from gc3libs._atomic import sync_directory, write_all, write_file
from gc3libs.backends._staging import remove
from gc3libs.backends.base import Report
from gc3libs.backends.batch.scheduler import Request
from gc3libs.exceptions import DirectoryInUse, NewerFormat, RecoverableError

FORMAT = 1


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What must be known of a job once it was handed over.

    Attributes:
        stdout, stderr: Absolute paths on the host.
        tries: How often it was handed over before, and came back without having started.
    """

    token: str
    stdout: str
    stderr: str
    walltime: float | None
    tries: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One submission: its jobs, in order, so many of them to an element."""

    format: int = FORMAT
    key: str
    name: str
    pack: int
    request: Request
    jobs: tuple[Note, ...]

    @property
    def elements(self) -> int:
        """How many jobs of the batch system it makes."""
        return -(-len(self.jobs) // self.pack)

    def numbers(self, element: int) -> range:
        """The numbers of the jobs of an element."""
        return range(len(self.jobs))[element * self.pack : (element + 1) * self.pack]


class Batch:
    """One submission, and what came of it.

    Attributes:
        sent: The submission command may have been started.
        id: What the batch system calls it; None as long as that is not known.
        cancelled: Numbers of jobs that are to end.
        reports: What was said of jobs that are over, by number.
        freed: Numbers of jobs of which nobody wants to know any more.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.sent = False
        self.id: str | None = None
        self.cancelled: set[int] = set()
        self.reports: dict[int, Report] = {}
        self.freed: set[int] = set()

    @property
    def open(self) -> list[int]:
        """Numbers of the jobs that are not over."""
        return [n for n in range(len(self.plan.jobs)) if n not in self.reports]

    def token(self, number: int) -> str:
        """Of the job with this number."""
        return self.plan.jobs[number].token

    # each of these is on the disk before anything else is done

    def mark_sent(self) -> None:
        """Note that the submission command is started now."""
        self.sent = True
        write_file(self.directory / "sent", b"", alone=True)

    def mark_id(self, id_: str) -> None:
        """Note what the batch system calls it."""
        self.id = id_
        write_file(self.directory / "id", id_, alone=True)

    def mark_cancelled(self, numbers: Iterable[int]) -> None:
        """Note jobs that are to end."""
        new = set(numbers) - self.cancelled
        if new:
            self.cancelled |= new
            _append(self.directory / "cancelled", (str(n).encode() for n in new), durable=True)

    def add_reports(self, reports: Mapping[int, Report], *, durable: bool) -> None:
        """Note how jobs ended; not durably where that can be found out again."""
        self.reports.update(reports)
        lines = (msgspec.json.encode((n, report)) for n, report in reports.items())
        _append(self.directory / "reports", lines, durable=durable)

    def mark_freed(self, numbers: Iterable[int]) -> None:
        """Note jobs of which nobody wants to know any more."""
        new = set(numbers)
        self.freed |= new
        _append(self.directory / "freed", (str(n).encode() for n in new), durable=False)


class Book:
    """All submissions of a work directory, by key; one process at a time can write it."""

    def __init__(self, workdir: Path) -> None:
        self.batches: dict[str, Batch] = {}
        self._directory = workdir / "batches"
        self._lock = workdir / "lock"
        self._fd = -1
        self._places: dict[str, tuple[Batch, int]] = {}

    @property
    def is_owned(self) -> bool:
        """Whether this process may write."""
        return self._fd >= 0

    def own(self) -> None:
        """Be the one who writes, and read what there is.

        Raises:
            DirectoryInUse: Somebody else is.
        """
        if self.is_owned:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.load()
            self._remove_unplanned()
        except BlockingIOError as err:
            os.close(fd)
            where = str(self._directory.parent)
            raise DirectoryInUse(where, "another engine uses this directory") from err
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def load(self) -> None:
        """Read what there is."""
        self.batches.clear()
        self._places.clear()
        with contextlib.suppress(FileNotFoundError):
            for directory in sorted(self._directory.iterdir(), key=_age):
                batch = _read(directory)
                if batch is not None:
                    self._take(batch)

    def _remove_unplanned(self) -> None:
        """Remove what somebody has written who was killed before there was a plan."""
        for directory in self._directory.iterdir():
            if directory.name not in self.batches:
                remove(directory)

    def close(self) -> None:
        """Let somebody else write."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def find(self, token: str) -> tuple[Batch, int] | None:
        """Where a job is: its submission, and its number there."""
        return self._places.get(token)

    def tokens(self) -> set[str]:
        """All jobs that are known."""
        return set(self._places)

    def add(self, plan: Plan) -> Batch:
        """Take down what is to be submitted; its jobs belong to this submission from now on."""
        batch = Batch(plan, self._directory / plan.key)
        batch.directory.mkdir(exist_ok=True)
        write_file(batch.directory / "plan", msgspec.json.encode(plan), alone=True)
        sync_directory(self._directory)
        earlier = [self._places[job.token] for job in plan.jobs if job.token in self._places]
        self._take(batch)
        for each, number in earlier:
            each.mark_freed([number])
        return batch

    def free(self, tokens: Collection[str]) -> list[Batch]:
        """Forget jobs; gives the submissions of which nothing is wanted any more."""
        concerned: dict[str, Batch] = {}
        for token in tokens:
            batch, number = self._places.pop(token)
            batch.mark_freed([number])
            concerned[batch.plan.key] = batch
        return [each for each in concerned.values() if self.is_empty(each)]

    @staticmethod
    def is_empty(batch: Batch) -> bool:
        """Whether all of its jobs were freed."""
        return len(batch.freed) == len(batch.plan.jobs)

    def remove(self, batch: Batch) -> None:
        """Forget a submission."""
        self.batches.pop(batch.plan.key, None)
        remove(batch.directory)

    def _take(self, batch: Batch) -> None:
        self.batches[batch.plan.key] = batch
        for number, job in enumerate(batch.plan.jobs):
            if number not in batch.freed:
                self._places[job.token] = batch, number


def _age(directory: Path) -> float:
    try:
        return (directory / "plan").stat().st_mtime_ns
    except OSError:
        return 0.0


def _read(directory: Path) -> Batch | None:
    """A submission; None if not even its plan was written to the end."""
    try:
        plan = msgspec.json.decode((directory / "plan").read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as err:
        raise RecoverableError(f"{directory}/plan, which says what was submitted: {err}") from err
    if plan.format > FORMAT:
        raise NewerFormat(str(directory / "plan"), plan.format, FORMAT)
    batch = Batch(plan, directory)
    batch.sent = (directory / "sent").exists()
    with contextlib.suppress(FileNotFoundError):
        batch.id = (directory / "id").read_text()
    batch.cancelled = {int(line) for line in _lines(directory / "cancelled")}
    batch.freed = {int(line) for line in _lines(directory / "freed")}
    for line in _lines(directory / "reports"):
        number, report = msgspec.json.decode(line, type=tuple[int, Report])
        batch.reports[number] = report
    return batch


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, but for a last one that was not written to its end."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    yield from data[: data.rfind(b"\n") + 1].splitlines()


def _append(path: Path, lines: Iterable[bytes], *, durable: bool) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":  # somebody was killed while writing
            os.ftruncate(fd, os.pread(fd, size, 0).rfind(b"\n") + 1)
        write_all(fd, b"".join(line + b"\n" for line in lines))
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
