"""`Job`: a task that runs as one process somewhere, and the plain description of that process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gc3libs.model._plain import (
    Kept,
    freeze_quantity,
    nothing,
    same,
    shown,
    thaw_duration,
    thaw_memory,
)
from gc3libs.model.resources import (
    Resources,
    check_cores,
    check_gpus,
    check_memory,
    check_nodes,
    check_site_name,
    check_walltime,
)
from gc3libs.model.state import State
from gc3libs.model.task import Task
from gc3libs.quantity import Duration, Memory


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One job, as plain data; whoever hands it over adds what names the attempt.

    Attributes:
        argv: The command. A name without `/` is searched in `PATH`.
        environment: Added to the environment in which jobs run.
        inputs: Pairs (absolute path or URL, name in the job's directory); the name `"."` means a
            directory's contents.
        files: Pairs (name in the job's directory, content) of further inputs.
        shared: Pairs (key of a blob in the store, name in the job's directory) of further inputs.
        outputs: Pairs (name in the job's directory, path below `output_dir`, or an absolute path,
            or URL); the name `"*"` means everything, the path `"."` a directory's contents.
        outcome: Name in the job's directory of what `Job.accept_outcome` wants to see at the end.
        executable: A file in the job's directory that is to be made executable.
        stdin, stdout, stderr: Names in the job's directory. join: standard error goes where
            standard output goes.
        capture: Keep the beginning of undeclared streams.
        cores: Slots. memory: bytes that are counted; memory_limit: bytes above which it is ended.
        walltime: Seconds after which it is ended.
        architecture: One of `Run.Arch`, or None for any.
        nodes: Machines; gpus: on each. queue, account, qos: as a batch system's site calls them.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = {}
    inputs: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    shared: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    outcome: str | None = None
    executable: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    join: bool = False
    capture: bool = True
    cores: int = 1
    memory: int | None = None
    memory_limit: int | None = None
    walltime: float | None = None
    architecture: str | None = None
    nodes: int = 1
    gpus: int = 0
    queue: str | None = None
    account: str | None = None
    qos: str | None = None


def as_environment(variables: Mapping[Any, Any]) -> dict[str, str]:
    """Names and values as text."""
    return {str(name): str(value) for name, value in variables.items()}


class Job(Task):
    """A task that runs as one process.

    Attributes:
        requested_cores: Slots.
        requested_memory: `Memory` of the whole job, or None.
        requested_walltime: `Duration`, or None.
        requested_architecture: One of `Run.Arch`, or None.
        requested_nodes: Machines, of a batch system, at the same time; cores, memory and GPUs are
            of each.
        requested_gpus: How many.
        requested_queue, requested_account, requested_qos: As a batch system's site calls them;
            None: as its resource is configured.
        enforce_memory: The job is ended when it takes more than `requested_memory`; False: that
            only counts when jobs are placed.
        capture: What it writes to a stream that was given no file is kept for a look (the first 10
            MB).
        environment: Variables of the job's.
    """

    requested_cores: int = 1
    requested_architecture: str | None = None
    requested_nodes: int = 1
    requested_gpus: int = 0
    requested_queue: str | None = None
    requested_account: str | None = None
    requested_qos: str | None = None
    enforce_memory: bool = True
    capture: bool = True

    requested_memory: Kept[Memory | None] = Kept(
        tuple, thaw_memory, freeze_quantity, check_memory, nothing
    )
    requested_walltime: Kept[Duration | None] = Kept(
        tuple, thaw_duration, freeze_quantity, check_walltime, nothing
    )
    environment: Kept[dict[str, str]] = Kept(dict, same, dict, as_environment, dict)

    def job_spec(self) -> Command:
        """What is to be run.

        Raises:
            InvalidArgument: That cannot be run; says why.
        """
        raise NotImplementedError

    def accept_outcome(self, data: bytes | None) -> None:
        """Take over what the job left as its `Command.outcome`; None if it left nothing.

        Called when the job is over and its exit status known, before `terminated`.
        """

    def fetch_output(
        self, output_dir: str | None = None, overwrite: bool = False, changed_only: bool = True
    ) -> Any:
        """Have the controller, if there is one, bring the outputs of a job that is over."""
        if self._controller is None or self._execution.state is not State.TERMINATING:
            return super().fetch_output(output_dir, overwrite, changed_only)
        self._controller.fetch_output(self, output_dir, overwrite, changed_only)
        return self.__dict__.get("output_dir")

    @shown
    def resources(self) -> Resources:
        """What the job occupies while it runs."""
        memory, walltime = self.requested_memory, self.requested_walltime
        return Resources(
            cores=check_cores(self.requested_cores),
            memory=None if memory is None else memory.in_bytes(),
            walltime=None if walltime is None else walltime.in_seconds(),
            architecture=self.requested_architecture,
            nodes=check_nodes(self.requested_nodes),
            gpus=check_gpus(self.requested_gpus),
            queue=check_site_name("requested_queue", self.requested_queue),
            account=check_site_name("requested_account", self.requested_account),
            qos=check_site_name("requested_qos", self.requested_qos),
        )

    def _requests(self) -> dict[str, Any]:
        """The resources, as fields of `Command`."""
        wanted = self.resources
        return {
            "cores": wanted.cores,
            "memory": wanted.memory,
            "memory_limit": wanted.memory if self.enforce_memory else None,
            "walltime": wanted.walltime,
            "architecture": wanted.architecture,
            "nodes": wanted.nodes,
            "gpus": wanted.gpus,
            "queue": wanted.queue,
            "account": wanted.account,
            "qos": wanted.qos,
        }

    # what people may answer to an engine's troubles

    def submit_error(self, exs: list[Exception]) -> Exception | None:
        """Called when nothing took the job; an exception that is returned ends the task."""
        return exs[0] if exs else None

    def update_job_state_error(self, ex: Exception) -> Exception | None:
        """Called when a backend cannot say how the job is.

        An exception that is returned ends task and job, unless it is a `RecoverableError`, as the
        one that is given.
        """
        return ex

    def fetch_output_error(self, ex: Exception) -> Exception | None:
        """Called when outputs cannot be fetched; an exception that is returned is dealt with."""
        return ex
