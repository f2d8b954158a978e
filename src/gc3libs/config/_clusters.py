"""Settings of places where tasks run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gc3libs.quantity import Duration, Memory

Count = Annotated[int, msgspec.Meta(ge=1)]
Limit = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][\w.:@/+*,=-]*\Z")]
"""A name that a site has given; it goes into command lines and scripts of batch systems."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource takes.

    Attributes:
        max_jobs: At most so many jobs there at a time; 0: no limit.
        max_cores: At most so many cores of all jobs together; 0: no limit.
        max_cores_per_job, max_memory_per_core, max_walltime: The most that one job may ask for;
            0 or None: no limit.
        submissions_per_minute: 0: no limit.
        architecture: What its processors are; None: not said, so that all will do.
        tags: Words that a task can ask for.
    """

    max_jobs: Limit = 0
    max_cores: Limit = 0
    max_cores_per_job: Limit = 0
    max_memory_per_core: Memory | None = None
    max_walltime: Duration | None = None
    submissions_per_minute: Limit = 0
    architecture: str | None = None
    tags: tuple[str, ...] = ()

    def limits(self) -> dict[str, Any]:
        """Those that are set, by key.

        >>> Limits(max_jobs=3).limits()
        {'max_jobs': 3}
        """
        found = {name: getattr(self, name) for name in Limits.__struct_fields__}
        return {name: value for name, value in found.items() if _is_set(value)}


def _is_set(value: Any) -> bool:
    return value is not None and (isinstance(value, Memory | Duration) or bool(value))


class LocalResource(Limits, frozen=True, kw_only=True):
    """This machine.

    Attributes:
        enabled: Whether tasks may go there; None: only where no other resource is enabled.
        cores: How many cores tasks of one session use together; None: all that this process may
            use. (`max_cores` is a limit of all sessions together.)
        memory: How much memory they use together; None: all that the machine has.
    """

    enabled: bool | None = None
    cores: Count | None = None
    memory: Memory | None = None


class NamedResource(Limits, frozen=True, kw_only=True):
    """A resource that is configured.

    Attributes:
        enabled: Whether tasks may go there.
    """

    enabled: bool = True


class RemoteResource(NamedResource, frozen=True, kw_only=True):
    """A resource on a machine that may be another one; how that is reached.

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
    port: Port | None = None
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
    queue: Word | None = None
    account: Word | None = None
    qos: Word | None = None
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

    parallel_environment: Word | None = None


class PbsResource(BatchResource, frozen=True, kw_only=True, tag="pbs"):
    """A cluster with PBS Pro or OpenPBS; not verified."""


class LsfResource(BatchResource, frozen=True, kw_only=True, tag="lsf"):
    """A cluster with LSF; not verified."""


class HostResource(BatchResource, frozen=True, kw_only=True, tag="host"):
    """A machine without a batch system: jobs are its processes.

    `cores`: how many run at a time.
    """

    cores: Count = 1


class DaskResource(NamedResource, frozen=True, kw_only=True, tag_field="type", tag="dask"):
    """A cluster of `distributed`.

    Attributes:
        address: Of a scheduler that is there; None: one is started.
        workers: How many a started one has; None: one.
        cores: How many jobs each of these runs at a time; None: all processors of this machine, or
            one where workers are jobs of Slurm.
        memory: Of each of these workers; None: this machine's. Slurm has to be told.
        queue: These workers are jobs of Slurm in this partition; None: they run here.
        account: That these jobs are charged to.
        interface: Of the network by which these jobs reach the scheduler, such as `ib0`.
        walltime: Of each of these jobs.
    """

    address: str | None = None
    workers: Count | None = None
    queue: Word | None = None
    account: Word | None = None
    interface: Word | None = None
    cores: Count | None = None
    memory: Memory | None = None
    walltime: Duration | None = None


Cluster = SlurmResource | SgeResource | PbsResource | LsfResource | HostResource | DaskResource
"""A resource that has a name of the user's."""

Kind = type[Cluster]

KINDS: dict[str, Kind] = {
    "dask": DaskResource,
    "host": HostResource,
    "lsf": LsfResource,
    "pbs": PbsResource,
    "sge": SgeResource,
    "slurm": SlurmResource,
}
"""By the `type` of a resource."""

USER_ONLY = frozenset(
    {
        *(set(RemoteResource.__struct_fields__) - set(NamedResource.__struct_fields__)),
        "address",
        "epilogue",
        "modules",
        "options",
        "prologue",
    }
)
"""Keys that decide which code runs, or where one logs in."""


def decode(kind: type, value: Any) -> Any:
    """A quantity of what people write; `dec_hook` of `msgspec.convert`."""
    if kind in (Memory, Duration):
        return value if isinstance(value, kind) else kind(value)
    raise NotImplementedError(kind)
