"""What `/proc` says of processes, and the ending of those that a dead supervisor left."""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """One process, from `/proc/PID/stat`; `start` is in clock ticks since the machine's start."""

    __slots__ = ("group", "pid", "resident", "session", "start", "state")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid = pid
        self.state = fields[0]
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.start = int(fields[19])
        self.resident = int(fields[21]) * _PAGE

    @property
    def alive(self) -> bool:
        return self.state not in b"ZX"


def look(pid: int) -> Process | None:
    """The process with this ID, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError:
        return None
    return Process(pid, data[data.rindex(b")") + 2 :].split())


def all_processes() -> Iterator[Process]:
    """Every process that can be seen."""
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (process := look(int(name))) is not None:
            yield process


def resident_sizes(groups: set[int]) -> dict[int, int]:
    """Bytes of memory that each of these groups holds; shared pages count for each process."""
    sizes = dict.fromkeys(groups, 0)
    for process in all_processes():
        if process.group in sizes:
            sizes[process.group] += process.resident
    return sizes


def kill_group(group: int, number: int) -> None:
    """Send a signal to a process group, if it still has members that may be sent one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def end_orphans(session: int, start: int, groups: set[int], tokens: set[str]) -> None:
    """Kill what a dead supervisor's jobs left behind, and wait until it is gone.

    Only processes of the session that this supervisor led count, and of them those that are in the
    group of an unfinished job or bear its token: a session's ID is not used again while the session
    has members.

    Args:
        session: The supervisor's process ID.
        start: Its start time in clock ticks.
        groups: Process groups of its unfinished jobs.
        tokens: Their tokens.
    """
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        leader = look(session)
        if leader is not None and leader.start != start:
            return  # the number was given to somebody else, so nothing of that session was left
        orphans = [
            process
            for process in all_processes()
            if process.session == session
            and process.start >= start
            and process.alive
            and (process.group in groups or _token(process.pid) in tokens)
        ]
        if not orphans:
            return
        for process in orphans:
            _kill(process)
        time.sleep(0.005)


def _token(pid: int) -> str | None:
    """The job that a process belongs to, according to its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            environment = file.read()
    except OSError:
        return None
    for entry in environment.split(b"\0"):
        if entry.startswith(b"GC3_JOB="):
            return entry[8:].decode("utf-8", "surrogateescape")
    return None


def _kill(process: Process) -> None:
    """End this very process, not another one that got its number since."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        now = look(process.pid)
        if now is not None and now.start == process.start:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone, or not ours to end
    finally:
        os.close(handle)
