"""What jobs ask for: what a resource does not give, and which of them can go together."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from gc3libs.backends.base import JobRefused, JobSpec
from gc3libs.backends.batch.book import Note, Plan
from gc3libs.backends.batch.scheduler import Request, Scheduler
from gc3libs.backends.local.orders import check_form
from gc3libs.backends.local.supervisor.words import duration, memory
from gc3libs.config import BatchResource, HostResource

_MARGIN = 60.0
"""Seconds that a batch system gives beyond a job's walltime, which its script keeps exactly."""


def check(job: JobSpec, settings: BatchResource, scheduler: Scheduler) -> None:
    """Find what makes a job impossible on a resource.

    Raises:
        JobRefused: This does; the reason names the limit.
    """
    check_form(job)
    qos = job.qos or settings.qos
    if qos is not None and not scheduler.has_qos:
        raise JobRefused(job.token, f"asks for QOS {qos}, and {scheduler.title} has none")
    cores = job.cores * job.nodes
    for name, limit in (
        ("cores", settings.cores if isinstance(settings, HostResource) else 0),
        ("max_cores_per_job", settings.max_cores_per_job),
        ("max_cores", settings.max_cores),
    ):
        if limit and cores > limit:
            raise JobRefused(job.token, f"needs {cores} cores; {name} is {limit}")
    most = settings.max_memory_per_core
    if most is not None and job.memory and job.memory > job.cores * most.in_bytes():
        allowed = f"max_memory_per_core is {memory(most.in_bytes())}"
        needed = f"needs {memory(job.memory)} of memory for {job.cores} cores"
        raise JobRefused(job.token, f"{needed}; {allowed}")
    longest = settings.max_walltime
    if longest is not None and job.walltime and job.walltime > longest.in_seconds():
        allowed = f"max_walltime is {duration(longest.in_seconds())}"
        raise JobRefused(job.token, f"needs {duration(job.walltime)} of walltime; {allowed}")


def request_of(job: JobSpec, settings: BatchResource) -> Request:
    """What a job asks for; the resource's settings say what it leaves open."""
    return Request(
        cores=job.cores,
        nodes=job.nodes,
        gpus=job.gpus,
        memory=job.memory,
        memory_limit=job.memory_limit,
        walltime=job.walltime,
        queue=job.queue or settings.queue,
        account=job.account or settings.account,
        qos=job.qos or settings.qos,
        options=settings.options,
    )


def group(
    jobs: Sequence[JobSpec], settings: BatchResource, array_size: int
) -> list[tuple[Request, list[JobSpec]]]:
    """Jobs that ask for the same, together, in the order in which they came.

    None of the groups is more than one submission can take.
    """
    most = array_size * settings.pack
    groups: dict[Request, list[list[JobSpec]]] = {}
    for job in jobs:
        portions = groups.setdefault(request_of(job, settings), [[]])
        if len(portions[-1]) == most:
            portions.append([])
        portions[-1].append(job)
    return [(request, each) for request, portions in groups.items() for each in portions]


def plan(request: Request, notes: Sequence[Note], pack: int) -> Plan:
    """The submission of jobs that ask for the same."""
    key = f"g{secrets.token_hex(6)}"
    return Plan(
        key=key, name=f"{notes[0].token}-{key}", pack=pack, request=request, jobs=tuple(notes)
    )


def of_an_element(plan: Plan) -> Request:
    """What each of a submission's elements asks for: time for its jobs, one after the other."""
    jobs = min(plan.pack, len(plan.jobs))
    if plan.request.walltime is None:
        return plan.request
    walltime = plan.request.walltime * jobs + _MARGIN
    return msgspec.structs.replace(plan.request, walltime=walltime)
