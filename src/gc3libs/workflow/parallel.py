"""`ParallelTaskCollection`: all tasks at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from gc3libs.exceptions import MaximumCapacityReached, ResourceNotReady
from gc3libs.model import State, Task
from gc3libs.workflow._composite import Loop
from gc3libs.workflow.collection import TaskCollection


class ParallelTaskCollection(TaskCollection):
    """Runs its tasks independently of each other.

    Its state follows from theirs; the first of these that fits:

    | its tasks                            | its state                                  |
    | ------------------------------------ | ------------------------------------------ |
    | any is STOPPED                       | STOPPED                                    |
    | any is UNKNOWN                       | UNKNOWN                                    |
    | any is RUNNING                       | RUNNING                                    |
    | any is SUBMITTED                     | SUBMITTED; RUNNING if it was that before   |
    | any is NEW                           | RUNNING                                    |
    | any is TERMINATING                   | TERMINATING                                |
    | all are TERMINATED, or there is none | TERMINATED                                 |

    The return code is (0, 0) if all of theirs are 0, else (0, 70); one that is not known counts as
    a failure.

    Of a collection that was loaded from a store, tasks are loaded when it is their turn: it may
    have any number. One that cannot be loaded counts as its record says, or as UNKNOWN if that
    cannot be read either.

    Args:
        tasks: In the order in which they are started.
        **extra: Become attributes.

    >>> from gc3libs.model import Task
    >>> sweep = ParallelTaskCollection([Task(beta=beta) for beta in (1.5, 1.6)], jobname="sweep")
    >>> sweep.add(Task(beta=1.7))
    >>> sweep.stats()["NEW"]
    3
    """

    def add(self, task: Task) -> None:
        """Add a task, at any time; if the others are started, so is it."""
        self._append(task)
        if self._handed_over and self._roll is not None:
            self._count(task, self._roll, link=True)
            self._roll.size = len(self._owned_tasks)
            if self._cancelled:
                self._by_controller().kill(task)
            elif self.execution.state is not State.TERMINATED:
                self._welcome(task)
        self._note_news()

    def _welcome(self, task: Task) -> None:
        """A task was added while the others run."""
        self._join(task)

    def _go_on(self) -> None:
        roll = self._watched()
        self._start_all(
            child
            for child in self._owned_in_memory()
            if child.execution.state is not State.TERMINATED
        )
        if roll.apart():
            self._start_apart(roll.apart(live=True), roll.apart(live=False))

    def _start_all(self, children: Iterable[Task]) -> None:
        """Hand children over; a controller that is full is offered the rest later."""
        waiting = list(children)
        controller = self._by_controller()
        for child in waiting:
            self._join(child)
        for started, child in enumerate(waiting):
            try:
                controller.submit(child)
            except (ResourceNotReady, MaximumCapacityReached):
                if not started:
                    raise
                return

    def _start_apart(self, live: Sequence[str], new: Sequence[str]) -> None:
        """Hand over children that are only in the store: the new ones when it is their turn."""
        for child in self._load_apart(live):
            self._start(child)
        loop = self._loop
        if loop is not None and self._saved is not None and loop.store is self._saved.store:
            loop.feed(self._while_going(new, loop), parent=self)
        else:
            self._start_all(self._load_apart(new))

    def _while_going(self, ids: Sequence[str], loop: Loop) -> Iterable[str]:
        """These IDs, until the collection is over or somebody else's."""
        for id_ in ids:
            if self.execution.state is State.TERMINATED or self._loop is not loop:
                return
            yield id_

    def _advance(self, **extra: Any) -> None:
        if self._watched().size != len(self._owned_tasks):  # somebody has changed the list itself
            self._forget_children()
            self._resume()
        state = self._state_of_children()
        if state is State.TERMINATED:
            self._finish()
        else:
            self._show(state)

    def _state_of_children(self) -> State:
        roll, run = self._watched(), self.execution
        for state in (State.STOPPED, State.UNKNOWN, State.RUNNING):
            if roll.has(state):
                return state
        if roll.has(State.SUBMITTED):
            return State.RUNNING if run.state is State.RUNNING else State.SUBMITTED
        if roll.has(State.NEW):
            return State.RUNNING
        return State.TERMINATING if roll.has(State.TERMINATING) else State.TERMINATED

    def terminated(self) -> None:
        """Called when all is over; sets the return code, if this was not cancelled."""
        if not self._cancelled:
            failed = self._final_roll().returncodes() - {0}
            self.execution.returncode = (0, os.EX_SOFTWARE if failed else 0)

    def redo(self, *args: Any, **kwargs: Any) -> None:
        """Make this, and all its tasks, NEW again.

        Raises:
            UnexpectedStateError: It is SUBMITTED or RUNNING: kill it first.
        """
        super().redo(*args, **kwargs)
        for task in self._usable():
            self._again(task)
