"""An agent at work: one thread that sleeps until something happens."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import select
import signal
import socket
from contextlib import suppress

from gc3libs.backends.dask import layout
from gc3libs.backends.dask.agent.calls import by_value_is_readable
from gc3libs.backends.dask.agent.crew import Crew, Work
from gc3libs.backends.dask.agent.lanes import Lane, Queue
from gc3libs.backends.dask.agent.scratch import Scratch
from gc3libs.backends.local.supervisor import wire
from gc3libs.backends.local.supervisor.launch import NOT_EXECUTABLE, TryLater
from gc3libs.backends.local.supervisor.processes import look
from gc3libs.backends.local.supervisor.queue import Room
from gc3libs.backends.local.supervisor.records import ENDED, LOST
from gc3libs.backends.local.supervisor.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FUNCTION = ".gc3-function"
LARGEST_OUTCOME = 1 << 16
"""Bytes of an outcome that travels with the news; a larger one stays in the job's directory."""

_NEWS_DELAY = 0.02  # seconds that news may wait for more
_RETRY = 0.2  # seconds after which what the system had no room for is tried again
_CANCELLED = "cancelled"
_IDLE = 30.0  # seconds without work after which the agent leaves
_CHUNK = 1 << 18
_PASSING = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE))


def serve(workdir: str, name: str, channel: str, cores: str, memory: str, grace: str) -> None:
    """Be the agent `name` of the worker at the other end of the socket `channel`."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir(workdir)
    with socket.socket(fileno=int(channel)) as worker:
        os.set_inheritable(worker.fileno(), False)
        Agent(worker, name, int(cores), int(memory), float(grace)).run()


class Agent:
    """Runs the jobs of one Dask worker in the work directory, which is the current one."""

    def __init__(
        self, worker: socket.socket, name: str, cores: int, memory: int, grace: float
    ) -> None:
        self._worker = worker
        self._name = name
        self._life = _be_alive(name)
        self._unpacker = wire.Unpacker()
        self._timers = Timers()
        self._epoll = select.epoll()
        self._room = Room()
        self._room.cores, self._room.memory = cores, memory
        self._queue = Queue()
        self._lanes: dict[int, Lane] = {}
        self._scratch = Scratch(name)
        self._wake = _wake_on_children()
        self._epoll.register(self._wake, select.EPOLLIN)
        self._epoll.register(worker.fileno(), select.EPOLLIN)
        root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._crew = Crew(root, self._epoll, self._timers, grace)
        self._head = {"node": platform.node(), "boot": _boot_id()}
        self._held_up = self._telling = self._done = False
        self._idle_since = 0

    def run(self) -> None:
        """Serve until the worker is gone, or has had nothing to do for a while."""
        self._rest()
        while not self._done:
            for fd, mask in self._epoll.poll(self._timers.wait()):
                if fd == self._wake:
                    os.read(fd, 4096)
                elif fd == self._worker.fileno():
                    self._hear()
                elif (handler := self._crew.handlers.get(fd)) is not None:
                    handler(mask)
            self._timers.run()
            ended = self._crew.reap()
            for job in ended:
                self._room.give_back(job)
                self._held_up = False
                self._requeue(job.lane)
            self._place()  # first of all: a slot must not stay empty during the bookkeeping
            for job in ended:
                self._finish(job)
        self._leave()

    # the worker

    def _hear(self) -> None:
        try:
            data = self._worker.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._done = True
            return
        for kind, *rest in self._unpacker.feed(data):
            if kind == "run":
                self._accept(*rest)
            elif kind == "cancel":
                self._cancel(set(rest[0]))

    def _accept(self, number: int, batch: str, chunk: int, rows: list[tuple[Any, ...]]) -> None:
        lane = self._lanes[number] = Lane(number, batch, chunk, rows)
        if any(FUNCTION in job.files for job in lane.waiting if job.is_call):
            by_value_is_readable()
        if self._can_hold(lane) and lane.open(self._name, self._head):
            self._requeue(lane)
        else:
            self._close(lane)

    def _can_hold(self, lane: Lane) -> bool:
        """The worker is large enough for these jobs; they must not keep others waiting for ever."""
        room = self._room
        return all(job.cores <= room.cores and job.memory <= room.memory for job in lane.waiting)

    def _cancel(self, tokens: set[str]) -> None:
        for job in [each for each in self._crew if each.token in tokens]:
            self._crew.end(job, _CANCELLED)
        for lane in self._lanes.values():
            if lane.taken and lane.waiting[0].token in tokens:  # it is about to start
                lane.waiting[0].ending = True

    def _say(self, *message: Any) -> None:
        try:
            self._worker.sendall(wire.pack(message))
        except OSError:
            self._done = True

    def _tell_soon(self, delay: float = _NEWS_DELAY) -> None:
        if not self._telling:
            self._telling = True
            self._timers.after(delay, self._tell)

    def _tell(self) -> None:
        self._telling = False
        for lane in self._lanes.values():
            if not lane.write():
                self._tell_soon(_RETRY)
            if lane.lines:
                self._say("news", lane.number, lane.lines)
                lane.lines = []

    # starting

    def _requeue(self, lane: Lane) -> None:
        if lane.waiting:
            self._queue.put(lane)

    def _place(self) -> None:
        """Start what there is room for, in the order in which it came."""
        while not self._held_up and (lane := self._queue.first) is not None:
            if not self._room.has(lane.waiting[0]):
                return
            self._queue.pop()
            try:
                self._start(lane)
            except TryLater:
                self._queue.put(lane)
                self._held_up = True
                self._timers.after(_RETRY, self._try_again)

    def _try_again(self) -> None:
        self._held_up = False

    def _start(self, lane: Lane) -> None:
        """Start the first job of a lane, unless somebody else has."""
        job = lane.waiting[0]
        try:
            mine = lane.claim(self._name)
            if mine and job.ending:
                record = job.record
                record.reason, record.status, record.state = _CANCELLED, signal.SIGTERM, ENDED
            elif mine:
                self._furnish(job)
        except OSError as err:
            if err.errno in _PASSING:
                raise TryLater from err
            job.record.reason = f"cannot start: {err}"
            job.record.status, job.record.state = NOT_EXECUTABLE << 8, ENDED
        started = mine and job.record.state != ENDED and self._crew.start(job)
        lane.take()
        if started:
            self._room.take(job)
            lane.tell(job)
            self._tell_soon()
            return
        if mine:
            self._finish(job)
        else:
            self._check_out(lane)
        self._requeue(lane)

    def _furnish(self, job: Work) -> None:
        """Give a job its directory."""
        record = job.record
        record.directory = record.directory or job.directory or self._scratch.take()

    # ending

    def _finish(self, job: Work) -> None:
        """A job has ended, or could not be started."""
        record = job.record
        outcome = self._take_outcome(job) if job.is_call else None
        if record.directory and not job.directory:
            record.directory = self._scratch.give_back(record.directory, job.token)
        job.lane.tell(job, outcome)
        self._tell_soon()
        self._check_out(job.lane)

    def _check_out(self, lane: Lane) -> None:
        """One more job of a lane is over."""
        lane.left -= 1
        if not lane.left:
            self._close(lane)

    def _take_outcome(self, job: Work) -> bytes | None:
        """A small outcome leaves the directory of a job that has brought no files."""
        if job.directory:
            return None
        path = f"{job.record.directory}/{os.fsdecode(job.argv[-1])}"
        outcome = None
        with suppress(OSError):
            if os.stat(path).st_size <= LARGEST_OUTCOME:  # noqa: PTH116
                with open(path, "rb") as file:  # noqa: PTH123
                    outcome = file.read()
                os.unlink(path)  # noqa: PTH108
        return outcome

    def _close(self, lane: Lane) -> None:
        """All jobs of a lane are over; the worker hears of it once that is written down."""
        if not lane.write():
            self._timers.after(_RETRY, lambda: self._close(lane))
            return
        self._say("done", lane.number, lane.lines)
        lane.close()
        del self._lanes[lane.number]
        if not self._lanes:
            self._rest()

    # leaving

    def _rest(self) -> None:
        """Leave after a while, unless there is work again by then."""
        self._idle_since += 1
        turn = self._idle_since

        def leave() -> None:
            if turn == self._idle_since and not self._lanes:
                self._done = True

        self._timers.after(_IDLE, leave)

    def _leave(self) -> None:
        running = list(self._crew)
        self._crew.kill_all()
        for job in running:
            record = job.record
            record.state, record.reason = LOST, "its Dask worker ended while it ran"
            job.lane.tell(job)
        for lane in self._lanes.values():
            lane.write()
            lane.close()
        self._scratch.clear()
        with suppress(FileNotFoundError):
            os.unlink(f"{layout.AGENTS}/{self._name}")  # noqa: PTH108
        os.close(self._life)


def _be_alive(name: str) -> int:
    """Hold the lock that is this agent's life; nobody sees it unlocked while it is there."""
    os.makedirs(layout.AGENTS, exist_ok=True)  # noqa: PTH103
    beside = f"{layout.AGENTS}/.{name}"
    fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    fcntl.flock(fd, fcntl.LOCK_EX)
    me = look(os.getpid())
    os.write(fd, f"{platform.node()} {os.getpid()} {0 if me is None else me.start}".encode())
    os.rename(beside, f"{layout.AGENTS}/{name}")  # noqa: PTH104
    return fd


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
        return file.read().strip()


def _wake_on_children() -> int:
    """A descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading
