"""The processes of an agent's jobs: started, kept within their limits, and waited for."""

from __future__ import annotations

import os
import select
import signal
import time
from functools import partial
from resource import RUSAGE_SELF, getrusage

from gc3libs.backends.dask.agent.calls import Calls
from gc3libs.backends.local.supervisor.capture import Capture
from gc3libs.backends.local.supervisor.job import Job
from gc3libs.backends.local.supervisor.launch import CannotStart, Launcher
from gc3libs.backends.local.supervisor.limits import Limits
from gc3libs.backends.local.supervisor.processes import kill_group
from gc3libs.backends.local.supervisor.records import ENDED, RUNNING
from gc3libs.backends.local.supervisor.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from gc3libs.backends.dask.agent.lanes import Lane


class Work(Job):
    """A job in an agent's hands.

    Attributes:
        index: Its number in its batch.
        is_call: It is a call of a Python function: the command is what the runner is to be given.
        files: Contents, by name, of what a call reads and that is not in its directory.
        lane: Where it waits or runs.
    """

    __slots__ = ("files", "index", "is_call", "lane")

    def __init__(self, lane: Lane, row: tuple[Any, ...]) -> None:
        self.index, order, self.files, self.is_call = row
        super().__init__(order)
        self.lane = lane


class _Starter(Launcher):
    """Starts calls as forks of this process, and everything else as `Launcher` does."""

    def __init__(self, root: int) -> None:
        super().__init__(root)
        self._calls = Calls()

    def _spawn(self, job: Job, actions: tuple[tuple[int, int, int], ...]) -> int:
        assert isinstance(job, Work)
        if not job.is_call:
            return super()._spawn(job, actions)
        environment = {b"GC3_JOB": os.fsencode(job.token), **(job.environment or {})}
        return self._calls.fork(job.argv, job.files, environment, actions)


class Crew:
    """All processes that run, each the leader of a group of its own.

    Args:
        root: Descriptor of the work directory, which is the current one.
        grace: Seconds from SIGTERM to SIGKILL.

    Attributes:
        handlers: What to call for the descriptors that `epoll` watches.
    """

    def __init__(self, root: int, epoll: select.epoll, timers: Timers, grace: float) -> None:
        self._epoll = epoll
        self._timers = timers
        self._grace = grace
        self._starter = _Starter(root)
        self._starter.set_environment(dict(os.environb))
        self._running: dict[int, Work] = {}
        self._limits = Limits(self._running, timers, self.end)  # type: ignore[arg-type]
        self._own_peak = 0
        self.handlers: dict[int, Callable[[int], None]] = {}

    def __iter__(self) -> Iterator[Work]:
        return iter(self._running.values())

    def __len__(self) -> int:
        return len(self._running)

    def start(self, job: Work) -> bool:
        """Start a job in its record's directory; false if that cannot be: its record says why.

        Raises:
            TryLater: The machine has no room for it at the moment.
        """
        record = job.record
        record.started = time.time()
        record.boottime = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            pid = self._starter.start(job, record.directory)
        except CannotStart as err:
            record.state, record.reason = ENDED, err.reason
            record.status, record.ended = err.exitcode << 8, _moment_after(record.boottime, record)
            return False
        record.state, record.pid = RUNNING, pid
        job.monotonic = time.monotonic()
        self._running[pid] = job
        for capture in job.captures:
            self.handlers[capture.fd] = partial(self._stream, capture)
            self._epoll.register(capture.fd, select.EPOLLIN)
        self._limits.watch(job)
        return True

    def _stream(self, capture: Capture, _mask: int) -> None:
        if not capture.read():
            self._epoll.unregister(capture.fd)
            del self.handlers[capture.fd]

    def end(self, job: Job, reason: str) -> None:
        """Ask a job's group to end, and make it after the grace."""
        if job.ending or job.record.state != RUNNING:
            return
        job.ending = True
        job.record.reason = reason
        kill_group(job.record.pid, signal.SIGTERM)
        kill_group(job.record.pid, signal.SIGCONT)
        self._timers.after(self._grace, lambda: self._kill(job))

    def _kill(self, job: Job) -> None:
        if job.record.state == RUNNING:
            kill_group(job.record.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """End everything at once, and wait until it is gone."""
        for pid in self._running:
            kill_group(pid, signal.SIGKILL)
        while self._running:
            self.reap(wait=True)

    def reap(self, *, wait: bool = False) -> list[Work]:
        """The jobs that have ended, with complete records; whole groups end with their leaders."""
        ended: list[Work] = []
        flags = os.WEXITED | os.WNOWAIT
        while self._running:
            info = os.waitid(os.P_ALL, 0, flags if wait and not ended else flags | os.WNOHANG)
            if info is None:
                break
            pid = info.si_pid
            kill_group(pid, signal.SIGKILL)  # while the leader keeps its number from being reused
            _, status, usage = os.wait4(pid, 0)
            job = self._running.pop(pid)
            record = job.record
            record.state, record.status = ENDED, status
            record.ended = _moment_after(record.boottime, record)
            record.cpu = usage.ru_utime + usage.ru_stime
            record.memory = usage.ru_maxrss * 1024
            record.bound = self._is_bound(record.memory)
            self._let_go(job)
            ended.append(job)
        return ended

    def _let_go(self, job: Work) -> None:
        for capture in job.captures:
            if self.handlers.pop(capture.fd, None) is not None:
                self._epoll.unregister(capture.fd)
        self._starter.finished(job)

    def _is_bound(self, memory: int) -> bool:
        """Whether this peak may be the agent's own: a new process begins as a copy of it."""
        if memory > self._own_peak:
            self._own_peak = getrusage(RUSAGE_SELF).ru_maxrss * 1024
        return memory <= self._own_peak


def _moment_after(boottime: float, record: Any) -> float:
    """Now, by the time that has passed since the start: the clock may have been set meanwhile."""
    passed = time.clock_gettime(time.CLOCK_BOOTTIME) - boottime
    moment: float = record.started + max(0.0, passed)
    return moment
