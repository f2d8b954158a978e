"""`DependentTaskCollection`: tasks that wait for others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gc3libs.exceptions import DependencyCycle, InvalidArgument
from gc3libs.model import State, Task
from gc3libs.persistence.children import Unavailable
from gc3libs.workflow._plan import Plan
from gc3libs.workflow._roll import entries, in_memory
from gc3libs.workflow.parallel import ParallelTaskCollection


class DependentTaskCollection(ParallelTaskCollection):
    """Starts each of its tasks as soon as all those have ended that it comes after.

    How these ended makes no difference. State and return code are those of a
    `ParallelTaskCollection`.

    Args:
        tasks: Added one by one, as by `add`.
        **extra: Become attributes.

    >>> from gc3libs.model import Task
    >>> top, left, right, bottom = (Task(jobname=name) for name in ("a", "b", "c", "d"))
    >>> diamond = DependentTaskCollection([top])
    >>> for side in left, right:
    ...     diamond.add(side, after=[top])
    >>> diamond.add(bottom, after=[left, right])
    >>> [task.jobname for task in diamond.predecessors(bottom)]
    ['b', 'c']
    """

    __slots__ = ("_plan",)

    _transient = ParallelTaskCollection._transient | {"_plan"}

    _plan: Plan | None

    _after: list[tuple[int, ...]]
    """For each task, by its place, the places of those that it comes after."""

    _missing: list[tuple[int, Task]]
    """Place of a task, and one that it comes after and that was not added yet."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        object.__setattr__(self, "_plan", None)
        return self

    def __init__(self, tasks: Iterable[Task] | str | None = None, *more: Any, **extra: Any) -> None:
        super().__init__(tasks, *more, **extra)
        self._after = []
        self._missing = []
        self._planned()

    def add(self, task: Task, after: Iterable[Task] | None = None) -> None:
        """Add a task, at any time.

        Args:
            task: One that is not here yet; another controller lets it go.
            after: It is started when these have ended: tasks that are here or, before the start,
                tasks that will be added, too. None: those in `task.after`, if it has such an
                attribute.

        Raises:
            DependencyCycle: It would wait for itself, in the end; names the tasks between. It was
                not added.
            InvalidArgument: It is here already, or would wait for a task that is not here.
        """
        self._enter(task, after)
        super().add(task)

    def predecessors(self, task: Task) -> list[Task]:
        """The tasks that one comes after, as far as they were added.

        Raises:
            InvalidArgument: The task is not here.
        """
        place = self._planned().place(task)
        if place is None:
            raise InvalidArgument(f"{task} is no task of {self}")
        return [self.tasks[each] for each in self._after[place]]

    def _lose(self, place: int) -> None:
        """Those that came after it do not wait for it any more."""
        del self._after[place : place + 1]
        self._after = [
            tuple(each - (each > place) for each in places if each != place)
            for places in self._after
        ]
        self._missing = [(at - (at > place), each) for at, each in self._missing if at != place]
        super()._lose(place)

    def _forget_children(self) -> None:
        super()._forget_children()
        object.__setattr__(self, "_plan", None)

    def _planned(self) -> Plan:
        """The plan of all tasks; those that somebody has put into the list themselves included."""
        if self._plan is None:
            plan = Plan()
            listed: list[Any] = list(entries(self._owned_tasks))
            for each, after in zip(listed, self._after, strict=False):
                plan.add(each, after)
            object.__setattr__(self, "_plan", plan)
            for task in self._owned_tasks[len(self._after) :]:
                self._enter(task, None)
        assert self._plan is not None
        return self._plan

    def _enter(self, task: Task, after: Iterable[Task] | None) -> None:
        """Put a task, the next in the list, into the plan."""
        plan = self._planned()
        if plan.place(task) is not None:
            raise InvalidArgument(f"{task} is a task of {self} already")
        before = list(dict.fromkeys(task.__dict__.get("after", ()) if after is None else after))
        known = [place for each in before if (place := plan.place(each)) is not None]
        unknown = [each for each in before if plan.place(each) is None]
        expecting = [place for place, each in self._missing if each is task]
        self._refuse_cycle(task, before, known, expecting)
        if unknown and (self._handed_over or self.execution.state is not State.NEW):
            raise InvalidArgument(
                f"{task} is to come after {_names(unknown)}, and {self} runs already without"
            )
        place = len(self._after)
        plan.add(task, known)
        self._after.append(tuple(known))
        self._missing = [pair for pair in self._missing if pair[1] is not task]
        self._missing += [(place, each) for each in unknown]
        for behind in expecting:
            self._after[behind] = (*self._after[behind], place)
            plan.link(behind, place)

    def _refuse_cycle(
        self, task: Task, before: Sequence[Task], known: Sequence[int], expecting: Sequence[int]
    ) -> None:
        if any(each is task for each in before):
            raise DependencyCycle(str(self), (str(task),))
        chain = self._planned().way_back(known, expecting) if expecting else None
        if chain is not None:
            raise DependencyCycle(str(self), (str(task), *(str(self.tasks[at]) for at in chain)))

    def _moving(self) -> Iterable[Task]:
        return [
            child
            for child in in_memory(self._owned_tasks)
            if child._controller is not None and child.execution.state is not State.TERMINATED
        ]

    def _go_on(self) -> None:
        if self._missing:
            tasks = dict.fromkeys(each for _, each in self._missing)
            raise InvalidArgument(f"{self} waits for {_names(tasks)}: add() it first")
        roll, plan = self._watched(), self._planned()
        for place, each in enumerate(entries(self._owned_tasks)):
            if roll.is_over(each):
                plan.end(place)
        plan.take_freed()
        self._start_at(plan.free())

    def _start_at(self, places: Iterable[int]) -> None:
        found = (self.tasks[place] for place in places)
        self._start_all(
            each
            for each in found
            if not isinstance(each, Unavailable) and each.execution.state is not State.TERMINATED
        )

    def _welcome(self, task: Task) -> None:
        plan = self._planned()
        place = plan.place(task)
        if place is not None and plan.is_free(place):
            self._join(task)

    def _advance(self, **extra: Any) -> None:
        freed = self._planned().take_freed()
        if freed:
            self._start_at(freed)
        super()._advance(**extra)

    def _child_changed(self, child: Task, before: State, after: State) -> None:
        if before is State.TERMINATED or after is State.TERMINATED:
            self._note_end(child)
        super()._child_changed(child, before, after)

    def _child_loaded(self, child: Task) -> None:
        super()._child_loaded(child)
        self._note_end(child)

    def _note_end(self, child: Task) -> None:
        place = None if self._plan is None else self._plan.place(child)
        if self._plan is not None and place is not None:
            over = child.execution.state is State.TERMINATED
            (self._plan.end if over else self._plan.revive)(place)


def _names(tasks: Iterable[Task]) -> str:
    return ", ".join(str(each) for each in tasks)
