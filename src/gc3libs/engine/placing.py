"""Where tasks go, if there are several resources, or limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gc3libs.engine.requests import Requests, objection, requests_of
from gc3libs.engine.resource import Resource
from gc3libs.engine.site import Load, Site
from gc3libs.model import Job, State, Task


class Misfit(Exception):
    """No resource can ever have a task; says why, of each. Never leaves the engine."""


class NoRoom(Exception):
    """There is no room for a task at the moment. Never leaves the engine."""


class Placer:
    """Chooses among resources.

    Those that can have a task are ranked: first those with free cores for it, of these the one
    where the fewest jobs wait, then the one with the most free cores; after them the others, the
    one first that has the fewest cores to give for its size. What is still equal is taken in the
    order in which it was given. A task's class can have another opinion, by `compatible_resources`
    and `rank_resources`.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites
        self._tags = frozenset(tag for site in sites for tag in site.resource.settings.tags)
        self._fitting: dict[tuple[Any, ...], list[Site]] = {}
        self._enabled: list[Site] = []
        self._refusals: dict[int, dict[str, str]] = {}

    # how full they are

    def count(self, jobs: Iterable[tuple[Site, Task]], *, more: bool) -> None:
        """Count what each resource has.

        Args:
            jobs: Where each of the engine's tasks is, or will be.
            more: There are tasks that want to go somewhere.
        """
        for site in self._sites:
            site.load = Load(site.resource.cores_of(site.backend.capacity))
        for site, task in jobs:
            load = site.load
            load.jobs += 1
            load.cores += (
                task.requested_cores * task.requested_nodes if isinstance(task, Job) else 1
            )
            load.waiting += task.execution.state is not State.RUNNING
        for site in self._sites:
            self._look_for_room(site, more=more and site.resource.enabled)
        enabled = [site for site in self._sites if site.resource.enabled]
        if enabled != self._enabled:
            self._enabled = enabled
            self._fitting.clear()

    @staticmethod
    def _look_for_room(site: Site, *, more: bool) -> None:
        load, resource = site.load, site.resource
        if more:
            jobs, load.more_cores = resource.slots.grab(load.jobs, load.cores)
            load.more_jobs = min(site.backend.capacity.window - load.waiting, jobs)
        resource.free_slots = load.free
        resource.user_run, resource.user_queued = load.jobs - load.waiting, load.waiting

    def settle(self) -> None:
        """Give back what was taken of shared limits, and was not needed."""
        for site in self._sites:
            site.resource.slots.keep(site.load.jobs, site.load.cores)

    # which of them

    def requests(self, task: Task) -> Requests:
        """What a task asks for.

        Raises:
            Exception: Whatever the class of the task raises.
        """
        return requests_of(task, self._tags)

    def place(self, task: Task, requests: Requests) -> Site:
        """The resource that a task is to go to, which counts it from now on.

        Raises:
            NoRoom: None has room for it now.
            Misfit: None can ever have it.
            Exception: Whatever the class of the task raises.
        """
        fitting = self._fitting_for(task, requests)
        cores = requests.cores
        free = [
            site
            for site in fitting
            if site.load.more_jobs > 0 and site.load.more_cores >= cores and site.in_service
        ]
        for site in _ranked(free, requests):
            if site.answers():
                site.load.add(cores)
                return site
        raise NoRoom

    def _fitting_for(self, task: Task, requests: Requests) -> list[Site]:
        refused_by = self._refusals.get(id(task), {})
        fitting = [site for site in self._able(requests) if site.name not in refused_by]
        if not fitting and self._enabled:
            raise Misfit(self._why_not(requests, refused_by))
        return fitting

    def _able(self, requests: Requests) -> list[Site]:
        """The resources that can have such tasks, if there is room."""
        able = self._fitting.get(requests.key)
        if able is None:
            able = [site for site in self._enabled if not objection(requests, site.resource)]
            if requests.chooser is not None:
                return _in_order(able, requests.chooser.compatible_resources)
            self._fitting[requests.key] = able
        return able

    def _why_not(self, requests: Requests, refused_by: dict[str, str]) -> str:
        reasons = []
        for site in self._enabled:
            reason = refused_by.get(site.name) or objection(requests, site.resource)
            reasons.append(f"{site.name}: {reason or 'its class does not want it there'}")
        return "; ".join(reasons)

    # refusals

    def refuse(self, task: Task, site: Site, reason: str) -> None:
        """A resource does not take a task: it is to go elsewhere."""
        self._refusals.setdefault(id(task), {})[site.name] = reason

    def was_refused(self, task: Task, site: Site) -> bool:
        """Whether a resource did not take a task."""
        return site.name in self._refusals.get(id(task), ())

    def forget(self, task: Task) -> None:
        """A task is not to be placed any more."""
        self._refusals.pop(id(task), None)


def _ranked(sites: list[Site], requests: Requests) -> list[Site]:
    if requests.chooser is not None:
        return _in_order(sites, requests.chooser.rank_resources)
    if len(sites) < 2:
        return sites
    return sorted(sites, key=lambda site: site.load.rank(requests.cores))


def _in_order(sites: list[Site], choose: Any) -> list[Site]:
    """The sites of those resources that a task's class gives back, in its order."""
    by_resource: dict[Resource, Site] = {site.resource: site for site in sites}
    chosen = choose(list(by_resource))
    return [by_resource[each] for each in chosen if each in by_resource]
