"""Bringing a job's inputs to its directory, and removing what jobs leave."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gc3libs.backends.base import JobRefused, JobSpec
from gc3libs.exceptions import RecoverableError

_PASSING = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EINTR, errno.EAGAIN),
    )
)
"""There is no room, or a disk, or its server, does not do its work at the moment."""


def may_pass(err: OSError) -> bool:
    """Whether what failed may be possible after a while."""
    return err.errno in _PASSING


def check_names(job: JobSpec) -> None:
    """Find names that lead out of the job's directory.

    Raises:
        JobRefused: There is one.
    """
    names = [job.stdin, job.stdout, job.stderr, job.executable]
    names += [name for _, name in job.inputs if name != "."]
    names += [name for name, _ in job.files]
    for name in names:
        if name is not None and climbs(name):
            raise JobRefused(job.token, f"{name!r} is not a name inside the job's directory")


def climbs(name: str) -> bool:
    """Whether this is no name of something inside the directory that it is relative to."""
    return not name or name.startswith("/") or "\0" in name or ".." in name.split("/")


def stage(job: JobSpec, directory: Path) -> None:
    """Make the job's directory and copy its inputs there; on failure nothing is left of it.

    Raises:
        FileExistsError: The directory is there.
        JobRefused: An input is missing, or no file.
        RecoverableError: The machine has no room at the moment.
    """
    make(directory)
    try:
        for source, name in job.inputs:
            _bring(job, source, directory / name)
        for name, content in job.files:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
        _prepare(job, directory)
    except OSError as err:
        remove(directory)
        if may_pass(err):
            raise RecoverableError(f"cannot stage the inputs of {job.token}: {err}") from err
        raise JobRefused(job.token, f"its inputs cannot be copied: {err}") from err
    except BaseException:
        remove(directory)
        raise


def make(directory: Path) -> None:
    """Make a directory, and the one that it lies in.

    Raises:
        FileExistsError: It is there.
    """
    try:
        directory.mkdir()
    except FileNotFoundError:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir()


def _bring(job: JobSpec, source: str, target: Path) -> None:
    path = local_path(job, source)
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as err:
        raise JobRefused(job.token, f"its input {str(path)!r} does not exist") from err
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_directory:
        copy_tree(path, target)
    else:
        shutil.copy2(path, target)


def copy_tree(source: Path, target: Path) -> None:
    """Copy what is in a directory into another, which may have some of it; links stay links.

    Raises:
        OSError: Something cannot be copied; what was copied before stays.
    """
    target.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_symlink():
            place.unlink(missing_ok=True)
            place.symlink_to(entry.readlink())
        elif entry.is_dir():
            copy_tree(entry, place)
        else:
            shutil.copy2(entry, place)
    shutil.copystat(source, target)


def local_path(job: JobSpec, source: str) -> Path:
    if source.startswith("/"):
        return Path(source)
    url = urlsplit(source)
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        return Path(unquote(url.path))
    raise JobRefused(job.token, f"its input {source!r} is neither an absolute path nor a file URL")


def _prepare(job: JobSpec, directory: Path) -> None:
    if job.executable is not None and (directory / job.executable).is_file():
        (directory / job.executable).chmod(0o755)
    if job.stdin is not None and not (directory / job.stdin).is_file():
        raise JobRefused(job.token, f"its standard input {job.stdin!r} is not among its inputs")


def remove(directory: Path) -> None:
    """Remove a directory with all that it holds, whatever its modes; none there is no error."""
    try:
        directory.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(directory, onerror=_open_and_retry)


def _open_and_retry(function: Callable[..., Any], path: str, _info: object) -> None:
    """A job may have left directories that their owner cannot write to."""
    try:
        Path(path).parent.chmod(0o700)
        if function in (os.open, os.scandir, os.listdir):
            Path(path).chmod(0o700)
            shutil.rmtree(path)
        else:
            function(path)
    except FileNotFoundError:
        return
