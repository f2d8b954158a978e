"""What a task asks of the engine that moves it on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Protocol

from gc3libs._clock import SYSTEM
from gc3libs.exceptions import DetachedFromControllerError, UnexpectedStateError
from gc3libs.model.run import Run
from gc3libs.model.state import LIVE, State

logger = logging.getLogger(__name__)

_set = object.__setattr__


class Controller(Protocol):
    """What moves tasks on: an engine."""

    def add(self, task: Any) -> Any: ...
    def remove(self, task: Any) -> Any: ...
    def submit(self, task: Any, resubmit: bool = False, targets: Any = None, **kw: Any) -> Any: ...
    def update_job_state(self, *tasks: Any, **kw: Any) -> Any: ...
    def fetch_output(self, task: Any, *args: Any, **kw: Any) -> Any: ...
    def kill(self, task: Any, **kw: Any) -> Any: ...
    def free(self, task: Any, **kw: Any) -> Any: ...
    def peek(self, task: Any, what: str, offset: int, size: int | None, **kw: Any) -> IO[Any]: ...


class Controlled:
    """The part of a task that deals with its controller."""

    __slots__ = ()

    if TYPE_CHECKING:
        _controller: Controller | None
        _execution: Run

        def _settle_output_dir(self, output_dir: str | None = None) -> None: ...

    def attach(self, controller: Controller) -> None:
        """Have a controller move this task on, instead of any other."""
        if controller is self._controller:
            return
        self.detach()
        _set(self, "_controller", controller)
        try:
            controller.add(self)
        except BaseException:
            _set(self, "_controller", None)
            raise

    def detach(self) -> None:
        """Let the controller go, if there is one."""
        controller, _ = self._controller, _set(self, "_controller", None)
        if controller is not None:
            try:
                controller.remove(self)
            except Exception as err:  # noqa: BLE001  # the task is not its own any more
                logger.debug("%s did not let go of %s: %s", controller, self, err)

    def _by_controller(self) -> Controller:
        if self._controller is None:
            raise DetachedFromControllerError(
                f"{self} belongs to no engine: attach() it, or add it to one, first"
            )
        return self._controller

    def submit(self, resubmit: bool = False, targets: Any = None, **extra: Any) -> None:
        """Have the controller start this task.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller().submit(self, resubmit, targets, **extra)

    def update_state(self, **extra: Any) -> None:
        """Have the controller bring the state up to date.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller().update_job_state(self, **extra)

    def kill(self, **extra: Any) -> None:
        """Have the controller end this task.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller().kill(self, **extra)

    def free(self, **extra: Any) -> None:
        """Have the controller remove what the task's job has left at its backend.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller().free(self, **extra)

    def peek(
        self, what: str = "stdout", offset: int = 0, size: int | None = None, **extra: Any
    ) -> IO[Any]:
        """A part of an output of the task's job, also while it runs, as an open file.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        return self._by_controller().peek(self, what, offset, size, **extra)

    def fetch_output(
        self, output_dir: str | None = None, overwrite: bool = False, changed_only: bool = True
    ) -> Any:
        """End a task whose outputs are where they should be; the directory where that is.

        In a state other than TERMINATING nothing is done.
        """
        if self._execution.state is State.TERMINATING:
            self._settle_output_dir(output_dir)
            self._execution.state = State.TERMINATED
        elif self._execution.state is not State.TERMINATED:
            self._execution.history.append(f"no output to fetch while {self._execution.state}")
        return self.__dict__.get("output_dir")

    def progress(self) -> int | None:
        """Do what is next, for those who do it by hand; the returncode if that ended the task.

        Raises:
            UnexpectedStateError: The task is STOPPED or UNKNOWN: somebody has to look.
        """
        run = self._execution
        if run.state in LIVE:
            self.update_state()
        if run.state in (State.STOPPED, State.UNKNOWN):
            raise UnexpectedStateError(f"{self} is {run.state}: somebody has to look at it")
        if run.state is State.NEW:
            self.submit()
        elif run.state is State.TERMINATING:
            self.fetch_output()
            return run.returncode
        return None

    def redo(self, *args: Any, **kwargs: Any) -> None:
        """Make the task NEW again; history goes on, and the return code stays until the new end.

        Raises:
            UnexpectedStateError: It is SUBMITTED or RUNNING: kill it first.
        """
        run = self._execution
        if run.state in (State.SUBMITTED, State.RUNNING):
            raise UnexpectedStateError(f"{self} is {run.state}: kill it before it is done again")
        run.end_attempt()
        run.state = State.NEW

    def wait(self, interval: float = 60) -> int | None:
        """Sleep until the task is over, looking every `interval` seconds; its returncode."""
        run = self._execution
        while not run.in_state(State.TERMINATED):
            go_on: Callable[[], Any] = getattr(self._controller, "progress", self.update_state)
            go_on()
            if not run.in_state(State.TERMINATED):
                SYSTEM.sleep(interval)
        return run.returncode
