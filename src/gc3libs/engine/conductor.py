"""Collections: they decide what is next when something has happened to what they are made of."""

from __future__ import annotations

import logging
from typing import Any

from gc3libs._clock import Clock
from gc3libs.engine.course import Course, in_words
from gc3libs.engine.keeper import Keeper
from gc3libs.engine.roster import Roster
from gc3libs.exceptions import LoadError, RecoverableError
from gc3libs.model import State, Task

logger = logging.getLogger(__name__)


class Conductor:
    """The collections of an engine of which some child has changed, or whose moment will come."""

    def __init__(self, roster: Roster, course: Course, keeper: Keeper, clock: Clock) -> None:
        self._roster = roster
        self._course = course
        self._keeper = keeper
        self._clock = clock
        self._stirred: dict[int, Task] = {}
        self._alarms: dict[int, tuple[float, Task]] = {}

    def __bool__(self) -> bool:
        """Whether any collection is to be looked at, now or later."""
        return bool(self._stirred or self._alarms)

    @property
    def has_stirred(self) -> bool:
        """Whether any collection is to be looked at now."""
        return bool(self._stirred)

    @property
    def due_in(self) -> float:
        """Seconds until the first moment that a collection waits for."""
        moments = [moment for moment, _ in self._alarms.values()]
        return max(0.0, min(moments) - self._clock.now()) if moments else float("inf")

    def stir(self, task: Task) -> None:
        """Have a collection looked at."""
        self._stirred[id(task)] = task

    def wake(self, task: Task, moment: float) -> None:
        """Have a collection looked at when that moment has come."""
        self._alarms[id(task)] = moment, task

    def discard(self, task: Task) -> None:
        """Leave a collection alone."""
        self._stirred.pop(id(task), None)
        self._alarms.pop(id(task), None)

    def ring(self) -> None:
        """Stir the collections whose moment has come."""
        if self._alarms:
            now = self._clock.now()
            for key, (moment, task) in tuple(self._alarms.items()):
                if moment <= now:
                    del self._alarms[key]
                    self.stir(task)

    def conduct(self) -> bool:
        """Let those that were stirred decide what is next, and those above them then.

        Whether any has moved.
        """
        moved = False
        while self._stirred:
            key, task = next(iter(self._stirred.items()))
            before = task.execution.state
            del self._stirred[key]
            try:
                self._advance(task)
            except (RecoverableError, KeyboardInterrupt):
                self._stirred[key] = task
                raise
            self.note(task)
            moved |= task.execution.state is not before
        return moved

    def _advance(self, task: Any) -> None:
        try:
            if task._failure is not None:
                task._wind_up()
            else:
                self._decide(task)
        except RecoverableError:
            raise
        except LoadError as err:
            logger.warning("%s has to wait: %s", task, err)
        except Exception as err:  # noqa: BLE001  # whatever next(), retry() or a stage raises
            self._give_up(task, f"{type(task).__name__} could not go on", err)

    @staticmethod
    def _decide(task: Task) -> None:
        if task.execution.state is State.NEW:
            if task.execution.held:
                return
            task.submit()
        task.update_state()

    def _give_up(self, task: Any, what: str, err: Exception) -> None:
        """Code of its author raised: a collection ends when what it has begun is over."""
        if task._fail_later(*in_words(what, err)):
            self._course.tell_failure(task, what, err)
        else:
            self._course.fail(task, what, err)

    def kill(self, task: Any) -> None:
        """End a collection, and what is in it."""
        try:
            task.kill()
        except RecoverableError:
            raise
        except Exception as err:  # noqa: BLE001  # whatever a class's own kill() raises
            self._give_up(task, "kill() raised", err)
            if task.execution.state is not State.TERMINATED:
                task._cancel()
        self.note(task)

    def note(self, task: Any) -> None:
        """Have a collection saved if its own record has changed."""
        self._roster.see(task)
        if task.execution.state is State.TERMINATED:
            self._alarms.pop(id(task), None)
            if task._own_change:
                self._keeper.note_end(task)
        elif task._own_change:
            self._keeper.note(task)
