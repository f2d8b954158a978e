"""Turning an order into a running process."""

from __future__ import annotations

import errno
import os
import signal
from resource import RLIMIT_NOFILE, getrlimit

from .capture import Capture
from .job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOUND = 127
NOT_EXECUTABLE = 126

# What Python or the supervisor itself ignores or handles; a job starts with the defaults.
_DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGCHLD,
)
_PASSING = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))
_SPARE_DESCRIPTORS = 24


class CannotStart(Exception):
    """The job cannot run here: its exit code as a shell's would be, and why."""

    def __init__(self, exitcode: int, reason: str) -> None:
        super().__init__(exitcode, reason)
        self.exitcode = exitcode
        self.reason = reason.replace("\n", " ")


class TryLater(Exception):
    """The machine has no room for one more process or file at the moment."""


class Launcher:
    """Starts processes, each the leader of a group of its own in the supervisor's session.

    The current directory must be the work directory, and the standard streams must be `/dev/null`.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._environment: dict[bytes, bytes] = {}
        self._found: dict[tuple[bytes, bytes], bytes] = {}
        self._captures = 0
        # each takes a pipe's end and, once something is written, a file
        self._capture_limit = (getrlimit(RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS) // 2

    def set_environment(self, environment: Mapping[bytes, bytes]) -> None:
        """What all jobs from now on inherit."""
        self._environment = {
            name: value for name, value in environment.items() if name not in (b"PWD", b"OLDPWD")
        }
        self._found.clear()

    def start(self, job: Job, directory: str) -> int:
        """Run the job in this directory and return its process ID.

        Raises:
            CannotStart: It never will.
            TryLater: It may when other jobs have ended.
        """
        opened: list[int] = []
        try:
            os.chdir(directory)
            plain = not (job.capture or job.stdin or job.stdout or job.stderr)
            return self._spawn(job, () if plain else self._streams(job, opened))
        except OSError as err:
            job.captures = ()
            if err.errno in _PASSING:
                raise TryLater from err
            raise CannotStart(NOT_EXECUTABLE, _words(err)) from err
        finally:
            for fd in opened:
                os.close(fd)
            os.chdir(self._root)

    def finished(self, job: Job) -> None:
        """Let go of what was opened for the job."""
        for capture in job.captures:
            capture.finish()
        self._captures -= len(job.captures)
        job.captures = ()

    def _spawn(self, job: Job, actions: tuple[tuple[int, int, int], ...]) -> int:
        environment = self._environment.copy()
        environment[b"GC3_JOB"] = job.token.encode("utf-8", "surrogateescape")
        if job.environment:
            environment.update(job.environment)
        name = job.argv[0]
        path = self._resolve(name, environment)
        try:
            return _posix_spawn(path, job.argv, environment, actions)
        except FileNotFoundError as err:
            if path != name and not os.path.exists(path):  # noqa: PTH110
                self._found.clear()  # it was there when it was looked up
                return _posix_spawn(
                    self._resolve(name, environment), job.argv, environment, actions
                )
            if os.path.lexists(path):
                reason = f"cannot run {_shown(name)}: its interpreter does not exist"
                raise CannotStart(NOT_EXECUTABLE, reason) from err
            raise CannotStart(NOT_FOUND, f"no such command: {_shown(name)}") from err
        except OSError as err:
            if err.errno == errno.ENOEXEC:
                argv = (b"sh", path, *job.argv[1:])
                return _posix_spawn(b"/bin/sh", argv, environment, actions)
            if err.errno in _PASSING:
                raise
            reason = f"cannot run {_shown(name)}: {err.strerror}"
            raise CannotStart(NOT_EXECUTABLE, reason) from err

    def _resolve(self, name: bytes, environment: dict[bytes, bytes]) -> bytes:
        if b"/" in name:
            return name
        search = environment.get(b"PATH", os.defpath.encode())
        path = self._found.get((name, search))
        if path is None:
            path = self._found[name, search] = _search(name, search)
        return path

    def _streams(self, job: Job, opened: list[int]) -> tuple[tuple[int, int, int], ...]:
        """File actions for the standard streams; what must be closed again goes to `opened`."""
        actions = []
        if job.stdin is not None:
            opened.append(os.open(job.stdin, os.O_RDONLY))
            actions.append((os.POSIX_SPAWN_DUP2, opened[-1], 0))
        captures: list[Capture] = []
        try:
            for target, name, suffix in ((1, job.stdout, "out"), (2, job.stderr, "err")):
                if target == 2 and (job.join or (name is not None and name == job.stdout)):
                    actions.append((os.POSIX_SPAWN_DUP2, 1, 2))
                elif name is not None:
                    opened.append(_open_output(name))
                    actions.append((os.POSIX_SPAWN_DUP2, opened[-1], target))
                elif job.capture:
                    captures.append(self._pipe(f"{job.token}.{suffix}", opened))
                    actions.append((os.POSIX_SPAWN_DUP2, opened[-1], target))
        except OSError:
            for capture in captures:
                os.close(capture.fd)
                self._captures -= 1
            raise
        job.captures = tuple(captures)
        return tuple(actions)

    def _pipe(self, name: str, opened: list[int]) -> Capture:
        if self._captures >= self._capture_limit:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        opened.append(writing)
        self._captures += 1
        return Capture(reading, name)


def _posix_spawn(
    path: bytes,
    argv: tuple[bytes, ...],
    environment: dict[bytes, bytes],
    actions: tuple[tuple[int, int, int], ...],
) -> int:
    return os.posix_spawn(
        path,
        argv,
        environment,
        file_actions=actions,
        setpgroup=0,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )


def _search(name: bytes, search: bytes) -> bytes:
    """The path of a command; relative entries of PATH, so the job's own files, are passed over."""
    denied = False
    for place in search.split(b":"):
        if not place.startswith(b"/"):
            continue
        path = place + b"/" + name
        if os.path.isfile(path):  # noqa: PTH113
            if os.access(path, os.X_OK):
                return path
            denied = True
    if denied:
        raise CannotStart(NOT_EXECUTABLE, f"cannot run {_shown(name)}: Permission denied")
    raise CannotStart(NOT_FOUND, f"no such command: {_shown(name)}")


def _open_output(name: bytes) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(name, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120
        return os.open(name, flags, 0o666)


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "replace"))


def _words(err: OSError) -> str:
    name = err.filename.decode("utf-8", "replace") if isinstance(err.filename, bytes) else ""
    return f"cannot open {name!r}: {err.strerror}" if name else f"cannot start: {err.strerror}"
