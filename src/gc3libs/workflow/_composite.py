"""What tasks made of tasks have in common: they start their children, and decide what follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from gc3libs._clock import Clock
from gc3libs.exceptions import (
    MaximumCapacityReached,
    RecoverableError,
    ResourceNotReady,
    StoreUnavailable,
    TaskError,
    UnexpectedStateError,
)
from gc3libs.model import Signals, State, Task
from gc3libs.model.control import Controller
from gc3libs.model.state import LIVE
from gc3libs.persistence.record import Summary
from gc3libs.persistence.store import Store
from gc3libs.workflow._owner import Owner
from gc3libs.workflow._roll import Figures

logger = logging.getLogger(__name__)

_set = object.__setattr__


class Loop(Controller, Protocol):
    """A controller that moves children by itself, and updates the state of a stirred task."""

    @property
    def store(self) -> Store | None: ...
    @property
    def clock(self) -> Clock: ...
    def stir(self, task: Task) -> None: ...
    def wake(self, task: Task, moment: float) -> None: ...
    def feed(self, ids: Iterable[str], parent: Any = None) -> None: ...


class Composite(Owner):
    """A task that is done when the tasks that it owns are.

    What follows from a child's change is decided in `update_state`, and saved in one transaction
    with that change. If code of its author raises, nothing more is decided: it ends as failed when
    what it had begun is over. It works with an engine, and with any other controller, too: then
    somebody calls `progress`.
    """

    _cancelled: bool = False
    """It is to end, or has ended, by `kill`; until it is over the returncode says so, too."""

    _failure: tuple[str, str] | None = None
    """Why it will end as failed, once what was begun is over: in a line, and in full."""

    def _restore(self, summary: Summary, details: bytes) -> None:
        super()._restore(summary, details)
        if self._cancelled and self.execution.signal != Signals.Cancelled:
            del self.__dict__["_cancelled"]  # somebody has had it start again

    # what a kind of composite writes

    def _go_on(self) -> None:
        """Hand over the children that are to move now: at the start, and after a restart."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is started")

    def _advance(self, **extra: Any) -> None:
        """Decide what follows from how the children stand."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it goes on")

    def _moving(self) -> Iterable[Task]:
        """The children that are to be moved by somebody who does it by hand."""
        return [each for each in self._usable() if each.execution.state is not State.TERMINATED]

    # its controller

    @property
    def _loop(self) -> Loop | None:
        """The controller, if it moves children by itself."""
        controller = self._controller
        return cast("Loop", controller) if hasattr(controller, "stir") else None

    def _note_news(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.stir(self)

    def detach(self) -> None:
        """Let the controller go, for the children, too, as far as they are in memory."""
        controller = self._controller
        if controller is not None:
            for child in self._owned_in_memory():
                if child._controller is controller:
                    child.detach()
        _set(self, "_handed_over", False)
        super().detach()

    def submit(self, resubmit: bool = False, targets: Any = None, **extra: Any) -> None:
        """Start: hand the first children over. Once started, this does nothing more.

        Args:
            resubmit: Start once more if it is over: `redo` first.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller()
        if resubmit:
            self.redo()
        if self.execution.state is not State.TERMINATED and not self._handed_over:
            self._resume()

    def _resume(self, **extra: Any) -> None:
        known = None if self._saved is None else self._saved.children
        _set(self, "_size_seen", len(self._owned_tasks))
        if known is not None and len(known) != self._size_seen:
            self.changed = True
        if self._cancelled:
            self._cancel(**extra)
        else:
            self._go_on()
        _set(self, "_handed_over", True)

    def update_state(self, **extra: Any) -> None:
        """Bring the state up to date with the children's, and do what is next.

        With an engine the children's states are what they are; any other controller is asked first.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        controller = self._by_controller()
        if self.execution.state is State.TERMINATED:
            return
        if not self._handed_over:
            if self.execution.state is State.NEW and not self._cancelled:
                return
            self._resume()
        if self._loop is None:
            for child in self._moving():
                if child.execution.state in LIVE:
                    child.attach(controller)
                    child.update_state(**extra)
        if not self._cancelled:
            self._advance(**extra)
        elif self._watched().at_rest:
            self._finish()
        if len(self._owned_tasks) != self._size_seen:  # somebody has changed the list itself
            _set(self, "_size_seen", len(self._owned_tasks))
            self.changed = True

    def progress(self) -> int | None:
        """Do what is next, for those who do it by hand; the returncode if that ended the task.

        Raises:
            UnexpectedStateError: The task is STOPPED or UNKNOWN: somebody has to look.
        """
        run = self.execution
        if run.state is State.TERMINATED:
            return None
        self.submit()
        for child in list(self._moving()):
            try:
                child.progress()
            except (UnexpectedStateError, ResourceNotReady, MaximumCapacityReached) as err:
                logger.debug("%s: %s: %s", self, child, err)  # it shows in the state of this one
        self.update_state()
        if run.state in (State.STOPPED, State.UNKNOWN):
            raise UnexpectedStateError(f"{self} is {run.state}: somebody has to look at it")
        return run.returncode if run.state is State.TERMINATED else None  # type: ignore[comparison-overlap]

    def _ask(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method that the author of a class has written.

        Raises:
            StoreUnavailable: It will be called again; tasks that it has added are forgotten.
            Exception: Anything else it raises, as an error that does not pass by itself.
        """
        count = len(self._owned_tasks)
        try:
            return method(*args)
        except StoreUnavailable:
            del self._owned_tasks[count:]
            raise
        except RecoverableError as err:
            raise TaskError(f"{method.__name__}() raised {type(err).__name__}: {err}") from err

    def _join(self, child: Task) -> None:
        """Have the controller take care of a child, too."""
        child._add_parent(self)
        if self._roll is not None and self._roll.meet(child, listed=True):
            self._note_news()
        child.attach(self._by_controller())

    def _start(self, child: Task) -> None:
        """Hand a child over."""
        self._join(child)
        self._by_controller().submit(child)

    def _again(self, child: Task) -> None:
        """Make a child NEW once more; it is handed over with the next `_start`."""
        child.detach()
        child.redo()

    # the end

    def kill(self, **extra: Any) -> None:
        """End all children that are not over; once they are, this is TERMINATED as cancelled.

        The returncode is (Cancelled, -1), whatever came of the children.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        self._by_controller()
        if self.execution.state is not State.TERMINATED:
            self._cancelled = True
            self.execution.returncode = (Signals.Cancelled, -1)
            self._resume(**extra)
            if self._watched().at_rest:
                self._finish()
            else:
                self._note_news()

    def _cancel(self, **extra: Any) -> None:
        controller = self._by_controller()
        roll = self._watched()
        waiting = [
            child
            for child in self._owned_in_memory()
            if child.execution.state is not State.TERMINATED
        ]
        for child in waiting:
            controller.kill(child, **extra)
        for child in self._load_apart(roll.apart()):
            controller.kill(child, **extra)

    def _show(self, state: State) -> None:
        """Be in a state; nothing has changed if it is the same as before."""
        if self.execution.state is not state:
            self.execution.state = state
            if state is State.UNKNOWN:
                self._note_missing()

    def _finish(self) -> None:
        """End, with what the children took as one's own figures; then `terminated` runs."""
        self._final_figures().note_on(self)
        if self._cancelled:
            self.execution.returncode = (Signals.Cancelled, -1)
            self.execution.details.reason = "cancelled"
        elif self._failure is not None:
            self.execution.fail(*self._failure)
            del self._failure
            return
        self.execution.state = State.TERMINATED

    def _fail_later(self, what: str, trace: str) -> bool:
        """Have this end as failed when what was begun is over; false if nothing is going on.

        Nothing is decided any more.
        """
        if not self._is_at_work():
            return False
        self._failure = what, trace
        self.execution.history.append(what)
        return True

    def _wind_up(self) -> None:
        """Wait for what was begun, then end as failed."""
        if not self._handed_over:
            self._resume()
        if not self._is_at_work():
            self._finish()

    def _is_at_work(self) -> bool:
        """Whether any child runs, or was handed over."""
        return self._watched().in_flight or any(
            child._controller is not None and child.execution.state is State.NEW
            for child in self._owned_in_memory()
        )

    def _final_figures(self) -> Figures:
        roll = self._roll if self._roll is not None else self._called(link=False)
        return roll.figures

    def redo(self, *args: Any, **kwargs: Any) -> None:
        """Make this NEW again, and whatever of its children is to be done once more.

        Raises:
            UnexpectedStateError: It is SUBMITTED or RUNNING: kill it first.
        """
        super().redo(*args, **kwargs)
        self._forget_run()

    def _forget_run(self) -> None:
        if self._cancelled:
            del self._cancelled
            self.execution.returncode = None
        if self._failure is not None:
            del self._failure
        _set(self, "_roll", None)
        _set(self, "_handed_over", False)

    def free(self, **extra: Any) -> None:
        """Have the controller remove what the children's jobs have left at their backends."""
        controller = self._controller
        if controller is not None:
            for child in self._usable():
                controller.free(child, **extra)
