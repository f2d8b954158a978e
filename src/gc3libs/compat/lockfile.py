"""The package `lockfile`, under the name that scripts import it by."""

from __future__ import annotations

import importlib
from typing import Any

from gc3libs.compat._deprecation import warn_moved

_NAMES = frozenset(
    [
        "AlreadyLocked",
        "Error",
        "FileLock",
        "LinkFileLock",
        "LockBase",
        "LockError",
        "LockFailed",
        "LockTimeout",
        "MkdirFileLock",
        "NotLocked",
        "NotMyLock",
        "SQLiteFileLock",
        "UnlockError",
        "locked",
    ]
)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_moved(f"{__name__}.{name}", f"lockfile.{name}")
    try:
        return getattr(importlib.import_module("lockfile"), name)
    except ModuleNotFoundError as err:
        raise ModuleNotFoundError(
            f"{name} comes from the package lockfile: pip install lockfile", name="lockfile"
        ) from err
