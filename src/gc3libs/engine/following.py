"""The jobs that an engine follows, and what is heard of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from gc3libs import events
from gc3libs._clock import Clock
from gc3libs.backends.base import Backend, JobState, Report
from gc3libs.engine.site import Site
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Task

_OVER = frozenset((JobState.ENDED, JobState.RETURNED, JobState.LOST))
_TURN = 0.1  # seconds that one of several backends is listened to at a time


class Following:
    """Which job, by token, is whose, and where.

    A job is *followed* from when it was handed over until its end was dealt with. One that is
    *abandoned* was cancelled because nobody wants it; its evidence is kept until it has ended.

    The trouble of the only resource is raised, or given back; one of several is set aside.

    Attributes:
        sites: The resources; there is at least one.
        reports: What was heard of jobs, and not dealt with yet, in order.
        silences: Why nothing could be heard of jobs, by token, if that was not dealt with yet.
    """

    def __init__(self, sites: Sequence[Site], clock: Clock) -> None:
        self.sites = tuple(sites)
        self.reports: deque[Report] = deque()
        self.silences: dict[str, RecoverableError] = {}
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._places: dict[str, Site] = {}
        self._abandoned: set[str] = set()
        self._cancelled: set[str] = set()
        self._unanswered: set[str] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def has(self, task: Task) -> bool:
        """Whether the job of a task is followed."""
        return self._tasks.get(task.execution.details.token) is task

    def task_of(self, token: str) -> Task | None:
        """Whose job that is; None if it is not followed."""
        return self._tasks.get(token)

    def place_of(self, token: str) -> Backend | None:
        """Where the job with this token is or was, as far as is known."""
        site = self._places.get(token)
        return None if site is None else site.backend

    def site_for(self, task: Task) -> Site:
        """Where a task is, or is to go; the first one if nobody knows."""
        return self._named(task.execution.details.resource) or self.sites[0]

    def _named(self, name: str) -> Site | None:
        return next((each for each in self.sites if each.name == name), None)

    def jobs_at(self, site: Site) -> list[str]:
        """Tokens of the jobs at a resource that are not over, abandoned ones included."""
        known = [*self._tasks, *self._abandoned]
        if self._is_single:
            return known
        return [token for token in known if self._places[token] is site]

    # trouble

    @property
    def _is_single(self) -> bool:
        return len(self.sites) == 1

    @property
    def in_service(self) -> list[Site]:
        """The resources that may be asked for anything."""
        return [each for each in self.sites if each.in_service]

    def note_trouble(self, site: Site, trouble: RecoverableError) -> RecoverableError | None:
        """A resource has failed; gives the trouble if nothing can be done without that one."""
        if self._is_single:
            return trouble
        site.set_aside(trouble)
        return None

    @property
    def trouble(self) -> RecoverableError | None:
        """Why nothing goes on by itself: all that is waited for is set aside."""
        found = next((site.trouble for site in self.sites if site.trouble is not None), None)
        if found is None:
            return None
        if any(site.trouble is None and self.jobs_at(site) for site in self.sites):
            return None
        return found.with_traceback(None)

    # hearing of them

    def poll(self) -> RecoverableError | None:
        """Hear what has changed; the trouble of the only resource, if it could not say it."""
        trouble = None
        for site in self.sites:
            tokens = self.jobs_at(site)
            if tokens and site.in_service:
                trouble = self._hear(site, tokens) or trouble
        return trouble

    def _hear(self, site: Site, tokens: list[str], timeout: float = 0.0) -> RecoverableError | None:
        """Take reports; all of them, if an earlier call was interrupted and may have lost some."""
        complete, site.hears_all = site.hears_all, False
        try:
            if complete:
                self.reports += site.backend.poll(tokens, timeout)
            else:
                self.reports += site.backend.adopt(tokens).values()
        except RecoverableError as err:
            failed = events.PollFailed(backend=site.name, error=str(err), time=self._clock.now())
            events.publisher.publish(failed)
            self.silences.update(dict.fromkeys(tokens, err))
            return self.note_trouble(site, err)
        site.hears_all = True
        site.has_answered()
        return None

    def wait(self, timeout: float) -> bool:
        """Let so many seconds pass, unless something is heard; false if there is nobody to hear.

        Raises:
            RecoverableError: The only resource does not answer.
        """
        sites = self.sites if self._is_single else self.in_service
        busy = [(each, tokens) for each in sites if (tokens := self.jobs_at(each))]
        if len(busy) == 1:
            trouble = self._hear(*busy[0], timeout)
            if trouble is not None:
                raise trouble
            return True
        deadline = self._clock.monotonic() + timeout
        while busy and not self.reports and self._clock.monotonic() < deadline:
            for site, tokens in busy:
                self._hear(site, tokens, 0.0 if self.reports else min(timeout, _TURN))
        return bool(busy)

    def settle(self, report: Report) -> None:
        """A report was dealt with."""
        if report.state in _OVER:
            for known in (self._abandoned, self._cancelled):
                known.discard(report.token)
            self._tasks.pop(report.token, None)
