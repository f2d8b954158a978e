"""Which agents live: one holds a lock as long as it is there, wherever that is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

from gc3libs.backends.dask import layout
from gc3libs.backends.local.supervisor import processes
from gc3libs.exceptions import RecoverableError


def is_dead(workdir: Path, agent: str) -> bool:
    """Whether an agent, and with it every job that it had started, has come to an end.

    Raises:
        RecoverableError: That cannot be found out.
    """
    path = workdir / layout.AGENTS / agent
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError as err:
        raise RecoverableError(f"cannot find out about running jobs: {err}") from err
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as err:
        raise RecoverableError(f"cannot find out about running jobs: {path}: {err}") from err
    finally:
        os.close(fd)
    return True


def end_orphans(workdir: Path, node: str, agent: str | None, token: str) -> None:
    """End what a dead agent of this machine has left of a job; elsewhere it cannot be helped."""
    try:
        where, pid, start = (workdir / layout.AGENTS / str(agent)).read_text().rsplit(" ", 2)
    except (OSError, ValueError):
        return
    if where == node:
        processes.end_orphans(int(pid), int(start), set(), {token})


def sweep(workdir: Path, needed: Collection[str]) -> None:
    """Remove what dead agents have left, but for the directories of their jobs.

    Args:
        needed: Agents of whose jobs it is not known yet what became of them.
    """
    directory = workdir / layout.AGENTS
    for name in os.listdir(directory) if directory.exists() else ():  # noqa: PTH208
        if not name.startswith(".") and name not in needed and is_dead(workdir, name):
            _remove_empty(workdir / layout.SCRATCH / name)
            (directory / name).unlink(missing_ok=True)


def _remove_empty(pool: Path) -> None:
    for path in (*pool.glob("*"), pool):
        try:
            path.rmdir()
        except OSError:  # not empty, or not there
            continue
