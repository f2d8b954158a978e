"""A Dask cluster of the session's own: found, or started in a process that outlives the engine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from distributed import Security

from gc3libs.backends.dask.link import Address
from gc3libs.config import DaskResource
from gc3libs.exceptions import RecoverableError

LOCK = "cluster.lock"
ADDRESS = "cluster.json"
LOG = "cluster.log"

_PATIENCE = 60.0  # seconds for a scheduler to start
_LOOK = 0.05  # seconds between two looks
_LAST = 2000  # bytes of a log in which its last line is looked for


class Order(msgspec.Struct, frozen=True):
    """What the process that holds a cluster is told: see `DaskResource`; memory is in bytes."""

    workers: int
    cores: int
    memory: int | None
    walltime: float | None
    queue: str | None
    account: str | None
    interface: str | None


class Note(msgspec.Struct, frozen=True):
    """Where the scheduler is, and the credentials that it wants to see."""

    url: str
    certificate: str
    key: str

    def address(self) -> Address:
        """The same, for a client."""
        security = Security(
            tls_ca_file=self.certificate,
            tls_client_cert=self.certificate,
            tls_client_key=self.key,
            require_encryption=True,
        )
        return Address(self.url, security)


def order(settings: DaskResource, cores: int) -> Order:
    """What to start; `cores` are the processors of this machine."""
    memory, walltime = settings.memory, settings.walltime
    return Order(
        workers=settings.workers or 1,
        cores=settings.cores or (1 if settings.queue else cores),
        memory=None if memory is None else memory.in_bytes(),
        walltime=None if walltime is None else walltime.in_seconds(),
        queue=settings.queue,
        account=settings.account,
        interface=settings.interface,
    )


def find(workdir: Path, wanted: Order) -> Address:
    """The address of the work directory's own cluster, which is started if it is not there.

    Raises:
        RecoverableError: It does not start.
    """
    deadline = time.monotonic() + _PATIENCE
    starter: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        if is_held(workdir):
            note = _read(workdir)
            if note is not None:
                return note.address()
        elif starter is None:
            starter = _start(workdir, wanted)
        else:
            break
        time.sleep(_LOOK)
    raise RecoverableError(f"the Dask cluster of {workdir} does not start: {_last_words(workdir)}")


def is_held(workdir: Path) -> bool:
    """Whether the process that holds the cluster is there."""
    fd = os.open(workdir / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _read(workdir: Path) -> Note | None:
    try:
        return msgspec.json.decode((workdir / ADDRESS).read_bytes(), type=Note)
    except FileNotFoundError:
        return None


def _start(workdir: Path, wanted: Order) -> subprocess.Popen[bytes]:
    """Start the process that holds a cluster; it goes to the background once it has the lock."""
    # a warning of Dask's must not end it where the user has warnings be errors
    python = [sys.executable, "-P", "-W", "default"]
    command = [*python, "-m", "gc3libs.backends.dask.serve", str(workdir)]
    with (workdir / LOG).open("wb") as log:
        starter = subprocess.Popen(
            [*command, msgspec.json.encode(wanted).decode()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    starter.wait()
    return starter


def _last_words(workdir: Path) -> str:
    """The last line of the cluster's log."""
    try:
        lines = (workdir / LOG).read_bytes()[-_LAST:].decode(errors="replace").split("\n")
    except FileNotFoundError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it left no message")
