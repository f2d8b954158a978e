"""The jobs that an engine has at its resources."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

from gc3libs.backends.base import JobRefused, JobSpec, JobState, Report
from gc3libs.engine.following import Following
from gc3libs.engine.keeper import End
from gc3libs.engine.resource import UNLIMITED
from gc3libs.engine.site import Site
from gc3libs.exceptions import RecoverableError
from gc3libs.model import State, Task

logger = logging.getLogger(__name__)


class Fleet(Following):
    """Hands jobs over to resources, and has them ended and forgotten."""

    # handing over

    @property
    def room(self) -> int:
        """How many more jobs the only resource, or all together, want at hand."""
        enabled = [site for site in self.sites if site.resource.enabled]
        if not enabled:
            return 0
        waiting = sum(task.execution.state is not State.RUNNING for task in self)
        return sum(site.backend.capacity.window for site in enabled) - waiting

    @property
    def slots(self) -> int | None:
        """Cores of all resources that tasks go to; None: as many as they want."""
        enabled = [site for site in self.sites if site.resource.enabled]
        cores = sum(site.resource.cores_of(site.backend.capacity) for site in enabled)
        return cores if cores < UNLIMITED else None

    def is_certain(self, task: Task) -> bool:
        """Whether no resource can have heard of a task that is to be handed over."""
        return task.execution.details.token not in self._unanswered

    def takers(self, tasks: Iterable[Task]) -> list[tuple[Site, list[Task]]]:
        """The resources that take something now, and which of these tasks they are to get."""
        if self._is_single:
            shares = {self.sites[0]: list(tasks)}
        else:
            shares = {}
            for task in tasks:
                shares.setdefault(self.site_for(task), []).append(task)
        now = self._clock.now()
        return [
            (site, mine)
            for site, mine in shares.items()
            if mine
            and (self._is_single or site.answers())
            and site.resource.slots.take_submission(now)
        ]

    def submit(
        self, site: Site, jobs: Mapping[str, tuple[Task, JobSpec]]
    ) -> dict[str, JobRefused] | None:
        """Hand jobs over, by token; returns those that were refused; None if there is no answer.

        Raises:
            RecoverableError: The only resource takes none at the moment.
        """
        self._unanswered.update(jobs)
        try:
            answers = site.backend.submit([spec for _, spec in jobs.values()])
        except RecoverableError as err:
            trouble = self.note_trouble(site, err)
            if trouble is not None:
                raise
            return None
        site.has_answered()
        self._unanswered.difference_update(jobs)
        refused = {}
        for (token, (task, _)), answer in zip(jobs.items(), answers, strict=True):
            task.execution.details.resource = site.name
            if answer is None:
                self._follow(token, task, site)
            else:
                refused[token] = answer
        return refused

    def _follow(self, token: str, task: Task, site: Site) -> None:
        self._tasks[token] = task
        self._places[token] = site
        task.execution.details.resource = site.name
        task.execution.details.job = token

    def adopt(self, tasks: Mapping[str, Task]) -> set[str]:
        """Follow the jobs that resources have of these tasks, by token, and hear how they are.

        Returns:
            Tokens of all those about which everybody was asked who may know.

        Raises:
            RecoverableError: The only resource does not answer.
        """
        found: dict[str, tuple[Site, Report]] = {}
        silent: set[str] = set()
        for site in self.sites:
            mine = [token for token, task in tasks.items() if self._may_be_at(task, site)]
            if not mine:
                continue
            try:
                reports = site.backend.adopt(mine) if site.in_service else None
            except RecoverableError as err:
                if self.note_trouble(site, err) is not None:
                    raise
                reports = None
            if reports is None:
                silent.update(mine)
                continue
            for token, report in reports.items():
                if token not in found or found[token][1].state is JobState.RETURNED:
                    found[token] = site, report
        for token, (site, report) in found.items():
            self._follow(token, tasks[token], site)
            self.reports.append(report)
        return (tasks.keys() - silent) | found.keys()

    def _may_be_at(self, task: Task, site: Site) -> bool:
        named = self._named(task.execution.details.resource)
        return self._is_single or named is None or named is site

    def remove(self, task: Task) -> None:
        """Follow a task's job no longer; it goes on."""
        if self.has(task):
            del self._tasks[task.execution.details.token]

    # ending them

    def cancel(self, tasks: Iterable[Task]) -> None:
        """End the jobs of tasks; `reports` will say what came of it.

        Raises:
            RecoverableError: The only resource does not answer.
        """
        self._cancel({task.execution.details.token for task in tasks} - self._cancelled)

    def _cancel(self, tokens: Collection[str]) -> None:
        for site in self.sites:
            mine = [token for token in tokens if self._places.get(token) is site]
            if not mine or not site.in_service:
                continue
            try:
                site.backend.cancel(mine)
            except RecoverableError as err:
                if self.note_trouble(site, err) is not None:
                    raise
            else:
                self._cancelled.update(mine)

    def note_place(self, token: str, site: Site) -> None:
        """A job that is over is there."""
        self._places[token] = site

    def abandon(self, token: str, site: Site | None = None) -> None:
        """End a job of which nobody wants to hear; `site` is where one is that is not followed."""
        if site is not None:
            self._places[token] = site
        elif token not in self._tasks:
            return
        self._abandoned.add(token)
        self._tasks.pop(token, None)
        try:
            self._cancel([token])
        except RecoverableError as err:
            logger.warning("job %s cannot be cancelled: %s", token, err)

    def release(self, ends: Sequence[End]) -> list[End]:
        """Have resources forget jobs; gives those that cannot be forgotten yet."""
        left = [end for end in ends if end.token in self._abandoned]
        over = [end for end in ends if end.token not in self._abandoned]
        for site in self.sites:
            mine = [end for end in over if self._places.get(end.token) is site]
            if mine and not self._free(site, mine):
                left += mine
            else:
                for end in mine:
                    self._places.pop(end.token, None)
        return left

    def _free(self, site: Site, ends: Sequence[End]) -> bool:
        if not site.in_service:
            return False
        try:
            for keep in (False, True):
                tokens = [end.token for end in ends if end.keeps_directory is keep]
                if tokens:
                    site.backend.free(tokens, keep_directory=keep)
        except RecoverableError as err:
            if self.note_trouble(site, err) is not None:
                raise
            return False
        return True
