"""Operations in processes of their own, which strace kills, or fails, at a chosen system call."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from .ledger import Say, speaker

Work = Callable[[Say], None]

CHANGING = (
    "write,pwrite64,writev,fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,unlink,"
    "unlinkat,ftruncate,truncate,mkdir,mkdirat,rmdir,fallocate"
)
"""System calls after which something may lie on the disk that did not before."""

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)


def long() -> bool:
    """Whether there is time for all of it."""
    return os.environ.get("GC3_FAULTS") == "long"


def need_strace() -> None:
    """Skip if there is none; in continuous integration that is a failure."""
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", "strace is missing"
        pytest.skip("strace makes the faults: apt-get install strace")


class Ended(NamedTuple):
    """What came of a process.

    Attributes:
        status: Its exit status; negative: the signal.
        said: What it acknowledged.
    """

    status: int
    said: bytes

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Apart:
    """A process made by fork, which waits to be told to begin."""

    def __init__(self, work: Work) -> None:
        self._hears, self._go = os.pipe()
        self._reads, says = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            os.close(self._reads)
            self._be(work, says)
        os.close(says)
        os.close(self._hears)

    def _be(self, work: Work, says: int) -> None:
        try:
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
            os.read(self._hears, 1)
            work(speaker(says))
            os._exit(0)
        except BaseException:  # noqa: BLE001  # the parent sees the status
            traceback.print_exc(file=sys.__stderr__)
        os._exit(1)

    def begin(self) -> None:
        """Let it work."""
        os.write(self._go, b"g")

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """Wait for its end."""
        with open(self._reads, "rb") as pipe:
            said = pipe.read()
        os.close(self._go)
        return Ended(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), said)


def run(work: Work) -> Ended:
    """Work in a process of its own that nothing disturbs."""
    process = Apart(work)
    process.begin()
    return process.end()


def run_traced(work: Work, *options: str, log: Path | None = None) -> Ended:
    """Work in a process that strace looks at from the moment it begins."""
    process = Apart(work)
    command = ["strace", "-f", "-p", str(process.pid), "-o", str(log or os.devnull), *options]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        if "attached" not in line:
            process.kill()
            assert os.environ.get("CI") != "true", line
            pytest.skip(f"processes may not be traced here: {line.strip()}")
        process.begin()
    finally:
        ended = process.end()
        tracer.communicate()
    return ended


def killed_at(work: Work, number: int, calls: str = CHANGING) -> Ended:
    """Work that is killed right before its n-th system call of these."""
    inject = f"inject={calls}:signal=SIGKILL:when={number}"
    return run_traced(work, "-e", f"trace={calls}", "-e", inject)


def failed_at(
    work: Work, error: str, number: int, calls: str, log: Path, *, ever_after: bool = False
) -> tuple[Ended, bool]:
    """Work whose n-th system call of these, or each from then on, fails; whether it came to that."""
    inject = f"inject={calls}:error={error}:when={number}{'+' if ever_after else ''}"
    ended = run_traced(work, "-e", f"trace={calls}", "-e", inject, log=log)
    return ended, "(INJECTED)" in log.read_text(errors="replace")


def every(step: int, seed: int) -> Sequence[int]:
    """Numbers from 1 on: all if there is time, or else each `step`-th, from a seeded start."""
    step = 1 if long() else step
    return range(1 + seed % step, 100_000, step)
