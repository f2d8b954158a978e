"""For authors of scripts that run sessions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc3libs.cmdline._base import _Script
    from gc3libs.cmdline._client import DaemonClient
    from gc3libs.cmdline._logging import make_logger
    from gc3libs.cmdline._run import run
    from gc3libs.cmdline.daemon import SessionBasedDaemon
    from gc3libs.cmdline.script import SessionBasedScript
    from gc3libs.cmdline.types import (
        executable_file,
        existing_directory,
        existing_file,
        nonnegative_int,
        positive_int,
        valid_directory,
    )

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
    "DaemonClient": "_client",
    "SessionBasedDaemon": "daemon",
    "SessionBasedScript": "script",
    "_Script": "_base",
    "executable_file": "types",
    "existing_directory": "types",
    "existing_file": "types",
    "make_logger": "_logging",
    "nonnegative_int": "types",
    "positive_int": "types",
    "run": "_run",
    "valid_directory": "types",
}
"""What is loaded when it is asked for: nobody needs all of it, and looking needs none of it."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    found.__module__ = __name__
    globals()[name] = found
    return found
