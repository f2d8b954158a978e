"""The states of a task, and the moves between them.

A live task (NEW to UNKNOWN below) may go anywhere: a collection mirrors its children, a batch
system takes a running job back into its queue, a kill ends a task that never started. TERMINATED
is left only on purpose:

| from        | to                                                                  |
| ----------- | ------------------------------------------------------------------- |
| NEW         | any other                                                           |
| SUBMITTED   | any other                                                           |
| RUNNING     | any other                                                           |
| STOPPED     | any other                                                           |
| UNKNOWN     | any other                                                           |
| TERMINATING | any other                                                           |
| TERMINATED  | NEW (it is done again), RUNNING (a collection goes on with children) |
"""

from __future__ import annotations

import enum
from typing import Any

from gc3libs.exceptions import InvalidOperation


class _FixedSet(enum.EnumMeta):
    """Lets a class of states be used as the frozen set of their names."""

    _sealed = False

    def __contains__(cls, name: object) -> bool:
        return isinstance(name, str) and name in cls._value2member_map_

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls._sealed:
            raise SyntaxError(f"{cls.__name__}.{name} cannot be set: the set of states is fixed")
        super().__setattr__(name, value)


class State(enum.StrEnum, metaclass=_FixedSet):
    """Where a task is in its life; each state equals, and prints as, its own name.

    >>> State.NEW == "NEW", "NEW" in State, "new" in State, str(State.NEW)
    (True, True, False, 'NEW')
    """

    NEW = "NEW"
    """Not handed over to any backend."""
    SUBMITTED = "SUBMITTED"
    """Handed over, not started."""
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    """Neither running nor over: somebody has to look."""
    TERMINATING = "TERMINATING"
    """The job is over; its output is not here yet."""
    TERMINATED = "TERMINATED"
    """Over, output and return code are here."""
    UNKNOWN = "UNKNOWN"
    """Its backend does not know, at the moment."""


type.__setattr__(State, "_sealed", True)

LIVE = frozenset({State.SUBMITTED, State.RUNNING, State.STOPPED, State.UNKNOWN})
"""A backend has the job, as far as is known."""

_FROM_TERMINATED = frozenset({State.TERMINATED, State.NEW, State.RUNNING})


def check_move(before: State, after: State) -> None:
    """See that a task may go from one state to another.

    Raises:
        InvalidOperation: It may not; says where it may go.
    """
    if before is State.TERMINATED and after not in _FROM_TERMINATED:
        raise InvalidOperation(
            f"a task that is {before} cannot become {after}: redo() makes it NEW again, and only a"
            " collection that goes on becomes RUNNING"
        )
