"""What a `Run` shows of its details: lines of history, and facts that are absent until known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from gc3libs._clock import SYSTEM
from gc3libs.exceptions import InvalidType
from gc3libs.model.details import RunDetails


class HasDetails(Protocol):
    """A `Run`."""

    @property
    def details(self) -> RunDetails: ...
    def touch(self) -> None: ...


class History:
    """What happened to a task: moments and texts.

    >>> from gc3libs.model.run import Run
    >>> run = Run()
    >>> run.history.append("looked at by hand")
    >>> run.history.last()
    'looked at by hand'
    """

    __slots__ = ("_run",)

    def __init__(self, run: HasDetails) -> None:
        self._run = run

    def append(self, message: str) -> None:
        """Add a line, with the present time."""
        self._run.details.history.append((SYSTEM.now(), str(message)))
        self._run.touch()

    __call__ = append

    def last(self) -> str:
        """The last line's text; empty if there is none."""
        lines = self._run.details.history
        return lines[-1][1] if lines else ""

    def __iter__(self) -> Iterator[str]:
        return (with_time(*line) for line in self._run.details.history)

    def __len__(self) -> int:
        return len(self._run.details.history)

    def __str__(self) -> str:
        return "\n".join(self)

    def __repr__(self) -> str:
        return f"<History of {len(self)} lines>"


def with_time(moment: float, text: str) -> str:
    """A line of history for people, in local time."""
    return f"{text} at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(moment))}"


class Fact:
    """An attribute that is kept in the details, and absent until it is known.

    Args:
        field: Of `RunDetails`.
        kind: What the attribute's value is; setting it to anything else but None is refused.
        show: Makes it of what is kept.
        keep: The other way.
    """

    def __init__(
        self,
        field: str,
        kind: type = object,
        show: Callable[[Any], Any] = lambda kept: kept,
        keep: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._field = field
        self._kind = kind
        self._show = show
        self._keep = keep

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, run: HasDetails | None, owner: type | None = None) -> Any:
        if run is None:
            return self
        kept = getattr(run.details, self._field)
        if kept is None or kept == "":
            raise AttributeError(f"{self._name} is not known yet")
        return self._show(kept)

    def __set__(self, run: HasDetails, value: Any) -> None:
        blank = "" if isinstance(getattr(run.details, self._field), str) else None
        setattr(run.details, self._field, blank if value is None else self._kept(value))

    def _kept(self, value: Any) -> Any:
        if not isinstance(value, self._kind):
            name = self._kind.__name__
            raise InvalidType(f"{self._name}={value!r}: give a {name}, or None")
        return self._keep(value)
