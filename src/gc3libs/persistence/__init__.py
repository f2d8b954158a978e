"""Objects kept by ID. Knows nothing of tasks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gc3libs.persistence.factory import make_store, register
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import Query, Record, StateCount, Summary
from gc3libs.persistence.store import Store
from gc3libs.persistence.trust import trust

__all__ = [
    "Persistable",
    "Query",
    "Record",
    "StateCount",
    "Store",
    "Summary",
    "make_store",
    "register",
    "trust",
]

_LATER = {
    "FilesystemStore": "gc3libs.persistence.filesystem",
    "Id": "gc3libs.compat.ids",
    "IdFactory": "gc3libs.compat.ids",
    "JobIdFactory": "gc3libs.compat.ids",
    "SqlStore": "gc3libs.compat.stores",
}
"""What is loaded when it is asked for; scripts import it from here."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
