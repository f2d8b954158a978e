"""One engine at a time: the lease of a session, and who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from gc3libs._clock import SYSTEM, Clock
from gc3libs._fork import Rank, survive_forks
from gc3libs.exceptions import LeaseLost, SessionInUse, StoreUnavailable
from gc3libs.persistence.record import Guard
from gc3libs.session._origin import this_host

INTERVAL: Final = 60.0
"""Seconds between two heartbeats."""

EXPIRES: Final = 300.0
"""Seconds without a heartbeat after which a lease of another host counts as abandoned."""

_PROBE: Final = "lease.time"
_PATIENCE: Final = 10
_MOMENT: Final = 0.02


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lease.

    Attributes:
        host, pid, boot: The process, and the start of the machine that it runs on.
        since: UTC, seconds since the epoch.
        epoch: Grows with each lease of the session.
        what: What it is doing, in a word.
    """

    host: str = ""
    pid: int = 0
    boot: str = ""
    since: float = 0.0
    epoch: int = 0
    what: str = ""


class Lease:
    """The right to run a session, until it is released.

    A context manager that releases it. The lock ends with the process, however that ends. On
    another host that shares the directory, where the lock may not be seen, the lease is given up
    for lost `EXPIRES` seconds after the last `check`, by the clock of the machine that the
    directory lies on.

    Attributes:
        epoch: Grows with each lease of the session.
        guard: Has a store refuse writes once somebody else holds the lease.
    """

    def __init__(
        self, file: Path, session: str, what: str, next_epoch: Callable[[int], int], clock: Clock
    ) -> None:
        self._file = file
        self._session = session
        self._clock = clock
        self._fd: int | None = acquire(file, clock)
        survive_forks(self, Rank.NONE)
        try:
            former = _read(self._fd)
            self.epoch = next_epoch(0 if former is None else former.epoch)
            self._write(what)
        except BaseException:
            self.release()
            raise
        self.guard = Guard(session=session, epoch=self.epoch)
        self._last_beat = clock.monotonic()

    def _write(self, what: str) -> None:
        assert self._fd is not None
        holder = Holder(
            host=this_host(),
            pid=os.getpid(),
            boot=boot_id(),
            since=self._clock.now(),
            epoch=self.epoch,
            what=what,
        )
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, msgspec.json.encode(holder) + b"\n", 0)
            os.fsync(self._fd)  # other hosts do not see the lock
        except OSError as err:
            raise StoreUnavailable(f"cannot write {self._file}: {err.strerror}") from err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """It was not released."""
        return self._fd is not None

    def check(self) -> None:
        """See that the lease is still held, and give a sign of life from time to time.

        Call it at least every `INTERVAL` seconds.

        Raises:
            LeaseLost: It is not.
            StoreUnavailable: That cannot be seen at the moment.
        """
        try:
            if self._fd is None or not self._is_ours(self._fd):
                raise LeaseLost(self._session, str(self._file.parent.parent))
            if self._clock.monotonic() - self._last_beat >= INTERVAL:
                os.utime(self._fd)
                self._last_beat = self._clock.monotonic()
        except OSError as err:
            raise StoreUnavailable(f"cannot look after {self._file}: {err.strerror}") from err

    def _is_ours(self, fd: int) -> bool:
        holder = _read(fd)
        return is_at(fd, self._file) and holder is not None and holder.epoch == self.epoch

    def release(self) -> None:
        """Let others run the session; doing it again changes nothing."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with contextlib.suppress(OSError):
            if is_at(fd, self._file):
                self._file.unlink()
                self._file.parent.rmdir()
        os.close(fd)

    @property
    def _fork_lock(self) -> None:
        return None

    def _after_fork(self) -> None:
        """In the child: the lease stays the parent's alone."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def acquire(file: Path, clock: Clock = SYSTEM) -> int:
    """Descriptor of the locked lease file.

    Raises:
        SessionInUse: Somebody else holds the lease.
        StoreUnavailable: The file cannot be made.
    """
    while True:
        fd = _open(file)
        try:
            _lock(fd, file, clock)
            if is_at(fd, file):
                former = _read(fd)
                if former is not None and _is_alive_elsewhere(fd, file, former):
                    raise _in_use(file, former)
                return fd
        except OSError as err:
            os.close(fd)
            raise StoreUnavailable(f"cannot write into {file.parent}: {err.strerror}") from err
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def holder_of(file: Path) -> Holder | None:
    """Who holds the lease; None if nobody does.

    Where the directory may not be written, a holder on another host is believed to be alive.
    """
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = _read(fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return found or Holder(host=this_host())
        try:
            return found if found is not None and _is_alive_elsewhere(fd, file, found) else None
        except OSError:
            return found
    finally:
        os.close(fd)


def check_free(file: Path) -> None:
    """See that nobody holds the lease.

    Raises:
        SessionInUse: Somebody does.
    """
    holder = holder_of(file)
    if holder is not None:
        raise _in_use(file, holder)


def _open(file: Path) -> int:
    while True:
        try:
            file.parent.mkdir(exist_ok=True)
            if file.parent.is_symlink():
                raise StoreUnavailable(f"{file.parent} is a symbolic link, and might lead anywhere")
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            if not file.parent.parent.is_dir():
                raise StoreUnavailable(f"{file.parent.parent} is not there any more") from None
        except OSError as err:
            raise StoreUnavailable(f"cannot make {file}: {err.strerror}") from err


def _lock(fd: int, file: Path, clock: Clock) -> None:
    """Lock it, or say who has; those who only look hold it for no longer than a moment."""
    for left in reversed(range(_PATIENCE)):
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise _in_use(file, _read(fd) or Holder(host=this_host())) from None
            clock.sleep(_MOMENT)
    return None


def _in_use(file: Path, holder: Holder) -> SessionInUse:
    return SessionInUse(str(file.parent.parent), holder.host, holder.pid, holder.since)


def _read(fd: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(fd, 65536, 0), type=Holder)
    except msgspec.DecodeError:
        return None


def _is_alive_elsewhere(fd: int, file: Path, holder: Holder) -> bool:
    """Whether another host, whose lock may not be seen here, gave a sign of life lately.

    Raises:
        OSError: It cannot be told.
    """
    if holder.host == this_host():
        return False
    return _time_at(file.with_name(_PROBE)) - os.fstat(fd).st_mtime < EXPIRES


def _time_at(probe: Path) -> float:
    """The time as the machine has it that a directory lies on, which is what files there bear.

    That of this machine may be another one.
    """
    fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        os.utime(fd)
        return os.fstat(fd).st_mtime
    finally:
        os.close(fd)
        probe.unlink(missing_ok=True)


def is_at(fd: int, file: Path) -> bool:
    """Whether an open file is still the one with this name."""
    try:
        return os.path.samestat(os.fstat(fd), file.stat())
    except FileNotFoundError:
        return False


def boot_id() -> str:
    """Names the time since the machine was last started; empty if it cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
