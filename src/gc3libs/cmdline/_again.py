"""The command line that goes on where a script was stopped."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

ONCE = frozenset({"--new-session", "--dry-run", "--rerun-changed", "--update"})
"""Options that are not to be repeated."""

_FLAGS = re.compile(r"-([vN]*N[vN]*)(.*)", re.DOTALL)


def again(typed: Iterable[str], *more: str) -> str:
    """The same command line, without what would begin anew, and with more words at its end.

    >>> again(["python", "sweep.py", "-vN", "-C", "5", "a b"])
    "python sweep.py -v -C 5 'a b'"
    """
    words = []
    for word in typed:
        match = _FLAGS.fullmatch(word)
        if match:
            flags = match[1].replace("N", "") + match[2]
            word = f"-{flags}" if flags else ""
        if word and word not in ONCE:
            words.append(word)
    return shlex.join([*words, *more])
