"""The port through which backends reach a machine: commands of its shell, and its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from gc3libs.exceptions import RecoverableError


class TransportError(RecoverableError):
    """A machine cannot be reached at the moment, or a connection was cut off.

    What was asked for may have been done, or not.
    """


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: its exit status, and what it wrote."""

    exitcode: int
    stdout: bytes
    stderr: bytes


class Transport(ABC):
    """A way to a machine. All calls can be repeated; paths there are absolute.

    Every method raises `TransportError` when the machine cannot be reached, or does not answer in
    time.

    Attributes:
        host: The machine's name, for people.
        is_local: Its files are this machine's.
    """

    host: str
    is_local: bool

    @abstractmethod
    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command by `/bin/sh` in the home directory; `timeout` in seconds."""

    @abstractmethod
    def home(self) -> str:
        """The absolute path of the user's home directory there."""

    @abstractmethod
    def put(self, copies: Sequence[tuple[str, str]]) -> None:
        """Copy files and directories, (path here, path there), with their modes.

        Directories above are made. A file appears whole or not at all; one that is there already
        with the same size and time is left alone.

        Raises:
            FileNotFoundError: One is not here.
        """

    @abstractmethod
    def get(self, copies: Sequence[tuple[str, str]]) -> list[str]:
        """Copy files and directories, (path there, path here), with their modes.

        As `put` does; gives the paths of those that are not there.
        """

    @abstractmethod
    def write(self, files: Sequence[tuple[str, bytes, int]]) -> None:
        """Write files, (path, content, mode), each whole or not at all."""

    @abstractmethod
    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """A part of a file; None if it is not there. A negative offset counts from the end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; calling it twice is no error."""
