"""A resource as one engine uses it."""

from __future__ import annotations

import logging

from gc3libs import events
from gc3libs._clock import Clock
from gc3libs.engine.resource import Resource
from gc3libs.exceptions import RecoverableError

logger = logging.getLogger(__name__)

SHORTEST_PAUSE = 5.0
"""Seconds for which a resource is set aside when it fails for the first time."""

LONGEST_PAUSE = 900.0
"""Most seconds for which one is set aside that fails again and again."""


class Load:
    """What an engine has at a resource, and what it may have more.

    Attributes:
        jobs, cores: Of the engine's tasks that are there, or will be.
        waiting: How many of the jobs do not run yet.
        size: Cores that there are.
        more_jobs, more_cores: What may be added.
    """

    __slots__ = ("cores", "jobs", "more_cores", "more_jobs", "size", "waiting")

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.jobs = self.cores = self.waiting = self.more_jobs = self.more_cores = 0

    @property
    def free(self) -> int:
        """Cores that are left free."""
        return max(0, self.size - self.cores)

    def rank(self, cores: int) -> tuple[bool, float, int]:
        """The less, the better it is for a task of so many cores."""
        if self.free >= cores:
            return False, self.waiting, -self.free
        return True, self.cores / max(self.size, 1), 0

    def add(self, cores: int) -> None:
        """Count one job more, that waits."""
        self.jobs += 1
        self.cores += cores
        self.waiting += 1
        self.more_jobs -= 1
        self.more_cores -= cores


class Site:
    """Whether a resource answers, and how full it is.

    One that fails is set aside: it is left alone for a pause that grows with each failure that
    follows. After that it is asked whether it answers before it is given tasks again.

    Attributes:
        resource, backend, name: Which it is.
        hears_all: No report can have been missed since the last call that went well.
        was_examined: It was looked for jobs that the store does not know of.
        trouble: Why it is set aside; None if it is not.
        load: How full it is, as counted last.
    """

    def __init__(self, resource: Resource, clock: Clock) -> None:
        self.resource = resource
        self.backend = resource.backend
        self.name = resource.name
        self.hears_all = True
        self.was_examined = False
        self.trouble: RecoverableError | None = None
        self.load = Load()
        self._has_answered = False
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def in_service(self) -> bool:
        """Whether it may be asked for anything."""
        return self.trouble is None or self._clock.monotonic() >= self._until

    def set_aside(self, trouble: RecoverableError) -> None:
        """It has failed: leave it alone for a while."""
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(self._failures, 20))
        self._failures += 1
        self._until = self._clock.monotonic() + pause
        if self.trouble is None:
            logger.warning("%s is set aside: %s", self.name, trouble)
        self.trouble = trouble
        self._has_answered = False
        now = self._clock.now()
        events.publisher.publish(
            events.ResourceSetAside(
                resource=self.name, error=str(trouble), until=now + pause, time=now
            )
        )

    def has_answered(self) -> None:
        """All is well there."""
        self._has_answered = True
        if self.trouble is not None:
            logger.warning("%s answers again", self.name)
            self.trouble, self._failures = None, 0
            back = events.ResourceBack(resource=self.name, time=self._clock.now())
            events.publisher.publish(back)

    def answers(self) -> bool:
        """Whether it can be given tasks now; asks it if that is not known."""
        if not self.in_service:
            return False
        if not self._has_answered:
            try:
                self.backend.describe()
            except RecoverableError as err:
                self.set_aside(err)
                return False
            self.has_answered()
        return True
