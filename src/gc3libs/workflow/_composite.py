"""What all tasks made of tasks have in common: they own children, start them, and follow them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import Any, ClassVar, Protocol, cast

from gc3libs._clock import Clock
from gc3libs.exceptions import MaximumCapacityReached, ResourceNotReady, UnexpectedStateError
from gc3libs.model import Signals, State, Task
from gc3libs.model.control import Controller
from gc3libs.model.state import LIVE
from gc3libs.persistence.children import Children, Unavailable
from gc3libs.persistence.naming import class_name
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import Query
from gc3libs.persistence.store import Store
from gc3libs.workflow._roll import Figures, Roll, entries, in_memory

logger = logging.getLogger(__name__)

BATCH = 256
"""How many children that are only in the store are looked at together."""

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


class Composite(Task):
    """A task that owns others.

    Its children are kept as a relation, one record each; its own record says how far it is. What
    happens to a child reaches it through `_child_changed`; what follows from that is decided in
    `update_state`, and saved in one transaction with the child's change.

    It works with an engine, and with any other controller, too: then somebody calls `progress`.
    """

    __slots__ = ("_children", "_own_change", "_roll", "_size", "_started")

    _leaf = False

    _transient: ClassVar[frozenset[str]] = frozenset(__slots__)
    """Slots that are not kept."""

    _children: MutableSequence[Any]
    _own_change: bool
    _roll: Roll | None
    _size: int
    _started: bool
    """The children were handed to the present controller."""

    _cancelled: bool = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        _set(self, "_children", [])
        _set(self, "_roll", None)
        _set(self, "_started", False)
        return self

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

    # children

    @property
    def changed(self) -> bool:
        """It, or any task that it owns, differs from what the store has, as far as is known."""
        waiting: deque[Task] = deque((self,))
        while waiting:
            task = waiting.popleft()
            if not isinstance(task, Composite):
                if task.changed:
                    return True
            elif task._own_change:
                return True
            else:
                waiting.extend(in_memory(task._children))
        return False

    @changed.setter
    def changed(self, value: bool) -> None:
        _set(self, "_own_change", value)

    def _owned(self) -> Sequence[Persistable] | None:
        return self._children

    def _set_owned(self, children: Sequence[Persistable]) -> None:
        _set(self, "_children", children)

    def _owned_in_memory(self) -> Iterator[Task]:
        """The children that are in memory and can be used."""
        return in_memory(self._children)

    def _usable(self) -> Iterator[Task]:
        """All children that can be loaded."""
        return (each for each in self._children if not isinstance(each, Unavailable))

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        if isinstance(state, tuple):
            attributes, slots = state
            slots = {name: slots[name] for name in slots if name not in self._transient}
            return (attributes, slots) if slots else attributes
        return state

    def _identity(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        """Its own parameters, and what all tasks below it would do."""
        below: list[Any] = []
        waiting: deque[Task] = deque(self._usable())
        while waiting:
            task = waiting.popleft()
            if isinstance(task, Composite):
                below.append((class_name(type(task)), task._parameters(), len(task._children)))
                waiting.extend(task._usable())
            else:
                below.append(task.digest)
        if "" in below:
            raise TypeError("one of its tasks has no digest")
        return (*super()._identity(parameters), below)

    # its controller

    @property
    def _loop(self) -> Loop | None:
        """The controller, if it moves children by itself."""
        controller = self._controller
        return cast("Loop", controller) if hasattr(controller, "stir") else None

    def _stir(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.stir(self)

    def detach(self) -> None:
        """Let the controller go, for the children, too, as far as they are in memory."""
        controller = self._controller
        if controller is not None:
            for child in in_memory(self._children):
                if child._controller is controller:
                    child.detach()
        _set(self, "_started", False)
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
        if self.execution.state is not State.TERMINATED and not self._started:
            self._resume()

    def _resume(self) -> None:
        known = None if self._saved is None else self._saved.children
        _set(self, "_size", len(self._children))
        if known is not None and len(known) != self._size:
            self.changed = True
        if self._cancelled:
            self._cancel()
        else:
            self._go_on()
        _set(self, "_started", True)

    def update_state(self, **extra: Any) -> None:
        """Bring the state up to date with the children's, and do what is next.

        With an engine the children's states are what they are; any other controller is asked first.

        Raises:
            DetachedFromControllerError: There is no controller.
        """
        controller = self._by_controller()
        if self.execution.state is State.TERMINATED:
            return
        if not self._started:
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
        elif self._watched().over:
            self._finish()
        if len(self._children) != self._size:  # somebody has changed the list itself
            _set(self, "_size", len(self._children))
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

    def _start(self, child: Task) -> None:
        """Hand a child over."""
        controller = self._by_controller()
        child._add_parent(self)
        child.attach(controller)
        controller.submit(child)

    def _again(self, child: Task) -> None:
        """Make a child NEW once more; it is handed over with the next `_start`."""
        child.detach()
        child.redo()

    def _child_changed(self, child: Task, before: State, after: State) -> None:
        if self._roll is not None:
            self._roll.moved(child, before, after)
        self._stir()

    def _child_loaded(self, child: Task) -> None:
        """An engine has loaded a child whose ID it was fed with."""
        child._add_parent(self)
        if self._roll is not None and self._roll.meet(child):
            self._stir()

    # following the children

    def _watched(self) -> Roll:
        """The roll of all children, each of which reports its changes from now on."""
        if self._roll is None:
            _set(self, "_roll", self._called(link=True))
        assert self._roll is not None
        return self._roll

    def _called(self, *, link: bool) -> Roll:
        """Call the roll: of those in memory by asking them, of the others from their records."""
        roll = Roll()
        ids: dict[str, None] = {}
        for each in entries(self._children):
            if isinstance(each, str):
                ids[each] = None
            elif isinstance(each, Unavailable):
                roll.count_missing(str(each))
            else:
                self._count(cast("Task", each), roll, link=link)
        if ids:
            self._call_stored(ids, roll, link=link)
        return roll

    def _call_stored(self, ids: dict[str, None], roll: Roll, *, link: bool) -> None:
        assert self._saved is not None
        store = self._saved.store
        for held in store.in_use():
            if held.persistent_id in ids and isinstance(held, Task):
                self._count(held, roll, link=link)
                del ids[held.persistent_id]
        wanted = list(ids)
        for at in range(0, len(wanted), BATCH):
            for summary in store.summaries(Query(ids=tuple(wanted[at : at + BATCH]))):
                roll.count_record(summary)
                del ids[summary.id]
        for id_ in ids:
            roll.count_missing(id_)

    def _count(self, child: Task, roll: Roll, *, link: bool) -> None:
        if link:
            child._add_parent(self)
        roll.count(child)

    def _load_apart(self, ids: Sequence[str]) -> Iterator[Task]:
        """Load children, a batch at a time, that are only in the store."""
        assert self._saved is not None
        for at in range(0, len(ids), BATCH):
            for child in self._saved.store.load_available(ids[at : at + BATCH]).values():
                if not isinstance(child, Unavailable):
                    self._child_loaded(child)
                    yield child

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
            self._cancel(**extra)
            _set(self, "_started", True)
            if self._watched().over:
                self._finish()
            else:
                self._stir()

    def _cancel(self, **extra: Any) -> None:
        controller = self._by_controller()
        roll = self._watched()
        waiting = [
            child
            for child in in_memory(self._children)
            if child.execution.state is not State.TERMINATED
        ]
        for child in waiting:
            controller.kill(child, **extra)
        for child in self._load_apart(roll.apart()):
            controller.kill(child, **extra)

    def _finish(self) -> None:
        """End, with what the children took as one's own figures; then `terminated` runs."""
        self._final_figures().note_on(self)
        if self._cancelled:
            self.execution.returncode = (Signals.Cancelled, -1)
            self.execution.details.reason = "cancelled"
        self.execution.state = State.TERMINATED

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
        _set(self, "_roll", None)
        _set(self, "_started", False)

    def free(self, **extra: Any) -> None:
        """Have the controller remove what the children's jobs have left at their backends."""
        controller = self._controller
        if controller is not None:
            for child in self._usable():
                controller.free(child, **extra)


def mutable(tasks: Iterable[Task]) -> MutableSequence[Any]:
    """The same list if it is one, else a new one."""
    return tasks if isinstance(tasks, list | Children) else list(tasks)
