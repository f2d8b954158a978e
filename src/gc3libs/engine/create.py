"""An engine that is ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gc3libs.engine.engine import Engine
from gc3libs.persistence.store import Store


def create_engine(
    *,
    store: Store | None = None,
    workdir: str | Path | None = None,
    cores: int | None = None,
    memory: int | None = None,
    **options: Any,
) -> Engine:
    """An engine that runs jobs on this machine.

    Args:
        store: Where changed tasks are saved; None: nothing is kept.
        workdir: As `Engine` takes it.
        cores: Slots for jobs; None: the processors that this process may use.
        memory: Bytes of memory for jobs; None: the machine's.
        **options: Whatever else `Engine` takes.

    Raises:
        TypeError: An option that `Engine` does not know.

    >>> with create_engine() as engine:
    ...     engine.counts()["total"]
    0
    """
    return Engine(store=store, workdir=workdir, cores=cores, memory=memory, **options)
