"""For authors of scripts that run sessions."""

from gc3libs.cmdline._base import _Script
from gc3libs.cmdline._logging import make_logger
from gc3libs.cmdline._run import run
from gc3libs.cmdline.daemon import DaemonClient, SessionBasedDaemon
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

for _public in (DaemonClient, SessionBasedDaemon, SessionBasedScript, _Script):
    _public.__module__ = __name__
del _public
