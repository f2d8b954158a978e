"""Which batch system, and which way to its machine, a resource's settings mean."""

from __future__ import annotations

from gc3libs.backends.batch.scheduler import Scheduler
from gc3libs.backends.transport.base import Transport
from gc3libs.config import BatchResource, HostResource, LsfResource, PbsResource, SgeResource
from gc3libs.exceptions import ConfigurationError


def scheduler_for(settings: BatchResource) -> Scheduler:
    """The batch system of a resource."""
    if isinstance(settings, SgeResource):
        from gc3libs.backends.batch.sge import GridEngine

        return GridEngine(settings.parallel_environment)
    if isinstance(settings, PbsResource):
        from gc3libs.backends.batch.pbs import Pbs

        return Pbs()
    if isinstance(settings, LsfResource):
        from gc3libs.backends.batch.lsf import Lsf

        return Lsf()
    if isinstance(settings, HostResource):
        from gc3libs.backends.batch.host import Host

        return Host(settings.cores)
    from gc3libs.backends.batch.slurm import Slurm

    return Slurm()


def transport_for(name: str, settings: BatchResource) -> Transport:
    """The way to the machine where a resource's commands run.

    Raises:
        ConfigurationError: The settings name no host.
    """
    if settings.transport == "local":
        from gc3libs.backends.transport.local import LocalTransport

        return LocalTransport()
    if settings.host is None:
        raise ConfigurationError(
            f"resource {name!r} is reached by SSH, and nothing says where it is: set"
            f" `host` of [resources.{name}]"
        )
    from gc3libs.backends.transport.ssh import SshTransport

    return SshTransport(
        settings.host,
        user=settings.user,
        port=settings.port,
        identity=settings.identity,
        jump=settings.jump,
    )
