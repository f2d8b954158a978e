"""Types of arguments, for `add_param(type=...)`: what is wrong is said when the line is read."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path

from gc3libs.exceptions import InvalidValue
from gc3libs.quantity import Duration, Memory

__all__ = [
    "duration_text",
    "executable_file",
    "existing_directory",
    "existing_file",
    "memory_amount",
    "nonnegative_int",
    "positive_int",
    "valid_directory",
]

_RIGHTS = ((os.R_OK, "read"), (os.X_OK, "executed"))


def existing_file(path: str) -> str:
    """A path that is there and can be read; it may be a directory's.

    Raises:
        ArgumentTypeError: It is not, or cannot.
    """
    return _checked(path, os.R_OK)


def executable_file(path: str) -> str:
    """A path of something that can be read and executed.

    Raises:
        ArgumentTypeError: It cannot.
    """
    return _checked(path, os.R_OK | os.X_OK)


def existing_directory(path: str) -> str:
    """A path of a directory that can be read and entered.

    Raises:
        ArgumentTypeError: It is none, or cannot.
    """
    if Path(path).exists() and not Path(path).is_dir():
        raise ArgumentTypeError(f"{path!r} is not a directory")
    return _checked(path, os.R_OK | os.X_OK)


def valid_directory(path: str) -> str:
    """A path of a directory, or one that is still free for one.

    Raises:
        ArgumentTypeError: Something else is there.
    """
    if os.path.lexists(path) and not Path(path).is_dir():
        raise ArgumentTypeError(f"{path!r} exists and is not a directory")
    return path


def _checked(path: str, mode: int) -> str:
    if not Path(path).exists():
        raise ArgumentTypeError(f"cannot access {path!r}: there is no such file or directory")
    for bit, verb in _RIGHTS:
        if mode & bit and not os.access(path, bit):
            raise ArgumentTypeError(f"{path!r} cannot be {verb}: you lack the permission")
    return path


def positive_int(number: str | float) -> int:
    """A whole number above 0.

    >>> positive_int("3"), positive_int(3.14)
    (3, 3)

    Raises:
        ArgumentTypeError: It is something else.
    """
    return _whole(number, 1, "positive")


def nonnegative_int(number: str | float) -> int:
    """A whole number, 0 or above.

    Raises:
        ArgumentTypeError: It is something else.
    """
    return _whole(number, 0, "non-negative")


def _whole(number: str | float, least: int, kind: str) -> int:
    try:
        whole = int(number)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{number!r} is not a {kind} integer") from None
    if whole < least:
        raise ArgumentTypeError(f"{number!r} is not a {kind} integer")
    return whole


def memory_amount(text: str | Memory) -> Memory:
    """An amount of memory; the unit must be there.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        return Memory(text)
    except InvalidValue as err:
        raise ArgumentTypeError(str(err)) from None


def duration_text(text: str) -> str:
    """Text that means a length of time, as it is.

    Raises:
        ArgumentTypeError: It means none.
    """
    try:
        Duration(text)
    except InvalidValue as err:
        raise ArgumentTypeError(str(err)) from None
    return text
