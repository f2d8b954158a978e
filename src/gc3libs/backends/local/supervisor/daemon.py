"""Going to the background, taking the lock, and taking over what the last supervisor left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time

from . import journal
from .loop import Supervisor
from .processes import look
from .recovery import settle

LOCK = "supervisor.lock"
LOG = "supervisor.log"
TEMPORARY = "temporary"  # is there, and locked by the engine, where nothing is to be left

HELD = 3  # exit statuses of the starting process
NEWER = 4

_LONG_AGO = 3600.0  # seconds: a new supervisor's socket does not answer for a moment
_PATIENCE = 2.0  # seconds for a supervisor that is about to leave


def start(workdir: str, address: str, boot: str) -> int:
    """Start a supervisor in the background.

    Returns:
        0 once it listens, `HELD` if there is one already, `NEWER` if the journal is a later
        version's.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        answer = os.read(reading, 16)
        return int(answer) if answer else 1
    os.close(reading)
    os.setsid()
    try:
        status = _serve(workdir, address, boot, writing)
    except BaseException:
        _log_failure()
        raise
    if status:
        os.write(writing, b"%d" % status)
    os._exit(0)


def _serve(workdir: str, address: str, boot: str, ready: int) -> int:
    os.chdir(workdir)
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if not _take(lock):
        return HELD
    _reset_signals()
    header = _header(root, boot)
    try:
        old, records = journal.read()
    except journal.NewerJournal:
        return NEWER
    if old is not None:
        settle(old, header, records)
    book = journal.Journal(header, records)
    listener = _listen(address)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{header.pid} {address}\n".encode("utf-8", "surrogateescape"), 0)
    supervisor = Supervisor(root, listener, book, records)
    _detach()
    os.write(ready, b"0")
    os.close(ready)
    try:
        supervisor.run()
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)  # noqa: PTH108
    _remove_if_forsaken(workdir)
    return 0


def _remove_if_forsaken(workdir: str) -> None:
    """Remove a temporary directory whose engine is gone."""
    if os.path.exists(TEMPORARY) and not _is_locked(TEMPORARY):  # noqa: PTH110
        from shutil import rmtree

        rmtree(workdir, ignore_errors=True)


def is_served(workdir: str | os.PathLike[str]) -> bool:
    """Whether a supervisor is at work there."""
    return _is_locked(os.path.join(workdir, LOCK))  # noqa: PTH118


def _is_locked(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


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


def _header(root: int, boot: str) -> journal.Header:
    place = os.fstat(root)
    me = look(os.getpid())
    start = me.start if me is not None else 0
    return journal.Header(boot, os.getpid(), start, f"{place.st_dev}:{place.st_ino}")


def _listen(address: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)  # noqa: PTH108 - of a supervisor that is dead: the lock is ours
    _sweep(os.path.dirname(address))  # noqa: PTH120
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(16)
    listener.setblocking(False)
    return listener


def _sweep(directory: str) -> None:
    """Remove what supervisors that were killed long ago left here."""
    for entry in os.scandir(directory):
        with contextlib.suppress(OSError):
            if entry.stat(follow_symlinks=False).st_mtime > time.time() - _LONG_AGO:
                continue
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.settimeout(1)
                try:
                    caller.connect(entry.path)
                except ConnectionRefusedError:
                    os.unlink(entry.path)  # noqa: PTH108


def _reset_signals() -> None:
    """Start from the defaults, whatever the engine had; hang-ups and Ctrl-C are for others."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def _detach() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _log_failure() -> None:
    """Leave a trace of a fault of the supervisor's own where people look."""
    import traceback

    text = traceback.format_exc()
    sys.stderr.write(text)
    with contextlib.suppress(OSError), open(LOG, "a") as log:  # noqa: PTH123
        log.write(text)
