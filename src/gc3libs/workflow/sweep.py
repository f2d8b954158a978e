"""`ChunkedParameterSweep`: tasks for a range of values, made as they are needed."""

from __future__ import annotations

import traceback
from typing import Any

from gc3libs.exceptions import InvalidValue
from gc3libs.model import State, Task
from gc3libs.workflow.parallel import ParallelTaskCollection


class ChunkedParameterSweep(ParallelTaskCollection):
    """Runs a task for each value of `range(min_value, max_value, step)`, made by `new_task`.

    Only so many are made at a time: when less than half of `chunk_size` are left to run, the next
    chunk is. If `new_task` raises, no more are made; once those that there are have ended, the
    sweep ends with returncode (0, 70).

    Args:
        min_value, max_value, step: Integers.
        chunk_size: How many tasks are made at a time; may be changed at any time.
        **extra: Become attributes, before the first tasks are made.

    Raises:
        InvalidValue: `step` or `chunk_size` is less than 1.
    """

    min_value: int
    max_value: int
    step: int
    chunk_size: int
    _floor: int
    """The first value for which there is no task yet."""

    def __init__(
        self, min_value: int, max_value: int, step: int, chunk_size: int, **extra: Any
    ) -> None:
        for name, value in (("step", step), ("chunk_size", chunk_size)):
            if value < 1:
                raise InvalidValue(f"{type(self).__name__}: {name}={value!r} must be at least 1")
        self.min_value, self.max_value, self.step = min_value, max_value, step
        self.chunk_size = chunk_size
        self._floor = min_value
        super().__init__(**extra)
        for _ in range(chunk_size):
            if self._floor < max_value:
                self._make_task()

    def new_task(self, param: int, **extra: Any) -> Task:
        """Make the task for one value. To be overridden.

        Args:
            param: The value.
            **extra: What `update_state` was called with.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method new_task")

    def _make_task(self, **extra: Any) -> None:
        task = self.new_task(self._floor, **extra)
        self.add(task)
        self._floor += self.step

    def _advance(self, **extra: Any) -> None:
        while self._wants_more():
            try:
                for _ in range(self.chunk_size):
                    if self._floor < self.max_value:
                        self._make_task(**extra)
            except Exception as err:  # noqa: BLE001  # whatever new_task raises
                what = f"new_task({self._floor}) raised: {type(err).__name__}: {err}"
                self.execution.history.append(what)
                self._failure = what, "".join(traceback.format_exception(err))
        super()._advance(**extra)

    def _wants_more(self) -> bool:
        if self._failure is not None or self._floor >= self.max_value:
            return False
        numbers = self._watched().numbers()
        active = sum(numbers[state] for state in (State.NEW, State.SUBMITTED, State.RUNNING))
        return 2 * active < self.chunk_size
