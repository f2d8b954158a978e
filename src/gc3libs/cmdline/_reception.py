"""Talking to a script that stays: a Unix socket in its session's directory.

A request is one line of JSON with a command and its arguments, the answer is one with the exit
code and a text.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from gc3libs.exceptions import StoreUnavailable

SOCKET = "daemon.sock"
URL = "daemon.url"
"""File with the socket's address, for people who keep looking for it there."""
SCHEME = "unix:"
LONGEST = 1 << 20
"""Bytes of a request or an answer."""
PATIENCE = 60.0
"""Seconds that a client waits for an answer."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants."""

    command: str
    arguments: list[str] = []


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it gets: an exit code, and what to print."""

    code: int = 0
    text: str = ""


class Reception:
    """Where a script is talked to; only its user can.

    Args:
        directory: Of the session.

    Raises:
        StoreUnavailable: The socket cannot be made.
    """

    def __init__(self, directory: str) -> None:
        self._path = Path(directory) / SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _short(directory) as short:
                former = os.umask(0o177)
                try:
                    self._socket.bind(short)
                finally:
                    os.umask(former)
            self._socket.listen()
            self._socket.setblocking(False)
            self._path.with_name(URL).write_text(f"{SCHEME}//{self._path.absolute()}\n")
        except OSError as err:
            self._socket.close()
            raise StoreUnavailable(f"cannot make {self._path}: {err.strerror}") from err

    def fileno(self) -> int:
        """Readable when somebody has come."""
        return self._socket.fileno()

    def serve(self, answer: Callable[[Wish], Answer]) -> None:
        """Deal with all who have come."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1.0)
                connection.sendall(msgspec.json.encode(_answered(connection, answer)) + b"\n")

    def close(self) -> None:
        """Let nobody come any more."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._path.with_name(URL).unlink(missing_ok=True)


def _answered(connection: socket.socket, answer: Callable[[Wish], Answer]) -> Answer:
    try:
        return answer(msgspec.json.decode(_line(connection), type=Wish))
    except msgspec.DecodeError as err:
        return Answer(code=os.EX_PROTOCOL, text=f"this is no request: {err}")


def ask(server: str, command: str, *arguments: str) -> Answer:
    """Ask the script that runs a session.

    Args:
        server: The session's directory, or the file `daemon.url` in it, or what that says.

    Raises:
        OSError: Nobody is there, or they do not answer.
    """
    directory = _directory(server)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        with _short(directory) as short:
            connection.connect(short)
        wish = Wish(command=command, arguments=list(arguments))
        connection.sendall(msgspec.json.encode(wish) + b"\n")
        try:
            return msgspec.json.decode(_line(connection), type=Answer)
        except msgspec.DecodeError as err:
            raise ConnectionError("the answer was cut off") from err


def _directory(server: str) -> str:
    """The directory of the session that is meant."""
    if server.startswith(SCHEME):
        return str(Path(server.removeprefix(SCHEME).removeprefix("//")).parent)
    if Path(server).name == URL:
        return str(Path(server).parent)
    return server


@contextlib.contextmanager
def _short(directory: str) -> Iterator[str]:
    """A path of the socket that is short enough, however long the directory's is."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET}"
    finally:
        os.close(fd)


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < LONGEST:
        part = connection.recv(65536)
        if not part:
            break
        data += part
    return data
