"""Placing, starting, watching and ending jobs: one thread that sleeps until something happens."""

from __future__ import annotations

import os
import select
import signal
import time
from functools import partial
from resource import RUSAGE_SELF, getrusage

from . import wire
from .capture import DIRECTORY as LOGS
from .capture import Capture
from .desk import Desk
from .job import Job
from .journal import Journal
from .launch import CannotStart, Launcher, TryLater
from .limits import Limits
from .processes import kill_group
from .queue import Queue, Room
from .records import ENDED, RETURNED, RUNNING, STARTING, Record
from .scratch import JOBS, Scratch, remove_empty
from .timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

_LINGER = 1.0  # seconds that an idle supervisor waits for the next engine
_NEWS_DELAY = 0.02  # seconds that news may wait for more, while the engine has no need of them
_RETRY = 0.2  # seconds after which a start that the system had no room for is tried again
_DIRECTORIES = (JOBS, LOGS, "outputs", "fetched")  # the last two are the engine's, for fetching


class Supervisor:
    """Runs the jobs of one work directory, which is the current directory."""

    def __init__(
        self, root: int, listener: socket.socket, journal: Journal, records: dict[str, Record]
    ) -> None:
        self._journal = journal
        self._records = records
        self._timers = Timers()
        self._epoll = select.epoll()
        self._desk = Desk(listener, self._epoll, self._timers, self._received, self._left)
        self._handlers = self._desk.handlers
        self._launcher = Launcher(root)
        self._scratch = Scratch()
        self._room = Room()
        self._queue = Queue(journal, self._room)
        self._running: dict[int, Job] = {}
        self._limits = Limits(self._running, self._timers, self._end)
        self._jobs: dict[str, Job] = {}  # those that have not ended
        self._news: dict[str, Record] = {}
        self._news_due = 0.0
        self._news_urgent = False
        self._grace = 5.0
        self._own_peak = 0
        self._enough_waiting = 0
        self._held_up = False
        self._done = False
        self._wake = _wake_on_children()
        self._epoll.register(self._wake, select.EPOLLIN)

    def run(self) -> None:
        """Serve until nothing runs and no engine is there."""
        self._timers.after(_LINGER, self._leave_if_idle)
        while not self._done:
            for fd, mask in self._epoll.poll(self._patience()):
                if fd == self._wake:
                    os.read(fd, 4096)
                elif (handler := self._handlers.get(fd)) is not None:
                    handler(mask)
            self._timers.run()
            ended = self._reap()
            self._place()  # first of all: a slot must not stay empty during the bookkeeping
            for job, status in ended:
                self._finish(job, status)
            self._journal.write()
            self._tell()
        self._desk.close()
        self._scratch.clear()
        for name in _DIRECTORIES:
            remove_empty(name)
        self._journal.close(self._records)

    def _patience(self) -> float:
        wait = self._timers.wait()
        if self._news and self._desk.ready:
            due = max(0.0, self._news_due - time.monotonic())
            return due if wait < 0 else min(due, wait)
        return wait

    # -- the engine

    def _received(self, message: tuple[Any, ...]) -> None:
        kind, *rest = message
        if kind == "submit":
            self._submit(*rest)
        elif kind == "free":
            self._free(*rest)
        elif kind == "cancel":
            for token in rest[0]:
                self._cancel(token)
        elif kind == "hello":
            self._hello(*rest)
        elif kind == "bye":
            self._goodbye()

    def _goodbye(self) -> None:
        """The engine leaves; if nothing runs, this process does, and ends the connection last."""
        self._return_waiting()
        self._done = not self._running and not self._desk.crowded
        if not self._done:
            self._desk.dismiss()

    def _hello(self, protocol: int, *rest: Any) -> None:
        if protocol != wire.PROTOCOL:
            version = f"speaks protocol {wire.PROTOCOL}, not {protocol}"
            reason = f"its supervisor (process {os.getpid()}) {version}, and ends with its jobs"
            self._desk.send("refused", reason)
            self._desk.dismiss()
            return
        environment, self._room.cores, self._room.memory, self._grace = rest
        self._launcher.set_environment(environment)
        self._desk.greet()
        self._desk.send("hello", wire.PROTOCOL, os.getpid())
        self._desk.send("reports", [record.report() for record in self._records.values()])
        self._news.clear()

    def _left(self) -> None:
        self._return_waiting()
        self._timers.after(_LINGER, self._leave_if_idle)

    def _return_waiting(self) -> None:
        """Without an engine nothing is started."""
        for job in self._queue.clear():
            self._give_back(job, "no engine was there to go on")

    def _leave_if_idle(self) -> None:
        self._done = not self._running and not self._desk.occupied

    def _submit(self, orders: list[tuple[Any, ...]]) -> None:
        answers: list[str | None] = []
        for order in orders:
            job = Job(order)
            known = self._records.get(job.token)
            if known is not None and known.state != RETURNED:
                answers.append("it was handed over before")
                continue
            self._records[job.token] = job.record
            self._jobs[job.token] = job
            self._news.pop(job.token, None)
            self._queue.put(job)
            answers.append(None)
        self._enough_waiting = len(self._queue) // 2
        self._desk.send("taken", answers)

    def _free(self, tokens: list[str]) -> None:
        lines = []
        for token in tokens:
            if token not in self._jobs and self._records.pop(token, None) is not None:
                self._news.pop(token, None)
                lines.append(f"F {token}\n")
        self._journal.append("".join(lines))
        self._journal.compact(self._records)

    def _cancel(self, token: str) -> None:
        job = self._jobs.get(token)
        if job is None:
            return
        if job.record.pid:
            self._end(job, "cancelled")
            return
        self._queue.remove(job)
        self._give_back(job, "cancelled")

    def _give_back(self, job: Job, reason: str) -> None:
        record = job.record
        record.state, record.reason = RETURNED, reason
        del self._jobs[job.token]
        self._journal.append(f"R {job.token} {reason}\n")
        self._note(record)

    # -- starting

    def _place(self) -> None:
        """Start what there is room for, in the order in which it came."""
        if self._held_up:
            return
        try:
            while (job := self._queue.next()) is not None:
                self._start(job)
            self._queue.look_ahead()
        except TryLater:
            self._hold_up()

    def _hold_up(self) -> None:
        """Start nothing for a moment."""
        if not self._held_up:
            self._held_up = True
            self._timers.after(_RETRY, self._go_on)

    def _go_on(self) -> None:
        self._held_up = False

    def _start(self, job: Job) -> None:
        record = job.record
        record.directory = job.directory or self._scratch.take()
        record.started = time.time()
        record.boottime = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            if not self._journal.append(record.start_line()):
                raise TryLater
            record.state = STARTING
            pid = self._launcher.start(job, record.directory)
        except TryLater:
            self._put_off(job)
            raise
        except CannotStart as err:
            record.reason = err.reason
            record.ended = _moment_after(record)
            self._finish(job, err.exitcode << 8)
            return
        self._journal.add(f"P {job.token} {pid}\n")
        record.state, record.pid = RUNNING, pid
        job.monotonic = time.monotonic()
        self._running[pid] = job
        self._room.take(job)
        self._watch(job)
        self._note(record)

    def _put_off(self, job: Job) -> None:
        if not job.directory:
            self._scratch.give_back(job.record.directory, job.token)
        job.record.directory = ""
        self._queue.put_back(job)

    # -- watching

    def _watch(self, job: Job) -> None:
        for capture in job.captures:
            self._handlers[capture.fd] = partial(self._stream, capture)
            self._epoll.register(capture.fd, select.EPOLLIN)
        self._limits.watch(job)

    def _stream(self, capture: Capture, _mask: int) -> None:
        if not capture.read():
            self._epoll.unregister(capture.fd)
            del self._handlers[capture.fd]

    # -- ending

    def _end(self, job: Job, reason: str) -> None:
        """Ask a job's group to end, and make it after the grace."""
        if job.ending or job.record.state != RUNNING:
            return
        job.ending = True
        job.record.reason = reason
        pid = job.record.pid
        kill_group(pid, signal.SIGTERM)
        kill_group(pid, signal.SIGCONT)
        self._timers.after(self._grace, lambda: self._kill(job))

    def _kill(self, job: Job) -> None:
        if job.record.state == RUNNING:
            kill_group(job.record.pid, signal.SIGKILL)

    def _reap(self) -> list[tuple[Job, int]]:
        """Collect the jobs whose leader has ended, with their wait statuses; whole groups end."""
        ended = []
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while self._running:
            info = os.waitid(os.P_ALL, 0, flags)
            if info is None:
                break
            pid = info.si_pid
            kill_group(pid, signal.SIGKILL)  # while the leader keeps its number from being reused
            _, status, usage = os.wait4(pid, 0)
            job = self._running.pop(pid)
            job.record.ended = _moment_after(job.record)
            job.record.cpu = usage.ru_utime + usage.ru_stime
            job.record.memory = usage.ru_maxrss * 1024
            self._room.give_back(job)
            self._queue.took(time.monotonic() - job.monotonic)
            self._held_up = False
            ended.append((job, status))
        return ended

    def _finish(self, job: Job, status: int) -> None:
        record = job.record
        for capture in job.captures:
            if self._handlers.pop(capture.fd, None) is not None:
                self._epoll.unregister(capture.fd)
        self._launcher.finished(job)
        if not job.directory:
            record.directory = self._scratch.give_back(record.directory, job.token)
        record.state, record.status = ENDED, status
        record.bound = self._is_bound(record.memory)
        del self._jobs[job.token]
        self._journal.add(record.end_line())
        self._news_urgent = True
        self._note(record)
        if not self._running and not self._desk.occupied:
            self._timers.after(_LINGER, self._leave_if_idle)

    def _is_bound(self, memory: int) -> bool:
        """Whether this peak may be the supervisor's own: a new process begins as a copy of it."""
        if memory > self._own_peak:
            self._own_peak = getrusage(RUSAGE_SELF).ru_maxrss * 1024
        return memory <= self._own_peak

    # -- telling

    def _note(self, record: Record) -> None:
        if not self._news:
            self._news_due = time.monotonic() + _NEWS_DELAY
        self._news[record.token] = record

    def _tell(self) -> None:
        """Send the news when the engine should hand over more jobs, or after a short while."""
        if not self._news or not self._desk.ready:
            return
        hungry = len(self._queue) <= self._enough_waiting
        if not (self._news_urgent and hungry) and time.monotonic() < self._news_due:
            return
        news = [record.report() for record in self._news.values()]
        self._news.clear()
        self._news_urgent = False
        self._desk.send("reports", news)


def _wake_on_children() -> int:
    """A descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _moment_after(record: Record) -> float:
    """Now, by the time that has passed since the start: the clock may have been set meanwhile."""
    passed = time.clock_gettime(time.CLOCK_BOOTTIME) - record.boottime
    return (record.started or 0.0) + max(0.0, passed)
