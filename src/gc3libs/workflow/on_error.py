"""`AbortOnError` and `StopOnError`: sequences that do not go on after a failure."""

from __future__ import annotations

from typing import Any, ClassVar

from gc3libs.model import State


class _OnError:
    """Mix-in, to be listed before a class of sequences."""

    _after_error: ClassVar[State]

    def complete(self) -> bool:
        """Whether there will be no more tasks. To be overridden by classes that add some later."""
        return True

    def next(self, done: int) -> Any:
        """Take over the return code of the task; go on if it is 0, as the class says otherwise."""
        sequence: Any = self
        returncode = sequence.tasks[done].execution.returncode
        sequence.execution.returncode = returncode
        last = sequence._is_last(done)
        if returncode != 0 and not (last and self.complete()):
            return self._after_error
        if last and not self.complete():
            return State.RUNNING
        return super().next(done)  # type: ignore[misc]

    def _awaits_more(self) -> bool:
        return not self.complete()


class AbortOnError(_OnError):
    """Mix-in, to be listed before a class of sequences: the first task that fails ends it.

    With a `StagedTaskCollection`, later stages are not called.
    """

    _after_error = State.TERMINATED


class StopOnError(_OnError):
    """Mix-in, to be listed before a class of sequences: after a task that fails it is STOPPED.

    It stays so until somebody does it again: `redo(from_stage)`. The last task ends it, anyhow.
    """

    _after_error = State.STOPPED
