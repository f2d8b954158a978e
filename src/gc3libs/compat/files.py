"""Files and directories, as scripts handle them.

Text is UTF-8; bytes that are not pass through unchanged.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from gc3libs.exceptions import InvalidValue

StrPath: TypeAlias = str | os.PathLike[str]

_PERMISSIONS = ((os.R_OK, "read"), (os.W_OK, "write"), (os.X_OK, "execute"))


def _open(path: StrPath, mode: str) -> IO[str]:
    return Path(path).open(mode, encoding="utf-8", errors="surrogateescape")


def check_file_access(
    path: StrPath,
    mode: int,
    exception: Callable[[str], BaseException] = RuntimeError,
    isdir: bool = False,
) -> bool:
    """Make sure that a file can be used.

    Args:
        path: The file or directory.
        mode: Bits ``os.R_OK``, ``os.W_OK``, ``os.X_OK``; ``os.F_OK`` if it just has to be there.
        exception: What to raise, made with the message.
        isdir: It has to be a directory.

    Returns:
        True.
    """
    where = Path(path)
    if not os.access(where, os.F_OK):
        raise exception(f"cannot access {str(path)!r}: no such file or directory")
    if isdir and not where.is_dir():
        raise exception(f"{str(path)!r} is not a directory")
    for bit, verb in _PERMISSIONS:
        if mode & bit and not os.access(where, bit):
            raise exception(f"{str(path)!r} lacks the permission to {verb} it")
    return True


def mkdir(path: StrPath, mode: int = 0o777) -> None:
    """Make a directory and its parents; one that is there already is fine."""
    os.makedirs(path, mode, exist_ok=True)  # noqa: PTH103  # pathlib gives parents no mode


def mkdir_with_backup(path: StrPath, mode: int = 0o777) -> None:
    """Make a new directory; whatever is there already is renamed, as by `backup`."""
    if os.path.lexists(path):
        backup(path)
    mkdir(path, mode)


def backup(path: StrPath) -> str:
    """Rename a file or directory to ``PATH.~N~``, where N is one more than the highest there is.

    Returns:
        The new name.
    """
    original = Path(path)
    numbered = re.compile(rf"{re.escape(original.name)}\.~(\d+)~")
    matches = map(numbered.fullmatch, os.listdir(original.parent))  # noqa: PTH208
    number = 1 + max((int(match[1]) for match in matches if match), default=0)
    return str(original.rename(f"{original}.~{number}~"))


def movefile(source: StrPath, destination: StrPath) -> None:
    """Move a file over another one, into a directory or to a new name, parents included."""
    target = Path(destination)
    if target.is_dir():
        target /= Path(source).name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def movetree(source: StrPath, destination: StrPath) -> None:
    """Move all that is in a directory into another one, among what is there, over equal names."""
    target = Path(destination)
    target.mkdir(parents=True, exist_ok=True)
    for entry in list(os.scandir(source)):
        if entry.is_dir(follow_symlinks=False):
            movetree(entry.path, target / entry.name)
        else:
            movefile(entry.path, target / entry.name)
    Path(source).rmdir()


def touch(path: StrPath) -> None:
    """Make an empty file, or mark one as changed just now."""
    Path(path).touch()


@contextmanager
def tempdir(suffix: str = "", prefix: str = "tmp", dir: StrPath | None = None) -> Iterator[str]:
    """A new directory; it is gone after the block."""
    with tempfile.TemporaryDirectory(suffix, prefix, dir) as path:
        yield path


def basename_sans(path: StrPath) -> str:
    """The name of a file without directory and last extension.

    >>> basename_sans("/tmp/foo.tar.gz")
    'foo.tar'
    """
    return Path(path).stem


def read_contents(path: StrPath) -> str:
    """The whole text of a file."""
    with _open(path, "r") as file:
        return file.read()


def write_contents(path: StrPath, data: str | bytes) -> None:
    """Replace the whole text, or the bytes, of a file."""
    if isinstance(data, bytes):
        Path(path).write_bytes(data)
        return
    with _open(path, "w") as file:
        file.write(data)


def cat(
    *files: StrPath | Iterable[str],
    output: StrPath | IO[str] | None = None,
    append: bool = True,
) -> None:
    """Write the lines of all files, one file after the other.

    Args:
        *files: Paths, or open text files.
        output: Path or open text file; standard output if not given.
        append: Keep what is in the file that the path `output` names.
    """
    with ExitStack() as opened:
        if output is None:
            output = sys.stdout
        elif isinstance(output, str | os.PathLike):
            output = opened.enter_context(_open(output, "a" if append else "w"))
        for file in files:
            if isinstance(file, str | os.PathLike):
                file = opened.enter_context(_open(file, "r"))
            output.writelines(file)


def grep(pattern: str | re.Pattern[str], filename: StrPath) -> Iterator[str]:
    """The lines of a file in which a regular expression matches somewhere."""
    search = re.compile(pattern).search
    with _open(filename, "r") as file:
        yield from filter(search, file)


def fgrep(literal: str, filename: StrPath) -> Iterator[str]:
    """The lines of a file that contain a text."""
    with _open(filename, "r") as file:
        yield from (line for line in file if literal in line)


def occurs(
    pattern: str,
    filename: StrPath,
    match: Callable[[str, StrPath], Iterable[str]] = grep,
) -> bool:
    """Whether a file has a line that matches, as `match` (`grep` or `fgrep`) sees it."""
    return any(True for _ in match(pattern, filename))


_PARAMETERS = {"bar-separated": r"\s*\|\s*", "space-separated": r"[ \t]+"}


def update_parameter_in_file(path: StrPath, var: str, value: object, regex_name: str) -> None:
    """Replace the first value of a variable in a file of lines ``NAME | VALUE`` or ``NAME VALUE``.

    Nothing but that value changes; a file without the variable stays as it is.

    Raises:
        InvalidValue: `regex_name` is neither ``bar-separated`` nor ``space-separated``.
    """
    if regex_name not in _PARAMETERS:
        raise InvalidValue(f"{regex_name!r} is no format; these are: {', '.join(_PARAMETERS)}")
    entry = re.compile(rf"(^[ \t]*{re.escape(var)}{_PARAMETERS[regex_name]})[^\s|]+", re.MULTILINE)
    write_contents(path, entry.sub(lambda found: f"{found[1]}{value}", read_contents(path)))
