"""Reasons of failures, in words that are the same for the same trouble."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 48
_PLACE: Final = re.compile(r"(?:[\w.~-]*/)+[\w.~+-]*")
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+\b")
_UNIQUE: Final = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12,}\b")
_NUMBER: Final = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")


def family_of(text: str) -> str:
    """A reason without numbers, paths and addresses: the same for the same trouble.

    >>> family_of("cannot read /home/ann/x-17.dat: error 5 at 0x7f01")
    'cannot read …: error # at …'
    """
    text = _ADDRESS.sub("…", _UNIQUE.sub("…", _PLACE.sub("…", text)))
    return _NUMBER.sub("#", text)


def in_short(cause: str) -> str:
    """The name of an exception, or of a limit, is enough; of other texts, the beginning.

    >>> in_short("ZeroDivisionError: float division by zero"), in_short("walltime of # s")
    ('ZeroDivisionError', 'walltime')
    """
    for limit in ("walltime", "memory"):
        if cause.startswith(f"{limit} of "):
            return limit
    head, colon, _ = cause.partition(": ")
    if colon and head.isidentifier():
        return head
    return cause if len(cause) <= _LONGEST else f"{cause[: _LONGEST - 1]}…"
