"""Messages of a script and of the library, on the standard error stream."""

from __future__ import annotations

import logging
import sys

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG, 1)
"""What is shown, by the number of `-v`."""


class Messages(logging.Handler):
    """Writes records to whatever `sys.stderr` is at the moment, the script's name before each.

    Attributes:
        said: The message written last.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.program = name
        self.in_detail = False
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        try:
            self.said = record.getMessage()
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  # a message that cannot be written harms nobody
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """One line; more of it where the user asked for details."""
        text = super().format(record)
        if not self.in_detail:
            return f"{self.program}: {text}"
        moment = logging.Formatter().formatTime(record, "%H:%M:%S")
        return f"{moment} {record.levelname} {record.name}: {text}"


def make_logger(verbosity: int, name: str, threshold: int = 0) -> logging.Logger:
    """The logger of a script, with messages going to the standard error stream from now on.

    Args:
        verbosity: How often `-v` was given: warnings, then information, details, everything.
        name: Of the script.
        threshold: So many `-v` are ignored.
    """
    level = LEVELS[min(max(verbosity - threshold, 0), len(LEVELS) - 1)]
    messages(name).in_detail = level < logging.WARNING
    for each in ("gc3", "gc3libs", name):
        logging.getLogger(each).setLevel(level)
    if level == LEVELS[-1]:
        logging.getLogger().setLevel(level)
    return logging.getLogger(name)


def messages(name: str) -> Messages:
    """The handler of this process; made if there is none."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, Messages):
            handler.program = name
            return handler
    handler = Messages(name)
    root.addHandler(handler)
    return handler
