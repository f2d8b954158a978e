"""Operations in processes of their own, which strace kills, or fails, at a chosen system call."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import traceback
from collections import Counter
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

PATIENCE = 30.0
"""Seconds in which a process should have come to its end."""

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
    """A process made by fork, which waits to be told to begin, and can say something.

    It speaks through a socket, so that none of the system calls that are watched is its own.

    Args:
        patience: Seconds after which it says where it is, and fails.
    """

    def __init__(self, work: Work, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._ours.close()
            self._be(work, theirs)
        theirs.close()

    def _be(self, work: Work, line: socket.socket) -> None:
        try:
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
            line.recv(1)
            faulthandler.dump_traceback_later(self._patience, exit=True, file=2)
            work(speaker(line))
            os._exit(0)
        except BaseException:  # noqa: BLE001  # the parent hears of it
            line.send(json.dumps(["raised", traceback.format_exc(), 0]).encode() + b"\n")
        finally:
            os._exit(1)

    def begin(self) -> None:
        """Let it work."""
        self._ours.send(b"g")

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """Wait for its end."""
        said = b""
        with self._ours, contextlib.suppress(ConnectionResetError):  # killed before it listened
            while heard := self._ours.recv(1 << 16):
                said += heard
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


class Point(NamedTuple):
    """The n-th call of a kind that a process makes."""

    call: str
    number: int


def points(work: Work, calls: str, log: Path) -> tuple[Ended, list[Point]]:
    """Work that nothing disturbs, and the system calls of these kinds that it made."""
    ended = run_traced(work, "-e", f"trace={calls}", log=log)
    made = re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(errors="replace"), re.MULTILINE)
    counts = Counter(made)
    return ended, [Point(call, number + 1) for call in counts for number in range(counts[call])]


def some(points: Sequence[Point], most: int, seed: int) -> list[Point]:
    """All of these if there is time, or else as many, chosen by chance."""
    if long() or len(points) <= most:
        return list(points)
    return random.Random(seed).sample(points, most)


def killed_at(work: Work, point: Point) -> Ended:
    """Work that is killed right before a system call."""
    inject = f"inject={point.call}:signal=SIGKILL:when={point.number}"
    return run_traced(work, "-e", f"trace={point.call}", "-e", inject)


def failed_at(work: Work, point: Point, error: str) -> Ended:
    """Work one of whose system calls fails."""
    inject = f"inject={point.call}:error={error}:when={point.number}"
    return run_traced(work, "-e", f"trace={point.call}", "-e", inject)
