"""How an engine takes tasks from state to state, whatever their authors' code does on the way."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable

from gc3libs import events
from gc3libs._clock import Clock
from gc3libs.backends.base import JobRefused, Report
from gc3libs.engine.keeper import Keeper
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Job, Signals, State, Task

logger = logging.getLogger(__name__)

CANCELLED = "cancelled"
"""What a backend gives as the reason if a job was ended, or not started, because it was told so."""


class Course:
    """Changes states; whoever has to know learns of it.

    A method of a task's author that raises ends the task, with returncode (0, 70) and the traceback
    in its details, and is not called again.

    Args:
        see: Called with each task whose state has changed.
        abandon: Called with the token of a job of which nobody wants to hear any more.
    """

    def __init__(
        self,
        keeper: Keeper,
        clock: Clock,
        *,
        see: Callable[[Task], None],
        abandon: Callable[[str], None],
    ) -> None:
        self._keeper = keeper
        self._clock = clock
        self._see = see
        self._abandon = abandon

    def move(self, task: Task, state: State) -> bool:
        """Have a task enter a state; false if its hook raised, which ended it."""
        try:
            task.execution.state = state
        except Exception as err:  # noqa: BLE001  # whatever the hook raises
            self.fail(task, f"{state.lower()}() raised", err)
            return False
        self._see(task)
        self._keeper.note(task, urgent=state is not State.RUNNING)
        return True

    def finish(self, task: Task, report: Report) -> bool:
        """The job of a task has ended; false if the task ended with that."""
        run = task.execution
        run.finish(
            signal=report.signal,
            exitcode=report.exitcode,
            reason=report.reason,
            started=report.started,
            ended=report.ended,
            cpu_time=report.cpu_time,
            max_memory=report.max_memory,
            memory_is_bound=report.memory_is_bound,
        )
        if report.reason == CANCELLED:
            run.returncode = (Signals.Cancelled, -1)
        return self.move(task, State.TERMINATING)

    def end(self, task: Task, place: str | None = None) -> None:
        """A task is over; its outputs, if any, are in the directory `place`."""
        if self.move(task, State.TERMINATED):
            if task.execution.returncode == 0:
                task.execution.details.directory = ""  # it goes once all is safe
            self._keeper.note_end(task, place)

    def put_off(self, task: Task, reason: str) -> None:
        """A task cannot go on at the moment, which its history says once."""
        history = task.execution.history
        if history.last() != reason:
            history.append(reason)
            self._keeper.note(task, urgent=False)

    def cancel(self, task: Task) -> None:
        """A task was cancelled before it started."""
        task.execution.details.reason = CANCELLED
        task.execution.returncode = (Signals.Cancelled, -1)
        self.end(task)

    def lose(self, task: Task, reason: str) -> bool:
        """A job was, or may have been, started, and its end will never be known.

        Returns:
            Whether the task is NEW again, because it says so: `task.on_loss = "rerun"`.
        """
        run = task.execution
        run.history.append(f"lost: {reason}")
        run.details.reason = f"lost: {reason}"
        run.returncode = (Signals.Lost, -1)
        lost = events.TaskLost(task=task, reason=reason, time=self._clock.now())
        events.publisher.publish(lost)
        if getattr(task, "on_loss", None) != "rerun":
            self.end(task)
            return False
        self._keeper.note_evidence(run.details.token, keep_directory=False)
        run.end_attempt()
        return self.move(task, State.NEW)

    def excuse(self, task: Job, trouble: RecoverableError) -> bool:
        """Nothing can be heard of a job; whether its task says that this is the end of it."""
        try:
            answer = task.update_job_state_error(trouble)
        except Exception as err:  # noqa: BLE001  # whatever the method raises
            self.fail(task, "update_job_state_error() raised", err)
            return True
        if isinstance(answer, Exception) and not isinstance(answer, RecoverableError):
            self.fail(task, "nothing can be heard of its job", answer)
            return True
        return False

    def refuse(self, task: Task, refusal: JobRefused) -> None:
        """No backend takes a task's job, which is the task's end.

        A task whose `submit_error` gives no exception is NEW again, and left alone.
        """
        run = task.execution
        run.history.append(f"refused: {refusal.reason}")
        moment, backend = self._clock.now(), run.details.resource
        events.publisher.publish(
            events.TaskRefused(task=task, backend=backend, reason=refusal.reason, time=moment)
        )
        try:
            answer = task.submit_error([refusal]) if isinstance(task, Job) else refusal
        except Exception as err:  # noqa: BLE001  # whatever the method raises
            self.fail(task, "submit_error() raised", err)
            return
        if isinstance(answer, Exception):
            run.details.reason = refusal.reason
            run.returncode = (Signals.SubmissionFailed, os.EX_UNAVAILABLE)
            self.end(task)
        else:
            self.move(task, State.NEW)

    def fail(self, task: Task, what: str, err: Exception) -> None:
        """End a task because code of its author raised."""
        task.execution.fail(*in_words(what, err))
        self.tell_failure(task, what, err)
        self._abandon(task.execution.details.token)
        self._see(task)
        self._keeper.note_end(task)

    def tell_failure(self, task: Task, what: str, err: Exception) -> None:
        """Have people know that code of a task's author raised."""
        line, trace = in_words(what, err)
        logger.warning("%s: %s", task, line)
        logger.debug("this is where it was raised", exc_info=err)
        failed = events.HookFailed(task=task, hook=what, traceback=trace, time=self._clock.now())
        events.publisher.publish(failed)


def in_words(what: str, err: Exception) -> tuple[str, str]:
    """What was raised: in a line, and with where it was raised."""
    line = f"{what}: {type(err).__name__}: {err}"
    return line, "".join(traceback.format_exception(err))
