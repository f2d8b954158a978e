"""Watching directories for files that come, change or go."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gc3libs._atomic import write_file
from gc3libs._clock import SYSTEM, Clock
from gc3libs.exceptions import StoreUnavailable
from gc3libs.persistence.sqlite_file import is_local

logger = logging.getLogger(__name__)

FORMAT = 1
QUIET = 0.5
"""Seconds for which a file must not change before it counts as complete."""
PAUSE = 2.0
"""Seconds between two looks where the system does not tell of changes."""
LONG_PAUSE = 60.0
"""Seconds between two looks where it does."""

CREATED, MODIFIED, DELETED = "created", "modified", "deleted"


class Event(NamedTuple):
    """Something that happened to a file.

    Attributes:
        kind: `created`, `modified` or `deleted`.
        inbox: Path of the watched directory.
        path: Of the file.
    """

    kind: str
    inbox: str
    path: str


Mark = tuple[int, int, int]
"""Inode, size and time of the last change: what tells whether a file is still the same."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Which files were dealt with, as a file remembers it."""

    format: int = FORMAT
    files: dict[str, Mark] = {}


class Inboxes:
    """The files in some directories, at all depths, but for those whose name begins with a dot.

    A file is reported once it has not changed for half a second, so that it is complete. What was
    reported is remembered, also for the next process: what comes meanwhile is reported then.

    Args:
        directories: Absolute paths.
        memory: Path of the file that remembers; None: only this object does.
    """

    def __init__(
        self, directories: Sequence[str], memory: Path | None = None, clock: Clock = SYSTEM
    ) -> None:
        self._directories = tuple(directories)
        self._memory = memory
        self._clock = clock
        self._known = self._remembered()
        self._restless: dict[str, tuple[Mark, float]] = {}

    @property
    def directories(self) -> tuple[str, ...]:
        """Those that are watched."""
        return self._directories

    @property
    def due_in(self) -> float:
        """Seconds until a file that was still changing may be complete."""
        if not self._restless:
            return float("inf")
        first = min(since for _, since in self._restless.values())
        return max(0.0, first + QUIET - self._clock.monotonic())

    def look(self) -> list[Event]:
        """What has happened since the last time. To be `settle`d, each, once it was dealt with."""
        now = self._clock.monotonic()
        present: dict[str, Mark] = {}
        events = []
        for inbox, path, mark in self._files():
            present[path] = mark
            known = self._known.get(path)
            if mark == known:
                self._restless.pop(path, None)
            elif self._is_quiet(path, mark, now):
                events.append(Event(CREATED if known is None else MODIFIED, inbox, path))
        gone = [path for path in self._known if path not in present]
        self._restless = {path: each for path, each in self._restless.items() if path in present}
        return [*(Event(DELETED, self._inbox_of(path), path) for path in gone), *events]

    def _is_quiet(self, path: str, mark: Mark, now: float) -> bool:
        former = self._restless.get(path)
        if former is None or former[0] != mark:
            self._restless[path] = mark, now
            return False
        return now - former[1] >= QUIET

    def settle(self, event: Event) -> None:
        """Remember that an event was dealt with."""
        if event.kind == DELETED:
            self._known.pop(event.path, None)
        else:
            self._known[event.path] = self._restless.pop(event.path)[0]

    def remember(self) -> None:
        """Have the next process know what was dealt with.

        Raises:
            StoreUnavailable: The file cannot be written.
        """
        if self._memory is None:
            return
        try:
            write_file(self._memory, msgspec.json.encode(Kept(files=self._known)) + b"\n")
        except OSError as err:
            raise StoreUnavailable(f"cannot write {self._memory}: {err.strerror}") from err

    def _remembered(self) -> dict[str, Mark]:
        if self._memory is None:
            return {}
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=Kept).files
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as err:
            logger.warning("%s cannot be read, all files count as new: %s", self._memory, err)
            return {}

    def _files(self) -> Iterator[tuple[str, str, Mark]]:
        for inbox in self._directories:
            for parent, directories, names in os.walk(inbox):
                directories[:] = [each for each in directories if not each.startswith(".")]
                for name in sorted(names):
                    if not name.startswith("."):
                        path = os.path.join(parent, name)  # noqa: PTH118  # paths here are text
                        mark = _mark(path)
                        if mark is not None:
                            yield inbox, path, mark

    def _inbox_of(self, path: str) -> str:
        return next((each for each in self._directories if path.startswith(f"{each}/")), "")


def _mark(path: str) -> Mark | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Alarm:
    """Wakes somebody when the system says that something has changed in some directories.

    The system does so for local filesystems, if the package `watchdog` is there (the extra
    `inotify`); elsewhere one has to look now and then.

    Args:
        directories: Absolute paths.
        wake: Called from another thread.

    Attributes:
        pause: Seconds between two looks that one has to take all the same.
    """

    def __init__(self, directories: Sequence[str], wake: Callable[[], object]) -> None:
        self._wake = wake
        local = [each for each in directories if is_local(Path(each))]
        self._observer = self._start(local)
        covers_all = self._observer is not None and len(local) == len(directories)
        self.pause = LONG_PAUSE if covers_all else PAUSE

    def _start(self, directories: Sequence[str]) -> Any:
        try:
            observers: Any = importlib.import_module("watchdog.observers")
        except ImportError:
            return None
        observer = observers.Observer()
        for each in directories:
            observer.schedule(self, each, recursive=True)
        observer.start()
        return observer

    def dispatch(self, event: object) -> None:
        """Called by the observer."""
        self._wake()

    def close(self) -> None:
        """Wake nobody any more."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class Bell:
    """Wakes somebody who waits in `select` for its descriptor; from any thread, or a signal's."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """Readable from when it rings until it is silenced."""
        return self._fd

    def ring(self) -> None:
        """Wake whoever waits."""
        os.eventfd_write(self._fd, 1)

    def silence(self) -> None:
        """Let them sleep again."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Wake nobody any more."""
        os.close(self._fd)
