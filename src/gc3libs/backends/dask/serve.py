"""`python -P -m gc3libs.backends.dask.serve WORKDIR ORDER`: hold a Dask cluster in the background.

The process that is started ends when the one in the background has taken the lock. That one goes
on without the engine until no chunk is left to run, and ends its workers with itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from distributed import LocalCluster, Security

from gc3libs._atomic import write_file
from gc3libs.backends.dask.cluster import ADDRESS, LOCK, Note, Order

if TYPE_CHECKING:
    from distributed import Scheduler, SpecCluster

CERTIFICATE = "cluster.crt"
KEY = "cluster.key"

_LOOK = 0.25  # seconds between two looks at what is left to do
_LINGER = 2.0  # seconds without work and engine after which it ends
_PATIENCE = 5.0  # seconds for one that is about to end
_UNFINISHED = frozenset(("waiting", "no-worker", "queued", "processing"))


def main(workdir: str, order: str) -> int:
    """Go to the background; 1 if somebody else holds a cluster there."""
    os.chdir(workdir)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if not _take(lock):
        return 1
    Path(ADDRESS).unlink(missing_ok=True)
    if os.fork():
        os._exit(0)  # the lock is the other one's, too
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_hold(msgspec.json.decode(order, type=Order)))
    return 0


def _take(lock: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


async def _hold(order: Order) -> None:
    """Have a cluster until nobody needs it, or this process is told to end."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    security = Security.temporary()
    note = _note_credentials(security)
    async with _cluster(order, security) as cluster:
        if order.queue is not None:
            cluster.scale(jobs=order.workers)
        url = msgspec.structs.replace(note, url=cluster.scheduler_address)
        write_file(ADDRESS, msgspec.json.encode(url), durable=False)
        await _until_idle(cluster.scheduler, over)
        Path(ADDRESS).unlink(missing_ok=True)


def _note_credentials(security: Security) -> Note:
    """Put what a client needs where only this user can read it."""
    config = security.get_tls_config_for_role("client")
    for name, content in ((CERTIFICATE, config["cert"]), (KEY, config["key"])):
        Path(name).unlink(missing_ok=True)
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(content)
    return Note("", os.path.abspath(CERTIFICATE), os.path.abspath(KEY))  # noqa: PTH100


def _cluster(order: Order, security: Security) -> SpecCluster:
    if order.queue is None:
        return LocalCluster(
            n_workers=order.workers,
            threads_per_worker=order.cores,
            memory_limit=order.memory or "auto",
            processes=False,  # jobs are processes of their own
            host="127.0.0.1",
            protocol="tls",
            security=security,
            dashboard_address=None,
            asynchronous=True,
        )
    from dask_jobqueue.slurm import SLURMCluster

    return SLURMCluster(**slurm_options(order), security=security, asynchronous=True)


def slurm_options(order: Order) -> dict[str, Any]:
    """How `dask_jobqueue.SLURMCluster` is called: each worker is a job."""
    here = os.getcwd()  # noqa: PTH109
    return {
        "queue": order.queue,
        "account": order.account,
        "cores": order.cores,
        "processes": 1,
        "memory": f"{order.memory}B",
        "walltime": None if order.walltime is None else _clock_time(order.walltime),
        "interface": order.interface,
        "python": sys.executable,
        "protocol": "tls://",
        "shared_temp_directory": here,
        "log_directory": here,
        "scheduler_options": {"dashboard_address": None},
    }


def _clock_time(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}"


async def _until_idle(scheduler: Scheduler, over: asyncio.Event) -> None:
    """Wait until there has been neither an engine nor a chunk to run for a while."""
    last = time.monotonic()
    while not over.is_set() and time.monotonic() - last < _LINGER:
        tasks = scheduler.tasks.values()
        if scheduler.client_comms or any(task.state in _UNFINISHED for task in tasks):
            last = time.monotonic()
        try:
            await asyncio.wait_for(over.wait(), _LOOK)
        except TimeoutError:
            continue


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
