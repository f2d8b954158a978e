"""Settings of resources that are not simply this machine."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gc3libs.quantity import Duration, Memory

Count = Annotated[int, msgspec.Meta(ge=1)]
Limit = Annotated[int, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource takes.

    Attributes:
        enabled: Whether tasks may go there.
        max_jobs: At most so many jobs there at a time; 0: no limit.
        max_cores: At most so many cores of all jobs together; 0: no limit.
        max_cores_per_job, max_memory_per_core, max_walltime: The most that one job may ask for;
            0 or None: no limit.
        submissions_per_minute: 0: no limit.
        architecture: What its processors are; None: not said, so that all will do.
        tags: Words that a task can ask for.
    """

    enabled: bool = True
    max_jobs: Limit = 0
    max_cores: Limit = 0
    max_cores_per_job: Limit = 0
    max_memory_per_core: Memory | None = None
    max_walltime: Duration | None = None
    submissions_per_minute: Limit = 0
    architecture: str | None = None
    tags: tuple[str, ...] = ()


class RemoteResource(Limits, frozen=True, kw_only=True):
    """A resource on a machine that may be another one; how that is reached.

    All but `transport` may be set in the user's own file only.

    Attributes:
        transport: `"local"`: commands run here; `"ssh"`: on `host`.
        host: Its name, as in `~/.ssh/config` or in the network; `user`, `port`, `identity` (a key's
            file) and `jump` (hosts to go through, with commas) overrule what that file says.
        directory: Where jobs' directories are made on `host`; None: `.gc3libs` in the home there.
        python: The interpreter that runs Python functions there; None: `python3`, or the one that
            runs this program where the transport is local.
    """

    transport: Literal["local", "ssh"] = "local"
    host: str | None = None
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    jump: str | None = None
    directory: str | None = None
    python: str | None = None


class BatchResource(RemoteResource, frozen=True, kw_only=True, tag_field="type"):
    """What all batch systems share.

    Attributes:
        poll_every: Time between two questions about all jobs.
        pack: So many short tasks with equal requests go into one job.
        queue: Partition (Slurm) or queue.
        account, qos: As the site calls them.
        options: Further options of the submission command.
        modules: Loaded by `module load` before the command.
        prologue, epilogue: Shell text that runs before and after each command.
    """

    poll_every: Duration | None = None
    pack: Count = 1
    queue: str | None = None
    account: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    prologue: str = ""
    epilogue: str = ""


class SlurmResource(BatchResource, frozen=True, kw_only=True, tag="slurm"):
    """A cluster with Slurm."""


class SgeResource(BatchResource, frozen=True, kw_only=True, tag="sge"):
    """A cluster with Grid Engine.

    `parallel_environment` serves jobs of several cores.
    """

    parallel_environment: str | None = None


class PbsResource(BatchResource, frozen=True, kw_only=True, tag="pbs"):
    """A cluster with PBS Pro or OpenPBS; not verified."""


class LsfResource(BatchResource, frozen=True, kw_only=True, tag="lsf"):
    """A cluster with LSF; not verified."""


class HostResource(BatchResource, frozen=True, kw_only=True, tag="host"):
    """A machine without a batch system: jobs are its processes.

    `cores`: how many run at a time.
    """

    cores: Count = 1


class DaskResource(Limits, frozen=True, kw_only=True, tag_field="type", tag="dask"):
    """A cluster of `distributed`.

    Attributes:
        address: Of a scheduler that is there; None: one is started.
        workers: How many processes of one thread a started one has; None: one a processor.
        queue: A started one's workers are jobs of Slurm in this partition; None: processes here.
        cores, memory, walltime: Of each such job.
    """

    address: str | None = None
    workers: int | None = None
    queue: str | None = None
    cores: Count = 1
    memory: Memory | None = None
    walltime: Duration | None = None


Cluster = SlurmResource | SgeResource | PbsResource | LsfResource | HostResource | DaskResource
