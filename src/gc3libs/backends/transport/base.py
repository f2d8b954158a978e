"""The port through which backends reach a machine: commands of its shell, and its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: its exit status (128 + N after signal N), and what it wrote."""

    exitcode: int
    stdout: bytes
    stderr: bytes


class Transport(ABC):
    """A way to a machine. Paths there are absolute.

    What is asked of files can be repeated: the second time, only what is not done yet is done.

    Every method raises `RecoverableTransportError` when the machine cannot be reached at the
    moment, the connection is cut off, or there is no answer in time: what was asked for may have
    been done, or not. It raises an `UnrecoverableTransportError` or `UnrecoverableAuthError` where
    waiting will not help.

    Those about files raise `UnrecoverableDataStagingError` when a file cannot be read or written,
    and `RecoverableDataStagingError` when there is no room for it at the moment; the message names
    the file.

    Attributes:
        host: The machine's name, for people.
        is_local: Its files are this machine's.
    """

    host: str
    is_local: bool

    @abstractmethod
    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command by `/bin/sh` in the home directory; `timeout` in seconds.

        The command's text is at most some 100 kB long; larger data go through `stdin`. A command
        that does not end in time may go on there.
        """

    @abstractmethod
    def home(self) -> str:
        """The absolute path of the user's home directory there."""

    @abstractmethod
    def put(self, copies: Sequence[tuple[str, str]]) -> None:
        """Copy files, with their modes, and directories, (path here, path there).

        Directories above are made; one that is there already is added to. A file appears whole or
        not at all; one that is there already with the same size and time, to the second, is left
        alone. In a directory, symbolic links are copied as such; pipes and the like are left out.

        Raises:
            FileNotFoundError: One is not here.
        """

    @abstractmethod
    def get(self, copies: Sequence[tuple[str, str]]) -> list[str]:
        """Copy files, with their modes, and directories, (path there, path here).

        As `put` does; gives the paths of those that are not there.
        """

    @abstractmethod
    def write(self, files: Sequence[tuple[str, bytes, int]]) -> None:
        """Write files, (path, content, mode), each whole or not at all; directories are made."""

    @abstractmethod
    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """A part of a file; None if it is not there. A negative offset counts from the end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; calling it twice is no error."""
