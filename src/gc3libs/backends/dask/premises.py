"""Taking a work directory for oneself."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from gc3libs._atomic import write_file
from gc3libs.backends.dask import layout
from gc3libs.exceptions import DirectoryInUse

_LOCK = "engine.lock"


def take(workdir: Path) -> int:
    """Be the only engine there, until the descriptor is closed; the directory is made if need be.

    Raises:
        DirectoryInUse: Another engine is there.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    lock = os.open(workdir / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DirectoryInUse(str(workdir), "another engine uses it") from None
    return lock


def identity(workdir: Path) -> str:
    """The word by which workers know the directory."""
    path = workdir / layout.IDENTITY
    try:
        return path.read_text()
    except FileNotFoundError:
        word = secrets.token_hex(8)
        write_file(path, word)
        return word
