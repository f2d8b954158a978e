"""A job in the supervisor's hands."""

from __future__ import annotations

from .records import Record
from .wire import ORDER_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .capture import Capture


class Job:
    """An order, its record, and what the supervisor holds while it runs."""

    __slots__ = (*ORDER_FIELDS, "captures", "deadline", "ending", "monotonic", "record")

    def __init__(self, order: tuple[Any, ...]) -> None:
        (
            self.token,
            self.argv,
            self.environment,
            self.directory,
            self.stdin,
            self.stdout,
            self.stderr,
            self.join,
            self.capture,
            self.cores,
            self.memory,
            self.memory_limit,
            self.walltime,
            self.streams,
        ) = order
        self.record = Record(self.token, streams=self.streams)
        self.captures: tuple[Capture, ...] = ()
        self.ending = False
        self.monotonic = 0.0
        self.deadline = 0.0
