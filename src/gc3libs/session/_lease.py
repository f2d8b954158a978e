"""One engine at a time: the lease of a session, and who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from gc3libs._clock import SYSTEM, Clock
from gc3libs.exceptions import LeaseLost, SessionInUse, StoreUnavailable
from gc3libs.persistence.record import Guard
from gc3libs.session._origin import this_host

INTERVAL: Final = 60.0
"""Seconds between two heartbeats."""

EXPIRES: Final = 300.0
"""Seconds without a heartbeat after which a lease of another host counts as abandoned."""

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
    for lost `EXPIRES` seconds after the last `check`.

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
        _held.add(self)
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
        """
        if self._fd is None or not self._is_ours(self._fd):
            raise LeaseLost(self._session, str(self._file.parent.parent))
        if self._clock.monotonic() - self._last_beat >= INTERVAL:
            os.utime(self._fd)
            self._last_beat = self._clock.monotonic()

    def _is_ours(self, fd: int) -> bool:
        holder = _read(fd)
        return is_at(fd, self._file) and holder is not None and holder.epoch == self.epoch

    def release(self) -> None:
        """Let others run the session; doing it again changes nothing."""
        fd, self._fd = self._fd, None
        _held.discard(self)
        if fd is None:
            return
        with contextlib.suppress(OSError):
            if is_at(fd, self._file):
                self._file.unlink()
                self._file.parent.rmdir()
        os.close(fd)

    def _forget(self) -> None:
        """In a process made by fork: the lease stays the parent's alone."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


_held: weakref.WeakSet[Lease] = weakref.WeakSet()


def _forget_all() -> None:
    for lease in list(_held):
        lease._forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)


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
                if former is not None and _is_alive_elsewhere(fd, former, clock):
                    raise _in_use(file, former)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def holder_of(file: Path, clock: Clock = SYSTEM) -> Holder | None:
    """Who holds the lease; None if nobody does."""
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
        return found if found is not None and _is_alive_elsewhere(fd, found, clock) else None
    finally:
        os.close(fd)


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


def _is_alive_elsewhere(fd: int, holder: Holder, clock: Clock) -> bool:
    """Whether another host, whose lock may not be seen here, gave a sign of life lately."""
    return holder.host != this_host() and clock.now() - os.fstat(fd).st_mtime < EXPIRES


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
