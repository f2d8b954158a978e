"""The engine's side of the conversation: finding a directory's supervisor, or starting it."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from gc3libs.backends.local.supervisor import daemon, journal, wire
from gc3libs.exceptions import DirectoryInUse, FatalError, NewerFormat, RecoverableError

_PATIENCE = 10.0  # seconds for a supervisor to start, or to leave
_ANSWER = 60.0  # seconds for an answer; only a disk that hangs makes it take that long
_CHUNK = 1 << 18


class Disconnected(Exception):
    """The supervisor is gone."""


class Connection:
    """A conversation with the supervisor of one work directory."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._unpacker = wire.Unpacker()
        self._heard: deque[tuple[Any, ...]] = deque()
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self.pid = 0

    def send(self, *message: Any) -> None:
        """Say something.

        Raises:
            Disconnected: There is nobody to hear it.
        """
        try:
            self._socket.sendall(wire.pack(message))
        except OSError as err:
            raise Disconnected from err

    def receive(self, timeout: float) -> list[tuple[Any, ...]]:
        """What was said; waits up to `timeout` seconds for something.

        Raises:
            Disconnected: The supervisor is gone, and all that it said has been received.
        """
        if not self._heard:
            self._listen(timeout)
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def hear(self) -> tuple[Any, ...]:
        """The next thing said.

        Raises:
            Disconnected: The supervisor is gone, and all that it said has been received.
            RecoverableError: It says nothing for a long time.
        """
        deadline = time.monotonic() + _ANSWER
        while not self._heard:
            self._listen(deadline - time.monotonic())
            if not self._heard and time.monotonic() > deadline:
                raise RecoverableError(
                    f"the supervisor of local jobs (process {self.pid}) does not answer;"
                    " is the disk of its directory stuck?"
                )
        return self._heard.popleft()

    def _listen(self, timeout: float) -> None:
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return
        try:
            data = self._socket.recv(_CHUNK)
        except OSError as err:
            raise Disconnected from err
        if not data:
            raise Disconnected
        self._heard.extend(self._unpacker.feed(data))

    def leave(self) -> None:
        """End the conversation; a supervisor without jobs has left when this returns."""
        try:
            self.send("bye")
            self._socket.settimeout(_PATIENCE)
            while self._socket.recv(_CHUNK):
                pass
        except (Disconnected, OSError):
            return  # it is gone, which is what was wanted
        finally:
            self.close()

    def close(self) -> None:
        self._socket.close()


def connect(
    workdir: Path, boot: str, hello: tuple[Any, ...]
) -> tuple[Connection, list[tuple[Any, ...]]]:
    """Talk to the supervisor of `workdir`, started if need be; returns its first reports, too.

    Raises:
        DirectoryInUse: It is busy with another engine.
        RecoverableError: It cannot be reached.
        NewerFormat: The journal was written by a later version.
        FatalError: It cannot be started.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        channel = _call(workdir)
        if channel is not None:
            try:
                return _introduce(workdir, Connection(channel), hello)
            except Disconnected:
                channel.close()  # it was about to leave
            except BaseException:
                channel.close()
                raise
        _start(workdir, boot)
        if time.monotonic() > deadline:
            raise RecoverableError(
                f"the supervisor of local jobs in {workdir} is alive and cannot be reached"
                " (was its socket removed?); it ends when its jobs have ended"
            )


def _introduce(
    workdir: Path, connection: Connection, hello: tuple[Any, ...]
) -> tuple[Connection, list[tuple[Any, ...]]]:
    connection.send("hello", wire.PROTOCOL, *hello)
    kind, *rest = connection.hear()
    if kind == "refused":
        raise DirectoryInUse(str(workdir), rest[0])
    connection.pid = rest[1]
    _, reports = connection.hear()
    return connection, reports


def _call(workdir: Path) -> socket.socket | None:
    """A connection to the supervisor that the lock file names, None if nobody is there."""
    try:
        _, _, address = (workdir / daemon.LOCK).read_text(errors="surrogateescape").partition(" ")
    except FileNotFoundError:
        return None
    path = Path(address.removesuffix("\n"))
    if path.name != _socket_name(workdir) or not _is_private(path.parent):
        return None  # a copy of another directory, or nothing of ours
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.connect(str(path))
        credentials = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        channel.close()
        return None
    if struct.unpack("3i", credentials)[1] != os.geteuid():
        channel.close()
        return None
    return channel


def _start(workdir: Path, boot: str) -> None:
    script = Path(daemon.__file__).with_name("run.py")
    command = [sys.executable, "-I", "-S", "-E", "-X", "utf8", str(script)]
    started = subprocess.run(
        [*command, workdir, _address(workdir), boot],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        errors="replace",
        check=False,
    )
    if started.returncode == daemon.NEWER:
        raise NewerFormat(str(workdir / journal.FILE), journal.FORMAT + 1, journal.FORMAT)
    if started.returncode not in (0, daemon.HELD):
        trouble = started.stderr.strip().rpartition("\n")[2]
        raise FatalError(f"cannot start a supervisor of local jobs in {workdir}: {trouble}")


def _address(workdir: Path) -> Path:
    """Where a new supervisor listens: a short name, since a socket's path has at most 107 bytes."""
    return _private_directory() / _socket_name(workdir)


def _socket_name(workdir: Path) -> str:
    """Stands for the directory itself, wherever it is moved."""
    place = workdir.stat()
    identity = f"{place.st_dev}:{place.st_ino}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16] + ".sock"


def _private_directory() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and len(os.fsencode(base)) < 70 and _is_private(Path(base)):
        directory = Path(base) / "gc3"
    else:
        directory = Path(tempfile.gettempdir()) / f"gc3-{os.geteuid()}"
        if len(os.fsencode(directory)) > 80:
            directory = Path("/tmp") / directory.name
    directory.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(directory):
        raise FatalError(
            f"{directory} must be a directory of your own that nobody else can enter (mode 0700):"
            " the socket of local jobs lies there. Remove it, or set XDG_RUNTIME_DIR or TMPDIR"
        )
    return directory


def _is_private(directory: Path) -> bool:
    try:
        entry = directory.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(entry.st_mode)
        and entry.st_uid == os.geteuid()
        and not stat.S_IMODE(entry.st_mode) & 0o077
    )
