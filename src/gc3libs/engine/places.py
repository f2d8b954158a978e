"""Where an engine keeps what must outlive it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from platformdirs import user_state_path

from gc3libs.backends.local import LocalBackend
from gc3libs.persistence.store import Store

_TRIES = 40
_PAUSE = 0.05  # seconds


def default_workdir(store_url: str) -> Path:
    """The directory, of the user's, of engines on this store: the same for the same URL."""
    digest = hashlib.blake2b(store_url.encode(errors="surrogateescape"), digest_size=10).hexdigest()
    return user_state_path("gc3libs") / "engines" / digest


def open_local(
    cleanup: ExitStack,
    workdir: str | Path | None,
    store: Store | None,
    cores: int | None,
    memory: int | None,
) -> LocalBackend:
    """The backend of this machine; `cleanup` closes it and removes what was made for it alone."""
    if workdir is None and store is not None:
        workdir = default_workdir(store.url)
    elif workdir is None:
        workdir = tempfile.mkdtemp(prefix="gc3-")
        cleanup.callback(_remove, workdir)
    local = LocalBackend(workdir, cores=cores, memory=memory)
    cleanup.callback(local.close)
    return local


def _remove(directory: str) -> None:
    """Remove a directory that a supervisor may be leaving just now."""
    for _ in range(_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not Path(directory).exists():
            return
        time.sleep(_PAUSE)
