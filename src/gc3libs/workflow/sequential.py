"""`SequentialTaskCollection`: one task after the other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from gc3libs.exceptions import InvalidArgument, InvalidType, InvalidValue
from gc3libs.model import State, Task
from gc3libs.persistence.children import Unavailable
from gc3libs.workflow._roll import entries
from gc3libs.workflow.collection import TaskCollection

_PAUSES = (State.STOPPED, State.TERMINATING)


class SequentialTaskCollection(TaskCollection):
    """Runs its tasks one after the other, as `next` says: in order, unless a class says otherwise.

    Its state is the first task's until that runs; then STOPPED if the current task is, else
    RUNNING, until `next` ends it. A task that fails does not stop the sequence by itself. The
    return code follows the rule of `TaskCollection`.

    `next` is called once each time the current task is found TERMINATED. What it decided, and the
    tasks it added, are saved in one transaction with that task's end: cut off before that, it is
    called again, on the state as it was before.

    Args:
        tasks: In order.
        **extra: Become attributes.

    >>> from gc3libs.model import Task
    >>> both = SequentialTaskCollection([Task(step=1), Task(step=2)])
    >>> both.add(Task(step=3))
    >>> [task.step for task in both.tasks], both.stage()
    ([1, 2, 3], None)
    """

    _current: int | None = None
    """Place of the current task; None before the start."""

    _asked: bool = False
    """`next` was called for the current task, and did not name another."""

    def __init__(self, tasks: Iterable[Task] | str, *more: Any, **extra: Any) -> None:
        super().__init__(tasks, *more, **extra)

    def add(self, task: Task) -> None:
        """Add a task at the end, at any time; another controller lets it go."""
        self._append(task)
        self._note_news()

    def remove(self, task: Task) -> None:
        """Take a task out; what is current stays current.

        Raises:
            ValueError: It is no task of this collection.
            InvalidValue: It is the current one.
        """
        place = self.tasks.index(task)
        if place == self._current and self.execution.state is not State.TERMINATED:
            raise InvalidValue(f"{task} is the current task of {self}: it cannot be taken out")
        super().remove(task)

    def _lose(self, place: int) -> None:
        over = self.execution.state is State.TERMINATED
        if not over and self._current is not None and place < self._current:
            self._current -= 1
        super()._lose(place)

    def stage(self) -> Task | None:
        """The current task; None before the start."""
        return None if self._current is None else self.tasks[self._current]

    def next(self, done: int) -> Any:
        """Decide what follows. To be overridden at will.

        Args:
            done: Place of the task that has just ended; its output is here.

        Returns:
            `Run.State.RUNNING` (or NEW, SUBMITTED, UNKNOWN): that becomes the state of the
            collection, and the task after this one is started; it must be there, or be added here.
            The place of another task: that one is started, once more if it has run.
            `Run.State.TERMINATED`: the end. `Run.State.STOPPED` or `TERMINATING`: that becomes the
            state, and nothing is started.
        """
        return State.TERMINATED if self._is_last(done) else State.RUNNING

    def _is_last(self, done: int) -> bool:
        return done >= len(self.tasks) - 1

    def _awaits_more(self) -> bool:
        """Tasks will be added, even if the last one has ended."""
        return False

    def _moving(self) -> Iterable[Task]:
        current = self.stage()
        return () if current is None else (current,)

    def _go_on(self) -> None:
        if not self.tasks:
            self._finish()
            return
        if self._goes_in_order:
            self._move_to(self._first_unfinished())
        elif self._current is None:
            self._move_to(0)
        elif (place := self._first_to_repeat(self._current)) != self._current:
            self._move_to(place)
        current = self.stage()
        assert current is not None
        if current.execution.state is not State.TERMINATED:
            self._start(current)

    @property
    def _goes_in_order(self) -> bool:
        """Its class leaves `next` as it is: which task is current follows from the tasks."""
        return type(self).next is SequentialTaskCollection.next

    def _first_unfinished(self) -> int:
        """Place of the first task that is not over; of the last one, if all are."""
        roll = self._called(link=False)
        waiting = (
            place for place, each in enumerate(entries(self.tasks)) if not roll.is_over(each)
        )
        return next(waiting, len(self.tasks) - 1)

    def _first_to_repeat(self, current: int) -> int:
        """Place of the first task before the current one that somebody wants done again."""
        roll = self._called(link=False)
        for place, each in enumerate(islice(entries(self.tasks), current)):
            if not roll.is_over(each) and _was_begun(self.tasks[place]):
                return place
        return current

    def _move_to(self, place: int) -> None:
        if self._goes_in_order:
            self.__dict__["_current"] = place  # it need not be saved
        else:
            self._current = place
        if self._asked:
            self._asked = False

    def _advance(self, **extra: Any) -> None:
        while self.execution.state is not State.TERMINATED and self._current is not None:
            current: Task = self.tasks[self._current]
            state = current.execution.state
            if state is not State.TERMINATED:
                self._mirror(self._current, state)
                return
            if not self._asked:
                self._obey(self._ask(self.next, self._current))
            elif self.execution.state in _PAUSES or self._current + 1 >= len(self.tasks):
                return
            else:
                self._run(self._current + 1)

    def _mirror(self, place: int, state: State) -> None:
        """Show how the current task stands, if it is not over."""
        if place == 0 and state in (State.NEW, State.SUBMITTED):
            if self.execution.state is State.NEW:
                self._show(state)
        else:
            self._show(State.STOPPED if state is State.STOPPED else State.RUNNING)

    def _obey(self, answer: Any) -> None:
        """Do what `next` says."""
        done = self._current
        assert done is not None
        if isinstance(answer, int) and not isinstance(answer, bool):
            if not 0 <= answer < len(self.tasks):
                raise InvalidArgument(
                    f"{self}.next({done}) returned {answer}: there are only tasks 0 to"
                    f" {len(self.tasks) - 1}"
                )
            self._show(State.RUNNING)
            self._run(answer, again=True)
        elif answer not in State:
            raise InvalidType(
                f"{self}.next({done}) returned {answer!r}: it must be a state, or a task's place"
            )
        elif answer == State.TERMINATED:
            self._finish()
        elif answer in _PAUSES:
            self._asked = True
            self._show(State(answer))
        else:
            self._show(State(answer))
            self._run_following(done)

    def _run_following(self, done: int) -> None:
        if done + 1 < len(self.tasks):
            self._run(done + 1)
        elif self._awaits_more():
            self._asked = True
        else:
            raise IndexError(
                f"{self}.next({done}) wants the following task, and there is none: add() it first"
            )

    def _run(self, place: int, *, again: bool = False) -> None:
        task = self.tasks[place]
        if again and task.execution.state is not State.NEW:
            self._again(task)
        self._move_to(place)
        if task.execution.state is not State.TERMINATED:
            self._start(task)

    def redo(self, from_stage: int = 0, *args: Any, **kwargs: Any) -> None:
        """Make this NEW again: one of its tasks and all later ones are done once more.

        Args:
            from_stage: Place of that task. The number of tasks means: go on after the last one,
                which must be TERMINATED; `next` is called for it, once more.

        Raises:
            InvalidArgument: There is no such task, or the last one is not over.
            UnexpectedStateError: This is SUBMITTED or RUNNING.
        """
        if not 0 <= from_stage <= len(self.tasks):
            raise InvalidArgument(
                f"{self} has {len(self.tasks)} tasks: it cannot be done again from {from_stage}"
            )
        if from_stage and from_stage == len(self.tasks):
            self._go_on_after_last()
            return
        super().redo(*args, **kwargs)
        for task in self.tasks[from_stage:]:
            self._again(task)
        self._current = from_stage
        self._asked = False

    def _go_on_after_last(self) -> None:
        last = self.tasks[-1]
        if last.execution.state is not State.TERMINATED:
            raise InvalidArgument(
                f"{last}, the last task of {self}, is {last.execution.state}, not over"
            )
        self._forget_run()
        self._current = len(self.tasks) - 1
        self._asked = False
        self.execution.state = State.RUNNING
        if self._controller is not None:
            self.update_state()


def _was_begun(task: Task) -> bool:
    """Whether a task was handed over at some time, as far as that can be known."""
    if isinstance(task, Unavailable):
        return False
    return task.execution.attempt > 0 or task.execution.state is not State.NEW
