"""How a `Run` goes from one state to the next, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gc3libs import events
from gc3libs._clock import SYSTEM
from gc3libs.model import termination
from gc3libs.model.details import RunDetails
from gc3libs.model.state import State, check_move

_set = object.__setattr__

HOOKS = {state: state.value.lower() for state in State}
"""Name of the task's method that is called on the way to a state."""


class Owner(Protocol):
    """The task that a run belongs to."""

    changed: bool

    @property
    def _parents(self) -> tuple[Callable[[], Any], ...]: ...


class Moving(Protocol):
    """A `Run`, as far as it concerns this module."""

    _state: State
    _moving: State | None
    state_last_changed: float

    @property
    def details(self) -> RunDetails: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def task(self) -> Owner | None: ...
    def touch(self) -> None: ...


def move(run: Moving, after: State) -> None:
    """Stamp, run the task's hook, store the new state, tell.

    A hook that raises leaves the old state.
    """
    check_move(run._state, after)
    before = run.details.timestamps.get(after), getattr(run, "state_last_changed", None)
    now = stamp(run, after)
    place, code = len(run.details.history) - 1, run.returncode
    task = run.task
    hook = None if task is None else getattr(type(task), HOOKS[after], None)
    if callable(hook):
        _set(run, "_moving", after)
        try:
            hook(task)
        except BaseException:
            _unstamp(run, after, *before)
            raise
        finally:
            _set(run, "_moving", None)
        if run.returncode != code:
            run.details.history[place] = (now, _line(run, after))
    enter(run, after, now)


def stamp(run: Moving, after: State) -> float:
    """Note in the run that it enters a state now; the moment."""
    now = SYSTEM.now()
    details = run.details
    details.timestamps[after.value] = now
    details.history.append((now, _line(run, after)))
    _set(run, "state_last_changed", now)
    run.touch()
    return now


def _line(run: Moving, after: State) -> str:
    """What the history says of a state that is entered."""
    line = HOOKS[after]
    if after is not State.TERMINATED or run.returncode is None:
        return line
    return f"{line}: {run.details.reason or termination.words(run.returncode)}"


def _unstamp(run: Moving, after: State, moment: float | None, changed: float | None) -> None:
    if moment is None:
        run.details.timestamps.pop(after.value, None)
    else:
        run.details.timestamps[after.value] = moment
    if changed is None:
        object.__delattr__(run, "state_last_changed")
    else:
        _set(run, "state_last_changed", changed)


def enter(run: Moving, after: State, now: float) -> None:
    """Store the new state, and tell the task's parents and whoever else listens."""
    before, task = run._state, run.task
    _set(run, "_state", after)
    if task is None:
        return
    for parent in task._parents:
        owner = parent()
        if owner is not None:
            owner._child_changed(task, before, after)
    if events.TaskStateChange:
        events.TaskStateChange.send(task, from_state=before, to_state=after)
    publisher = events.publisher
    if publisher.wants(events.TaskStateChanged):
        publisher.publish(events.TaskStateChanged(task=task, before=before, after=after, time=now))
    if after is State.TERMINATED and publisher.wants(events.TaskEnded):
        publisher.publish(
            events.TaskEnded(
                task=task, returncode=run.returncode, reason=run.details.reason, time=now
            )
        )
