"""What tasks ask for, and which resources have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gc3libs.config import DaskResource
from gc3libs.engine.resource import Resource
from gc3libs.model import Application, Job, Task
from gc3libs.quantity import format_bytes, format_seconds


class Requests(NamedTuple):
    """What a task asks for; tasks with equal requests go to the same resources.

    Attributes:
        cores: Slots, on all nodes together.
        nodes: Machines.
        memory: Bytes on each of them; None: not said.
        walltime: Seconds; None: not said.
        architecture: None: any.
        tags: Those of its tags that resources have.
        chooser: The task, if its class has a say in where it goes.
    """

    cores: int
    nodes: int
    memory: int | None
    walltime: float | None
    architecture: str | None
    tags: frozenset[str]
    chooser: Application | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for equal requests."""
        return (*self[:-1], id(self.chooser))


_NOTHING = Requests(1, 1, None, None, None, frozenset())


def requests_of(task: Task, known_tags: frozenset[str]) -> Requests:
    """What a task asks for.

    Args:
        known_tags: Those of all resources; others are no requests.

    Raises:
        Exception: Whatever the class of the task raises.
    """
    if not isinstance(task, Job):
        return _NOTHING
    wanted = task.resources
    tags = known_tags.intersection(task.tags) if known_tags else frozenset()
    chooser = task if isinstance(task, Application) and _has_a_say(type(task)) else None
    return Requests(
        wanted.cores * wanted.nodes,
        wanted.nodes,
        wanted.memory,
        wanted.walltime,
        wanted.architecture,
        tags,
        chooser,
    )


def _has_a_say(cls: type[Application]) -> bool:
    return (
        cls.compatible_resources is not Application.compatible_resources
        or cls.rank_resources is not Application.rank_resources
    )


def objection(requests: Requests, resource: Resource) -> str:
    """Why a resource cannot have a task, with the limit's name; empty if it can.

    >>> from gc3libs.config import Limits
    >>> small = Resource("small", Limits(max_cores_per_job=2))
    >>> objection(_NOTHING, small), objection(_NOTHING._replace(cores=4), small)
    ('', '4 cores: max_cores_per_job is 2')
    """
    return next(_objections(requests, resource), "")


def _objections(requests: Requests, resource: Resource) -> Iterator[str]:
    limits, (cores, nodes, memory, walltime, architecture, tags, _) = resource.settings, requests
    for name in ("max_cores_per_job", "max_cores"):
        most = getattr(limits, name)
        if most and cores > most:
            yield f"{cores} cores: {name} is {most}"
    per_core, longest = limits.max_memory_per_core, limits.max_walltime
    if (
        memory is not None
        and per_core is not None
        and memory > cores // nodes * per_core.in_bytes()
    ):
        limit = f"max_memory_per_core is {format_bytes(per_core.in_bytes())}"
        yield f"{format_bytes(memory)} of memory: {limit}"
    if walltime is not None and longest is not None and walltime > longest.in_seconds():
        limit = f"max_walltime is {format_seconds(longest.in_seconds())}"
        yield f"{format_seconds(walltime)}: {limit}"
    if architecture is not None and architecture not in resource.architecture:
        yield f"architecture {architecture}: it has {', '.join(resource.architecture)}"
    missing = tags.difference(limits.tags)
    if missing:
        yield f"tags {', '.join(sorted(missing))}: it has {', '.join(limits.tags) or 'none'}"
    if not resource.is_open or isinstance(limits, DaskResource):  # workers come and go
        return
    offer = resource.backend.capacity
    if cores > offer.cores:
        yield f"{cores} cores: it has {offer.cores}"
    if memory is not None and memory > offer.memory:
        yield f"{format_bytes(memory)} of memory: it has {format_bytes(offer.memory)}"
