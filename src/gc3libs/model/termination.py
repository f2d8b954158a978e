"""How a job ended: a signal, an exit code, and the number that holds both.

A *returncode* is `exitcode * 256 + signal`, as the system's `wait` has it. Signals above 119 are
not the system's: they say why there is no true exit status.
"""

from __future__ import annotations

import enum
import os
from typing import Any

from gc3libs.exceptions import InvalidArgument

Status = tuple[int | None, int | None]
"""Signal (0 to 127) and exit code (0 to 255), each None if it is not known."""

EX_SOFTWARE = os.EX_SOFTWARE
"""Exit code of a task that ended because the code around it failed."""


class _SignalSet(enum.EnumMeta):
    """Lets the class of signals be asked and indexed by number."""

    def __contains__(cls, number: object) -> bool:
        return isinstance(number, int) and number in cls._value2member_map_

    def __getitem__(cls, number: Any) -> Any:
        try:
            return cls._value2member_map_[int(number)]
        except (KeyError, TypeError, ValueError):
            raise InvalidArgument(
                f"there is no signal {number!r} of gc3libs' own: they go from"
                f" {min(cls._value2member_map_)} to {max(cls._value2member_map_)}"
            ) from None


class Signals(enum.IntEnum, metaclass=_SignalSet):
    """Why a task ended without an exit status of its own.

    >>> Signals.Cancelled == 121, 121 in Signals, Signals[121]
    (True, True, <Signals.Cancelled: 121>)
    """

    Lost = 120
    """It was, or may have been, started; how it ended will never be known."""
    Cancelled = 121
    """Its user ended it."""
    RemoteKill = 122
    """The place where it ran ended it."""
    DataStagingFailure = 123
    """Its input or output files could not be copied."""
    RemoteError = 124
    """The place where it ran failed."""
    SubmissionFailed = 125
    """No backend took it."""


_WORDS = {
    Signals.Lost: "lost",
    Signals.Cancelled: "cancelled",
    Signals.RemoteKill: "ended by its resource",
    Signals.DataStagingFailure: "files not copied",
    Signals.RemoteError: "resource failed",
    Signals.SubmissionFailed: "not submitted",
}


def to_signal(value: Any) -> int | None:
    """The low 7 bits; None stays None."""
    return None if value is None else int(value) & 0x7F


def to_exitcode(value: Any) -> int | None:
    """The low 8 bits, so that -1 is 255; None stays None."""
    return None if value is None else int(value) & 0xFF


def join(signal: int | None, exitcode: int | None) -> int | None:
    """The returncode; None if both are None.

    A missing exit code counts as -1, a missing signal as 0.

    >>> join(0, 1), join(15, None), join(None, None)
    (256, -241, None)
    """
    if signal is None and exitcode is None:
        return None
    return (-1 if exitcode is None else exitcode) * 256 + (signal or 0)


def split(returncode: Any) -> Status:
    """Signal and exit code of a returncode: of None, a pair of both, or a number.

    Of a number, bits 0 to 6 are the signal and bits 8 to 15 the exit code.

    >>> split(256), split(13), split((Signals.Cancelled, -1)), split(None)
    ((0, 1), (13, 0), (121, 255), (None, None))

    Raises:
        InvalidArgument: It is none of these.
    """
    if returncode is None:
        return None, None
    try:
        if isinstance(returncode, tuple | list):
            signal, exitcode = returncode
            return to_signal(signal), to_exitcode(exitcode)
        number = int(returncode)
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"{returncode!r} is no returncode: give None, a pair (signal, exit code), or a number"
        ) from None
    return number & 0x7F, number >> 8 & 0xFF


def restore(returncode: int | None) -> Status:
    """What `join` made this returncode of; a missing signal comes back as 0.

    >>> restore(join(9, None)), restore(join(0, 200))
    ((9, None), (0, 200))
    """
    if returncode is None:
        return None, None
    exitcode, signal = divmod(returncode, 256)
    return signal & 0x7F, None if exitcode < 0 else exitcode


def shellexit_to_returncode(status: int) -> tuple[int, int]:
    """Signal and exit code of what a shell reports; above 128 it means a signal.

    >>> shellexit_to_returncode(137), shellexit_to_returncode(1)
    ((9, -1), (0, 1))
    """
    status &= 0xFF
    return (status - 128, -1) if status > 128 else (0, status)


def words(returncode: int | None) -> str:
    """A returncode for people.

    >>> words(256), words(15), words(0), words(join(Signals.Cancelled, -1)), words(None)
    ('exit 1', 'sig 15', 'exit 0', 'cancelled', 'not known')
    """
    if returncode is None:
        return "not known"
    signal, exitcode = restore(returncode)
    if signal is not None and signal in Signals:
        return _WORDS[Signals(signal)]
    return f"sig {signal}" if signal else f"exit {exitcode}"
