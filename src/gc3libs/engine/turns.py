"""Whose turn it is, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gc3libs.backends.base import JobRefused
from gc3libs.engine.aside import Aside
from gc3libs.engine.course import Course
from gc3libs.engine.fleet import Fleet
from gc3libs.engine.intake import Intake
from gc3libs.engine.placing import Misfit, NoRoom, Placer
from gc3libs.engine.requests import Requests
from gc3libs.engine.site import Site
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Task

LOOK_AHEAD = 1000
"""How many tasks, for which there is no room, others may overtake."""


class Turn(NamedTuple):
    """A task, and where it goes."""

    task: Task
    site: Site


class Turns:
    """Takes tasks from the intake in order; where they have a choice, also chooses.

    A task for which there is no room is overtaken by those for which there is.
    """

    def __init__(self, intake: Intake, fleet: Fleet, course: Course) -> None:
        self._intake = intake
        self._course = course
        self._fleet = fleet
        choice = len(fleet.sites) > 1 or not fleet.sites[0].resource.is_plain
        self._placer = Placer(fleet.sites) if choice else None
        self._aside = Aside()

    def __bool__(self) -> bool:
        """Whether there may be something to take."""
        return bool(self._intake or self._aside)

    @property
    def has_choice(self) -> bool:
        """Whether it has to be found out where a task goes."""
        return self._placer is not None

    def discard(self, task: Task) -> None:
        """Leave a task out."""
        self._intake.discard(task)
        self._aside.discard(task)
        self.forget(task)

    def forget(self, task: Task) -> None:
        """A task is where it was to go."""
        if self._placer is not None:
            self._placer.forget(task)

    def begin(self, intended: Iterable[Task]) -> None:
        """Find out how much room there is.

        Args:
            intended: Tasks that are on their way.
        """
        if self._placer is not None:
            jobs = [(self._fleet.site_for(task), task) for task in (*self._fleet, *intended)]
            self._placer.count(jobs, more=bool(self or intended))
            self._aside.begin()

    def end(self) -> None:
        """No more are taken now."""
        if self._placer is not None:
            self._placer.settle()

    def take(self) -> Turn | None:
        """The next task; None if there is none for which there is room.

        Raises:
            StoreUnavailable, StoreError: As `Intake.take` does.
        """
        if self._placer is None:
            task = self._intake.take()
            return None if task is None else Turn(task, self._fleet.sites[0])
        return self._overtaken(self._placer) or self._new(self._placer)

    def _overtaken(self, placer: Placer) -> Turn | None:
        while (entry := self._aside.next()) is not None:
            try:
                site = self._site(placer, *entry)
            except NoRoom:
                self._aside.put(*entry, back=True)
                continue
            if site is not None:
                return Turn(entry[0], site)
        return None

    def _new(self, placer: Placer) -> Turn | None:
        while len(self._aside) < LOOK_AHEAD and (task := self._intake.take()) is not None:
            if task.execution.held:
                return Turn(task, self._fleet.sites[0])  # it is not handed over
            requests = self._requests(placer, task)
            if requests is None:
                continue
            try:
                site = self._site(placer, task, requests)
            except NoRoom:
                self._aside.put(task, requests)
                continue
            if site is not None:
                return Turn(task, site)
        return None

    def _requests(self, placer: Placer, task: Task) -> Requests | None:
        """What a task asks for; None if it has ended because that cannot be said."""
        try:
            return placer.requests(task)
        except RecoverableError:
            raise
        except Exception as err:  # noqa: BLE001  # whatever the task's own code raises
            self._course.fail(task, "it cannot be placed", err)
            return None

    def _site(self, placer: Placer, task: Task, requests: Requests) -> Site | None:
        """Where a task goes; None if it has ended because that is nowhere.

        Raises:
            NoRoom: It has to wait.
        """
        if self._aside.is_full(requests):
            raise NoRoom
        try:
            return placer.place(task, requests)
        except NoRoom:
            self._aside.note_full(requests)
            raise
        except Misfit as err:
            self._course.refuse(task, JobRefused(task.execution.details.token, str(err)))
        except RecoverableError:
            raise
        except Exception as err:  # noqa: BLE001  # whatever the task's own code raises
            self._course.fail(task, "it cannot be placed", err)
        placer.forget(task)
        return None

    # those that were chosen already

    def refuse(self, task: Task, site: Site, reason: str) -> bool:
        """A resource does not take a task; whether it may go elsewhere."""
        if self._placer is not None:
            self._placer.refuse(task, site, reason)
        return self._placer is not None

    def is_stranded(self, task: Task) -> bool:
        """Whether a task can, and has to, go elsewhere than where it was to go."""
        if self._placer is None or not self._fleet.is_certain(task):
            return False
        site = self._fleet.site_for(task)
        usable = site.in_service and site.resource.enabled
        return not usable or self._placer.was_refused(task, site)

    def elsewhere(self, task: Task) -> Site | None:
        """Where a stranded task goes; None if there is no room, or if it has ended."""
        assert self._placer is not None
        requests = self._requests(self._placer, task)
        try:
            return None if requests is None else self._site(self._placer, task, requests)
        except NoRoom:
            return None
