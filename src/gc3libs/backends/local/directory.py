"""The work directory of a backend: one that stays, or one that goes with those who use it."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from gc3libs.backends.local.supervisor import daemon


class Directory:
    """A work directory that stays, for the next backend to find."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Have it."""
        self.path.mkdir(parents=True, exist_ok=True)

    def leave(self) -> None:
        """The backend was closed."""


class TemporaryDirectory(Directory):
    """A work directory that nobody else will ask for.

    It is removed by the last of those who use it, the backend and the supervisor; so one of them
    may be killed. The backend's life is the lock of a file in it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._fd: int | None = None
        self._pid = os.getpid()

    def make(self) -> None:
        """Have it, for nobody else to enter.

        Raises:
            FileExistsError: Somebody else has.
        """
        if self._fd is None:
            self.path.mkdir(mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self.path / daemon.TEMPORARY, flags, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Remove it, unless a supervisor, which will do so, still has jobs."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        os.close(fd)
        if os.getpid() == self._pid and not daemon.is_served(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
