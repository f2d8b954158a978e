"""`TaskCollection`: what collections of tasks have in common."""

from __future__ import annotations

import logging
import os
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableSequence
from pathlib import Path
from typing import IO, Any

from gc3libs.exceptions import DuplicateEntryError, InvalidOperation, InvalidType
from gc3libs.model import State, Task
from gc3libs.workflow._composite import Composite
from gc3libs.workflow._owner import mutable
from gc3libs.workflow._roll import Roll

logger = logging.getLogger(__name__)


class TaskCollection(Composite):
    """A task made of tasks.

    Its exit code is the highest of its children's (unknown ones do not count; None if no child has
    one; 0 if there are no children); the signal is left as it is. A class of its own that has
    a `terminated` decides that for itself.

    Args:
        tasks: The children, of whatever kind. A list stays the same list.
        **extra: Become attributes, as of any task.

    Attributes:
        tasks: The children. Once it was loaded from a store, only those that were looked at are
            in memory.
    """

    def __init__(self, tasks: Iterable[Task] | str | None = None, *more: Any, **extra: Any) -> None:
        tasks = without_name(self, tasks, more, extra)
        super().__init__(**extra)
        if tasks is not None:
            self.tasks = mutable(tasks)

    @property
    def tasks(self) -> MutableSequence[Any]:
        """The children, in order."""
        return self._owned_tasks

    @tasks.setter
    def tasks(self, tasks: Iterable[Task]) -> None:
        self._owned_tasks = mutable(tasks)
        self._forget_children()

    def _forget_children(self) -> None:
        """Have the children counted, and handed over, anew: they are others than before."""
        object.__setattr__(self, "_roll", None)
        object.__setattr__(self, "_handed_over", False)

    def add(self, task: Task) -> None:
        """Add a child."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a task is added")

    def _append(self, task: Task) -> None:
        if any(parent() is self for parent in task._parents):
            raise DuplicateEntryError(f"{task} is a task of {self} already")
        task.detach()
        task._add_parent(self)
        self._owned_tasks.append(task)
        self.changed = True

    def remove(self, task: Task) -> None:
        """Take a child out, and let its controller go.

        Raises:
            ValueError: It is no child of this collection.
        """
        self._lose(self._owned_tasks.index(task))
        task._remove_parent(self)
        task.detach()

    def _lose(self, place: int) -> None:
        super()._lose(place)
        self.changed = True
        self._forget_children()
        self._note_news()

    def terminated(self) -> None:
        """Called when all is over; sets the return code, if this was not cancelled."""
        if not self._cancelled:
            self.execution.exitcode = self._exitcode()

    def _exitcode(self) -> int | None:
        roll = self._final_roll()
        return max(roll.exitcodes(), default=None if roll.size else 0)

    def _final_roll(self) -> Roll:
        """How the children ended: asked once more where they are in memory."""
        if self._roll is not None and self._roll.stored:
            return self._roll
        return self._called(link=False)

    def stats(self, only: type[Task] | tuple[type[Task], ...] | None = None) -> dict[str, int]:
        """How many children there are by state; also "ok", "failed" and "total".

        Args:
            only: Count only children of this class, or of these. Loads all.
        """
        if only is None:
            roll = self._roll if self._roll is not None else self._called(link=False)
        else:
            roll = Roll()
            for child in self._usable():
                if isinstance(child, only):
                    roll.count(child)
        return defaultdict(int, roll.numbers())

    def iter_tasks(self) -> Iterator[Task]:
        """This collection, then its children."""
        yield self
        yield from self._usable()

    def iter_workflow(self) -> Iterator[Task]:
        """This collection, its children that are no collections, then the others, each so."""
        waiting: list[TaskCollection] = [self]
        while waiting:
            collection = waiting.pop()
            yield collection
            below = []
            for child in collection._usable():
                if isinstance(child, TaskCollection):
                    below.append(child)
                else:
                    yield child
            waiting += reversed(below)

    def peek(
        self, what: str = "stdout", offset: int = 0, size: int | None = None, **extra: Any
    ) -> IO[Any]:
        """Nothing: a collection has no output of its own.

        Raises:
            InvalidOperation: Always.
        """
        raise InvalidOperation(f"{self} is a collection: peek() at one of its tasks")

    def fetch_output(
        self, output_dir: str | None = None, overwrite: bool = False, changed_only: bool = True
    ) -> Any:
        """Fetch the outputs of children whose jobs are over; an engine does that by itself.

        Args:
            output_dir: Each child's own `output_dir` (or ID) is made below it; None: below this
                collection's, or the current directory.

        Returns:
            That directory.
        """
        base = output_dir or self.__dict__.get("output_dir")
        if base is None:
            base = str(Path.cwd())
            logger.warning("%s has no output_dir: outputs go to %s", self, base)
        controller = self._by_controller()
        for child in self._usable():
            if child.execution.state is State.TERMINATING:
                name = child.__dict__.get("output_dir") or child.persistent_id or ""
                place = os.path.join(base, name)  # noqa: PTH118  # paths here are text
                controller.fetch_output(child, place, overwrite, changed_only)
        over = all(child.execution.state is State.TERMINATED for child in self._usable())
        if over and self.execution.state is not State.TERMINATED:
            self._finish()
        return base


def without_name(
    collection: Task,
    tasks: Iterable[Task] | str | None,
    more: tuple[Any, ...],
    extra: dict[str, Any],
) -> Iterable[Task] | None:
    """The tasks among arguments that may, as long ago, begin with a job name."""
    if isinstance(tasks, str):
        warnings.warn(
            f"{type(collection).__name__}: give the job name as a keyword, jobname={tasks!r}",
            DeprecationWarning,
            stacklevel=3,
        )
        extra.setdefault("jobname", tasks)
        found, more = (more[0], more[1:]) if more else (None, ())
    else:
        found = tasks
    if more or isinstance(found, str):
        raise TypeError(
            f"{type(collection).__name__}() takes tasks and keywords, not {(found, *more)!r}"
        )
    if found is not None and not isinstance(found, Iterable):
        raise InvalidType(f"{type(collection).__name__}: {found!r} is no list of tasks")
    return found
