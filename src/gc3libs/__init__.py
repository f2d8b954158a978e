"""Sessions of computational tasks that survive anything."""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

from gc3libs import defaults, exceptions, quantity, url
from gc3libs.events import TaskStateChange, TermStatusChange
from gc3libs.model import ANY_OUTPUT, Application, FunctionTask, Run, Task, task
from gc3libs.persistence.trust import trust

if TYPE_CHECKING:
    from gc3libs import debug, utils
    from gc3libs.cmdline import run
    from gc3libs.compat.errors import error_ignored
    from gc3libs.compat.logs import configure_logger
    from gc3libs.core import create_core, create_engine
    from gc3libs.engine import Engine
    from gc3libs.session import Session

__all__ = [
    "ANY_OUTPUT",
    "Application",
    "Default",
    "Engine",
    "FunctionTask",
    "Run",
    "Session",
    "Task",
    "TaskStateChange",
    "TermStatusChange",
    "configure_logger",
    "create_core",
    "create_engine",
    "debug",
    "defaults",
    "error_ignored",
    "exceptions",
    "log",
    "quantity",
    "run",
    "task",
    "trust",
    "url",
    "utils",
]

__version__ = "0.1.0"

Default = defaults

log = logging.getLogger("gc3.gc3libs")

_LAZY = {
    "Engine": "gc3libs.engine",
    "Session": "gc3libs.session",
    "configure_logger": "gc3libs.compat.logs",
    "create_core": "gc3libs.core",
    "create_engine": "gc3libs.core",
    "error_ignored": "gc3libs.compat.errors",
    "run": "gc3libs.cmdline",
}

_LAZY_MODULES = ("debug", "utils")

_MOVED = {"RetryableTask": "gc3libs.workflow"}

for _public in (Application, FunctionTask, Run, Task):
    _public.__module__ = __name__  # the name under which stores record them


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MOVED:
        place = _MOVED[name]
        warnings.warn(
            f"{__name__}.{name} has moved: use {place}.{name}", DeprecationWarning, stacklevel=2
        )
        return getattr(importlib.import_module(place), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
