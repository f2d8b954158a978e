"""Limits that all who use a resource share, without a server: files and locks.

Each holder has a file in the resource's directory, which it keeps locked as long as it lives, with
what it has there. A file whose lock can be taken is that of somebody who is no more, and does not
count. Another file's lock is held while anybody counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gc3libs._atomic import locked
from gc3libs.config import Limits

logger = logging.getLogger(__name__)

_LOCK = "lock"
_SUBMISSIONS = "submissions"
_SUFFIX = ".slots"
_MINUTE = 60.0
_MANY = 1 << 62


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has at a resource.

    Attributes:
        holder: Who, for people.
        pid: Of the process.
        jobs, cores: How many.
    """

    holder: str
    pid: int
    jobs: int
    cores: int


class Slots:
    """What one engine may have at a resource.

    Args:
        limits: Of the resource.
        directory: Where all who use the resource count; None: nobody else does.
        holder: Whom others see.
    """

    def __init__(self, limits: Limits, directory: Path | None = None, holder: str = "") -> None:
        self._limits = limits
        self._directory = directory
        self._holder = holder
        self._fd: int | None = None
        self._path: Path | None = None
        self._noted = (0, 0)
        self._submissions: list[float] = []

    @property
    def are_limited(self) -> bool:
        """Whether there is any limit."""
        limits = self._limits
        return bool(limits.max_jobs or limits.max_cores or limits.submissions_per_minute)

    def grab(self, jobs: int, cores: int) -> tuple[int, int]:
        """Take all that is free; give back by `keep` what is not needed.

        Args:
            jobs, cores: What the engine has.

        Returns:
            How many jobs and cores more it may have now; a large number where there is no limit.
        """
        limits = self._limits
        if not (limits.max_jobs or limits.max_cores):
            return _MANY, _MANY
        with self._counting():
            others = self._others()
            taken_jobs = jobs + sum(each.jobs for each in others)
            taken_cores = cores + sum(each.cores for each in others)
            more_jobs = max(0, limits.max_jobs - taken_jobs) if limits.max_jobs else _MANY
            more_cores = max(0, limits.max_cores - taken_cores) if limits.max_cores else _MANY
            self._note(
                jobs + (more_jobs if limits.max_jobs else 0),
                cores + (more_cores if limits.max_cores else 0),
            )
        return more_jobs, more_cores

    def keep(self, jobs: int, cores: int) -> None:
        """Let others know what the engine has now."""
        if (self._limits.max_jobs or self._limits.max_cores) and (jobs, cores) != self._noted:
            with self._counting():
                self._note(jobs, cores)

    def take_submission(self, now: float) -> bool:
        """Whether a submission may be made now; it counts as made then.

        Args:
            now: UTC, in seconds since the epoch.
        """
        most = self._limits.submissions_per_minute
        if not most:
            return True
        with self._counting():
            recent = [each for each in self._recorded() if now - _MINUTE < each <= now]
            may = len(recent) < most
            self._record([*recent, now] if may else recent)
        return may

    def close(self) -> None:
        """Have nothing any more."""
        if self._fd is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
        self._fd = self._path = None
        self._noted = (0, 0)

    # files

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        """Nobody else counts meanwhile. Where that cannot be had, the engine counts for itself."""
        if self._directory is not None and self._fd is None:
            try:
                self._enter(self._directory)
            except OSError as err:
                logger.warning("limits hold for this session alone: %s: %s", self._directory, err)
                self._directory = None
        if self._directory is None:
            yield
            return
        with locked(self._directory / _LOCK):
            yield

    def _enter(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory / _LOCK):
            path = directory / f"{secrets.token_hex(8)}{_SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            fcntl.flock(fd, fcntl.LOCK_EX)
        self._fd, self._path = fd, path

    def _others(self) -> list[Holding]:
        return [] if self._directory is None else _holdings(self._directory, but=self._path)

    def _note(self, jobs: int, cores: int) -> None:
        self._noted = (jobs, cores)
        if self._fd is not None:
            mine = Holding(holder=self._holder, pid=os.getpid(), jobs=jobs, cores=cores)
            content = msgspec.json.encode(mine)
            os.pwrite(self._fd, content, 0)
            os.ftruncate(self._fd, len(content))

    def _recorded(self) -> list[float]:
        if self._directory is None:
            return self._submissions
        try:
            content = (self._directory / _SUBMISSIONS).read_bytes()
            return msgspec.json.decode(content, type=list[float])
        except (FileNotFoundError, msgspec.DecodeError):
            return []

    def _record(self, moments: list[float]) -> None:
        self._submissions = moments
        if self._directory is not None:
            (self._directory / _SUBMISSIONS).write_bytes(msgspec.json.encode(moments))


def holdings(directory: Path) -> list[Holding]:
    """What everybody has at the resource whose directory this is."""
    if not directory.is_dir():
        return []
    with locked(directory / _LOCK):
        return _holdings(directory)


def _holdings(directory: Path, but: Path | None = None) -> list[Holding]:
    """Those whose owners live; files of the others are removed. The directory is locked."""
    found = []
    for path in directory.glob(f"*{_SUFFIX}"):
        if path != but and _is_held(path):
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Holding))
    return found


def _is_held(path: Path) -> bool:
    """Whether somebody who lives holds the lock of a file; otherwise it is removed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(fd)
