"""Commands and files of this machine, behind the same port as those of another."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gc3libs._atomic import write_file
from gc3libs.backends._staging import may_pass
from gc3libs.backends.local.peeking import read_part
from gc3libs.backends.transport.base import Completed, Transport
from gc3libs.exceptions import (
    RecoverableDataStagingError,
    RecoverableTransportError,
    UnrecoverableDataStagingError,
)


class LocalTransport(Transport):
    """This machine; it keeps nothing open."""

    is_local = True

    def __init__(self) -> None:
        self.host = socket.gethostname()

    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command by `/bin/sh` in the home directory; `timeout` in seconds.

        Raises:
            RecoverableTransportError: It does not end in time, or cannot be started; it was ended.
        """
        try:
            done = subprocess.run(
                ("/bin/sh", "-c", command),
                input=stdin,
                capture_output=True,
                timeout=timeout,
                cwd=self.home(),
                check=False,
            )
        except subprocess.TimeoutExpired as err:
            raise RecoverableTransportError(
                f"{self.host}: no answer within {timeout:g} s to: {command[:200]}"
            ) from err
        except OSError as err:
            raise RecoverableTransportError(f"{self.host}: cannot run /bin/sh: {err}") from err
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Completed(exitcode=status, stdout=done.stdout, stderr=done.stderr)

    def home(self) -> str:
        """The absolute path of the user's home directory; `/` if there is none."""
        home = os.path.expanduser("~")  # noqa: PTH111
        return home if os.path.isdir(home) else "/"  # noqa: PTH112

    def put(self, copies: Sequence[tuple[str, str]]) -> None:
        """Copy files and directories, (from, to).

        Raises:
            FileNotFoundError: One is not here.
        """
        for source, target in copies:
            if not os.path.exists(source):  # noqa: PTH110
                raise FileNotFoundError(source)
            _copy(Path(source), Path(target))

    def get(self, copies: Sequence[tuple[str, str]]) -> list[str]:
        """Copy files and directories, (from, to); gives those that are not there."""
        missing = []
        for source, target in copies:
            if os.path.exists(source):  # noqa: PTH110
                _copy(Path(source), Path(target))
            else:
                missing.append(source)
        return missing

    def write(self, files: Sequence[tuple[str, bytes, int]]) -> None:
        """Write files, (path, content, mode), each whole or not at all; directories are made."""
        for path, content, mode in files:
            with _translated(path):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                write_file(path, content, durable=False)
                Path(path).chmod(mode)

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """A part of a file; None if it is not there. A negative offset counts from the end."""
        return read_part(Path(path), offset, size)

    def close(self) -> None:
        """Nothing has to be let go of."""


@contextlib.contextmanager
def _translated(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        kind: Callable[[str], Exception]
        kind = RecoverableDataStagingError if may_pass(err) else UnrecoverableDataStagingError
        raise kind(f"cannot copy or write {str(path)!r}: {err}") from err


def _copy(source: Path, target: Path) -> None:
    with _translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            _copy_directory(source, target)
        else:
            _copy_file(source, target)


def _copy_directory(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_symlink():
            place.unlink(missing_ok=True)
            place.symlink_to(entry.readlink())
        elif entry.is_dir():
            _copy_directory(entry, place)
        elif entry.is_file():
            _copy_file(entry, place)


def _copy_file(source: Path, target: Path) -> None:
    if _is_same(source, target):
        target.chmod(stat.S_IMODE(source.stat().st_mode))
        return
    if not stat.S_ISREG(source.stat().st_mode):
        raise OSError(f"{source} is no regular file")
    beside = target.with_name(f".{target.name[:200]}.part")
    try:
        shutil.copy2(source, beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _is_same(source: Path, target: Path) -> bool:
    try:
        there = target.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = source.stat()
    return (here.st_size, int(here.st_mtime)) == (there.st_size, int(there.st_mtime))
