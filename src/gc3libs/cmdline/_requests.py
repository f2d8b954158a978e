"""Requests: what commands want of a session that somebody else is running.

A request is a file in the directory `requests` of the session. Whoever runs the session carries it
out and removes it; what nobody has carried out when a run ends, the next command or run does.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from gc3libs._atomic import sync_directory, write_file
from gc3libs.exceptions import StoreUnavailable

logger = logging.getLogger(__name__)

FORMAT: Final = 1


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to some tasks.

    Attributes:
        verb: `retry`, `kill`, `hold`, `release`, `tag`, `rm`, `undo`, or `feed` (run what was
            added).
        ids: The tasks.
        add, remove: Tags.
        memory, walltime: For `retry`: what is asked for from now on, or a factor such as `x2`.
        time: UTC, seconds since the epoch.
        by: Who wants it.
    """

    format: int = FORMAT
    verb: str
    ids: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    memory: str = ""
    walltime: str = ""
    time: float = 0.0
    by: str = ""


class Queue:
    """The requests of one session.

    Args:
        session: Path of its directory.
    """

    def __init__(self, session: str) -> None:
        self._directory = Path(session) / "requests"

    def put(self, request: Request) -> None:
        """Leave a request.

        Raises:
            StoreUnavailable: It cannot be written.
        """
        path = self._directory / f"{time.time_ns():020d}-{os.getpid()}.json"
        data = msgspec.json.encode(request) + b"\n"
        try:
            while not self._write(path, data):
                pass
            with contextlib.suppress(FileNotFoundError):  # it was carried out already
                _make_safe(path)
        except OSError as err:
            raise StoreUnavailable(f"cannot write {path}: {err.strerror}") from err

    def _write(self, path: Path, data: bytes) -> bool:
        """False if the directory was just removed, with the last request that was taken."""
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir()
        try:
            write_file(path, data, durable=False)
        except FileNotFoundError:
            return False
        return True

    def __bool__(self) -> bool:
        return self._directory.is_dir()

    def take(self) -> Iterator[Request]:
        """The requests, the oldest first; each is removed once the next one is asked for.

        One that cannot be read is put aside, with a warning.
        """
        if not self:
            return
        for path in sorted(self._directory.glob("*.json")):
            try:
                request = msgspec.json.decode(path.read_bytes(), type=Request)
            except (OSError, msgspec.DecodeError) as err:
                logger.warning(
                    "a request was put aside, since it cannot be read: %s: %s", path, err
                )
                path.rename(path.with_suffix(".bad"))
                continue
            if request.format > FORMAT:
                logger.warning("%s is of a later version and waits for that", path)
                continue
            yield request
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._directory.rmdir()


def _make_safe(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_directory(path.parent)


def whoami() -> str:
    """User and host, for others to see."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
