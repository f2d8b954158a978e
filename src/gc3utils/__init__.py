"""Former home of GC3Pie's commands, and of names that very old scripts import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gc3libs.compat._deprecation import warn_moved

_PLACES = {
    "Application": "gc3libs",
    "defaults": "gc3libs",
    "utils": "gc3libs",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _PLACES[name]
    warn_moved(f"{__name__}.{name}", f"{place}.{name}")
    return getattr(import_module(place), name)
