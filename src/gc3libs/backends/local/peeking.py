"""Reading what a job has written so far."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gc3libs.backends._staging import climbs
from gc3libs.backends.local.supervisor.capture import DIRECTORY as LOGS
from gc3libs.backends.local.supervisor.records import unquote


def stream_file(workdir: Path, token: str, directory: str, streams: str, what: str) -> Path | None:
    """Where `"stdout"`, `"stderr"` or a file of a job is; None: nowhere.

    Args:
        workdir: The backend's directory.
        token: The job's.
        directory: The job's, relative to `workdir`; may be `""`.
        streams: What became of stdout and stderr, as the journal says it.
        what: One of the two, or a name in the job's directory.
    """
    out, _, err = streams.partition(" ")
    words = {"stdout": out, "stderr": out if err == "=" else err}
    word = words.get(what)
    if word == ">":
        return workdir / LOGS / f"{token}.{'err' if what == 'stderr' and err != '=' else 'out'}"
    if word == ".":
        return None
    name = what if word is None else unquote(word[1:])
    if climbs(name):
        return None
    home = workdir / (directory or f"jobs/{token}")
    path = home / name
    return path if path.resolve().is_relative_to(home.resolve()) else None


def read_part(path: Path, offset: int, size: int | None) -> bytes | None:
    """A part of a file, from its end if `offset` is negative; None if there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        entry = os.fstat(fd)
        if not stat.S_ISREG(entry.st_mode):
            return None
        start = offset if offset >= 0 else max(0, entry.st_size + offset)
        return _read(fd, start, entry.st_size - start if size is None else size)
    finally:
        os.close(fd)


def _read(fd: int, start: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(fd, size, start)):
        parts.append(part)
        start += len(part)
        size -= len(part)
    return b"".join(parts)
