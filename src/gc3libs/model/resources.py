"""What a task asks for: cores, memory, time, architecture."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gc3libs.exceptions import InvalidArgument, InvalidType, InvalidValue
from gc3libs.model.run import Run
from gc3libs.quantity import Duration, Memory

_SITE_NAME = re.compile(r"[A-Za-z0-9_][\w.:@/+*,=-]*")

ARCHITECTURES = (Run.Arch.X86_64, Run.Arch.X86_32)


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What a job occupies while it runs.

    Attributes:
        cores: Slots.
        memory: Bytes, of the whole job; None: not said.
        walltime: Seconds after which it is ended; None: no limit.
        architecture: One of `Run.Arch`; None: any.
        nodes: Machines that it occupies at the same time; cores, memory and GPUs are of each.
        gpus: How many.
        queue, account, qos: As a batch system's site calls them; None: as its resource says.
    """

    cores: int = 1
    memory: int | None = None
    walltime: float | None = None
    architecture: str | None = None
    nodes: int = 1
    gpus: int = 0
    queue: str | None = None
    account: str | None = None
    qos: str | None = None


def check_cores(value: Any) -> int:
    """A number of cores.

    Raises:
        TypeError: It is no number.
        InvalidValue: It is less than one.
    """
    cores = int(value)
    if cores < 1:
        raise InvalidValue(f"requested_cores={value!r}: a task needs at least one core")
    return cores


def check_nodes(value: Any) -> int:
    """A number of machines.

    Raises:
        TypeError: It is no number.
        InvalidValue: It is less than one.
    """
    nodes = int(value)
    if nodes < 1:
        raise InvalidValue(f"requested_nodes={value!r}: a task needs at least one machine")
    return nodes


def check_gpus(value: Any) -> int:
    """A number of GPUs.

    Raises:
        TypeError: It is no number.
        InvalidValue: It is negative.
    """
    gpus = int(value)
    if gpus < 0:
        raise InvalidValue(f"requested_gpus={value!r}: give a number, or 0 for none")
    return gpus


def check_site_name(name: str, value: Any) -> str | None:
    """What a site has named, or None; `name` is the attribute.

    Raises:
        InvalidValue: It cannot be such a name.
    """
    if value is None or (isinstance(value, str) and _SITE_NAME.fullmatch(value)):
        return value
    raise InvalidValue(f"{name}={value!r}: give the name, in one word, that the site uses")


def check_memory(value: Any) -> Memory | None:
    """An amount of memory, or None.

    Raises:
        InvalidType: It is something else; text is not accepted.
    """
    if value is None or isinstance(value, Memory):
        return value
    raise InvalidType(
        f"requested_memory={value!r}: give a quantity, such as 2*GB or Memory('2 GB')"
    )


def check_walltime(value: Any) -> Duration | None:
    """A length of time, or None.

    Raises:
        InvalidType: It is something else; text is not accepted.
    """
    if value is None or isinstance(value, Duration):
        return value
    raise InvalidType(
        f"requested_walltime={value!r}: give a quantity, such as 8*hours or Duration('8 hours')"
    )


def check_architecture(value: Any) -> str | None:
    """An architecture, or None.

    Raises:
        InvalidArgument: It is none of `Run.Arch`.
    """
    if value is None or value in ARCHITECTURES:
        return value  # type: ignore[no-any-return]
    raise InvalidArgument(
        f"requested_architecture={value!r}: the architectures are {', '.join(ARCHITECTURES)}"
    )
