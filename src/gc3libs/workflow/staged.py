"""`StagedTaskCollection`: one task after the other, each made when it is its turn."""

from __future__ import annotations

from typing import Any

from gc3libs.exceptions import InvalidType
from gc3libs.model import State, Task
from gc3libs.workflow.collection import without_name
from gc3libs.workflow.sequential import SequentialTaskCollection


class StagedTaskCollection(SequentialTaskCollection):
    """Runs what its methods `stage0`, `stage1`, ... give, one after the other.

    Each is called when the stage before is over (`stage0` when the collection is made) and gives
    the task to run, of whatever kind; or a number, or a pair (signal, exit code), which ends the
    sequence: the number is its exit code. Without such an end, the return code is the last task's.

    Args:
        **extra: Become attributes, before `stage0` is called.

    Raises:
        InvalidType: `stage0` gave something else.
    """

    _end: tuple[int, int] | None = None
    """How a stage has ended the sequence."""

    def __init__(self, name: str | None = None, *more: Any, **extra: Any) -> None:
        if without_name(self, name, more, extra) is not None:
            raise TypeError(f"{type(self).__name__}() takes keywords only: stage0() gives a task")
        Task.__init__(self, **extra)
        first = self._task_or_end(0)
        super().__init__([] if first is None else [first])
        if first is None:
            self._finish()

    def stage0(self) -> Any:
        """The first task, or how it ends without any."""
        raise NotImplementedError(f"{type(self).__name__} has no method stage0")

    def next(self, done: int) -> Any:
        """Call the next stage, unless it was called already."""
        if done + 1 < len(self.tasks):
            return State.RUNNING
        if self._is_last(done):
            return State.TERMINATED
        task = self._task_or_end(done + 1)
        if task is None:
            return State.TERMINATED
        self.add(task)
        return State.RUNNING

    def _is_last(self, done: int) -> bool:
        return done + 1 >= len(self.tasks) and not hasattr(self, f"stage{done + 1}")

    def _task_or_end(self, number: int) -> Task | None:
        """What a stage gives; None if it ends the sequence and its return code is set."""
        given = getattr(self, f"stage{number}")()
        if isinstance(given, Task):
            return given
        if isinstance(given, int) and not isinstance(given, bool):
            self._end = (0, given)
        elif isinstance(given, tuple) and len(given) == 2:
            self._end = given
        else:
            raise InvalidType(
                f"{type(self).__name__}.stage{number}() gave {given!r}: it must give a task, an"
                " exit code, or a pair (signal, exit code)"
            )
        return None

    def terminated(self) -> None:
        """Called when all is over; sets the return code, if this was not cancelled."""
        if self._cancelled:
            return
        if self._end is not None:
            self.execution.returncode = self._end
        elif self.tasks:
            self.execution.returncode = self.tasks[self._current or 0].execution.returncode

    def _forget_run(self) -> None:
        super()._forget_run()
        self._end = None
