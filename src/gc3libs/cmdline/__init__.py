"""For authors of scripts that run sessions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gc3libs.cmdline._run import run
from gc3libs.cmdline.types import (
    executable_file,
    existing_directory,
    existing_file,
    nonnegative_int,
    positive_int,
    valid_directory,
)

if TYPE_CHECKING:
    from gc3libs.cmdline._base import _Script
    from gc3libs.cmdline._logging import make_logger
    from gc3libs.cmdline.daemon import DaemonClient, SessionBasedDaemon
    from gc3libs.cmdline.script import SessionBasedScript

__all__ = [
    "DaemonClient",
    "SessionBasedDaemon",
    "SessionBasedScript",
    "_Script",
    "executable_file",
    "existing_directory",
    "existing_file",
    "make_logger",
    "nonnegative_int",
    "positive_int",
    "run",
    "valid_directory",
]

_LATER = {
    "DaemonClient": "daemon",
    "SessionBasedDaemon": "daemon",
    "SessionBasedScript": "script",
    "_Script": "_base",
    "make_logger": "_logging",
}
"""What is loaded when it is asked for: most programs only run sessions."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    found.__module__ = __name__
    globals()[name] = found
    return found
