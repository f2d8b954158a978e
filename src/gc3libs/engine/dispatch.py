"""Handing tasks over to backends: what is to be is saved first, then it is done."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from gc3libs import events
from gc3libs._clock import Clock
from gc3libs.engine import jobs
from gc3libs.engine.course import Course
from gc3libs.engine.fleet import Fleet
from gc3libs.engine.intake import Intake, Load
from gc3libs.engine.keeper import Keeper
from gc3libs.engine.site import Site
from gc3libs.engine.turns import Turn, Turns
from gc3libs.exceptions import RecoverableError
from gc3libs.model import State, Task
from gc3libs.persistence.store import Store


class Dispatcher:
    """Tasks on their way from NEW to a backend.

    `choose`, a save, `hand_over`, in this order: a task that was chosen is SUBMITTED, and its
    attempt has a token, in the store before any backend hears of it.

    Args:
        load: As `Intake` takes it.
        let_wait: Called with a held task that was met; whether it is to be looked at again.

    Attributes:
        intake: Tasks that wait for their turn.
    """

    def __init__(
        self,
        fleet: Fleet,
        course: Course,
        keeper: Keeper,
        store: Store | None,
        clock: Clock,
        *,
        load: Load,
        let_wait: Callable[[Task], bool],
    ) -> None:
        self._fleet = fleet
        self._course = course
        self._keeper = keeper
        self._store = store
        self._clock = clock
        self._let_wait = let_wait
        self.intake = Intake(load)
        self._turns = Turns(self.intake, fleet, course)
        self._intended: dict[int, Task] = {}
        self._held: dict[int, Task] = {}
        self._number = 0
        self._name = secrets.token_hex(4)

    def __len__(self) -> int:
        """How many tasks were chosen, and not handed over yet."""
        return len(self._intended)

    def __contains__(self, task: Task) -> bool:
        return id(task) in self._intended

    @property
    def has_waiting(self) -> bool:
        """Whether there may be tasks to choose."""
        return bool(self._turns) or any(not each.execution.held for each in self._held.values())

    def discard(self, task: Task) -> None:
        """Leave a task out, wherever it is."""
        self._turns.discard(task)
        for table in (self._intended, self._held):
            table.pop(id(task), None)

    def intend(self, task: Task) -> None:
        """Hand over, with the token that it has, a task of which no backend knows."""
        self._intended[id(task)] = task

    @property
    def has_choice(self) -> bool:
        """Whether resources are chosen one by one, and say how much room there is."""
        return self._turns.has_choice

    def choose(self, room: float) -> int:
        """Choose what is handed over next: so many tasks at most; gives how many."""
        self._take_released()
        self._turns.begin(self._intended.values())
        turns: list[Turn] = []
        try:
            self._redirect()
            while len(turns) < room and (turn := self._turns.take()) is not None:
                if not turn.task.execution.held:
                    turns.append(turn)
                elif self._let_wait(turn.task):
                    self._held[id(turn.task)] = turn.task
            self._give_ids([turn.task for turn in turns])
            for task, site in turns:
                if task.execution.state is State.NEW:  # it could be saved
                    self._start_attempt(task, site)
                    self._intended[id(task)] = task
        except BaseException:
            new = [turn.task for turn in turns if turn.task.execution.state is State.NEW]
            self.intake.put_back(each for each in new if each not in self)
            raise
        finally:
            self._turns.end()
        for task in tuple(self._intended.values()):
            if task.execution.state is State.NEW and not self._course.move(task, State.SUBMITTED):
                del self._intended[id(task)]
        return len(turns)

    def _redirect(self) -> None:
        """Let tasks that were not handed over, where they were to go, go elsewhere."""
        for task in [each for each in self._intended.values() if self._turns.is_stranded(each)]:
            site = self._turns.elsewhere(task)
            if site is not None:
                task.execution.details.resource = site.name
                self._keeper.note(task)
            elif task.execution.state is not State.SUBMITTED:  # it was refused everywhere
                self._intended.pop(id(task), None)

    def _take_released(self) -> None:
        for task in [each for each in self._held.values() if not each.execution.held]:
            del self._held[id(task)]
            self.intake.put(task)

    def _give_ids(self, tasks: list[Task]) -> None:
        if any(task.persistent_id is None for task in tasks):
            self._keeper.save()  # those that a collection has made go with what it decided
            self._keeper.enrol(tasks)

    def _start_attempt(self, task: Task, site: Site) -> None:
        id_ = task.persistent_id
        if id_ is None:
            self._number += 1
            id_ = f"{type(task).__name__}-{self._name}.{self._number}"
        task.execution.start_attempt(jobs.make_token(id_, task.execution.attempt + 1))
        task.execution.details.resource = site.name

    def hand_over(self) -> bool:
        """Hand over what was chosen, and saved as such; whether anything was.

        Raises:
            RecoverableError: The only resource takes none at the moment; the call can be repeated.
        """
        tasks = [
            task
            for task in self._intended.values()
            if task.execution.state is not State.NEW  # else it was not chosen to the end
            and not self._turns.is_stranded(task)
        ]
        handed_over = [self._hand_over(*each) for each in self._fleet.takers(tasks)]
        return any(handed_over)

    def _hand_over(self, site: Site, tasks: list[Task]) -> bool:
        ready = {}
        for task in tasks:
            try:
                ready[task.execution.details.token] = task, jobs.job_spec(task, self._store)
            except RecoverableError:
                raise
            except Exception as err:  # noqa: BLE001  # whatever the task's own code raises
                self._course.fail(task, "it cannot be submitted", err)
                self._turns.forget(task)
                del self._intended[id(task)]
        if not ready:
            return False
        try:
            refused = self._fleet.submit(site, ready)
        finally:
            for task, _ in ready.values():
                if self._fleet.has(task):
                    self._intended.pop(id(task), None)
                    self._turns.forget(task)
                    self._tell(task)
        for token, refusal in (refused or {}).items():
            task = ready[token][0]
            if not self._turns.refuse(task, site, refusal.reason):
                self._intended.pop(id(task), None)
                self._course.refuse(task, refusal)
        return refused is not None

    def _tell(self, task: Task) -> None:
        if events.publisher.wants(events.TaskSubmitted):
            run, moment = task.execution, self._clock.now()
            events.publisher.publish(
                events.TaskSubmitted(
                    task=task, backend=run.details.resource, attempt=run.attempt, time=moment
                )
            )
