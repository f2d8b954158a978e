"""Where an engine keeps what must outlive it."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

from platformdirs import user_state_path

from gc3libs.backends.local import LocalBackend
from gc3libs.persistence.store import Store


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
    """The backend of this machine; `cleanup` closes it. Without a store it leaves nothing."""
    temporary = workdir is None and store is None
    if workdir is None and store is not None:
        workdir = default_workdir(store.url)
    elif workdir is None:
        workdir = Path(tempfile.gettempdir(), f"gc3-{secrets.token_hex(8)}")
    local = LocalBackend(workdir, cores=cores, memory=memory, temporary=temporary)
    cleanup.callback(local.close)
    return local
