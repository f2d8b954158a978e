"""How commands and files reach the machine where a resource is."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

_MOVED = {
    "LocalTransport": "gc3libs.backends.transport.local",
    "SshTransport": "gc3libs.backends.transport.ssh",
    "Transport": "gc3libs.backends.transport.base",
}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _MOVED[name]
    warnings.warn(
        f"{__name__}.{name} has moved: use {place}.{name}", DeprecationWarning, stacklevel=2
    )
    return getattr(import_module(place), name)
