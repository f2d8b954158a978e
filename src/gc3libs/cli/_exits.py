"""Exit codes, and the errors of the command line itself."""

from __future__ import annotations

from typing import Final

from gc3libs.exceptions import Error

OK: Final = 0
FATAL: Final = 1
"""Something could not be done. Bit 1 of `run` and `wait`."""
FAILED: Final = 2
"""`run` and `wait`: some tasks have failed."""
IN_FLIGHT: Final = 4
"""`run` and `wait`: some are running, submitted or unknown."""
WAITING: Final = 8
"""`run` and `wait`: some are new."""
USAGE: Final = 64
FAULT: Final = 70
"""A fault of gc3 itself."""
TIMED_OUT: Final = 124
INTERRUPTED: Final = 130
PIPE: Final = 141


class UsageError(Error):
    """The command line makes no sense; says what to type instead."""


class CannotDo(Error):
    """What was asked cannot be done; says why, and what to do next."""
