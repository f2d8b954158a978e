"""Where an engine keeps what must outlive it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from platformdirs import user_state_path


def default_workdir(store_url: str) -> Path:
    """The directory, of the user's, of engines on the store with this URL: the same for the same store."""
    digest = hashlib.blake2b(store_url.encode(errors="surrogateescape"), digest_size=10).hexdigest()
    return user_state_path("gc3libs") / "engines" / digest
