"""What a script says, and with which code it ends, when something goes wrong."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from gc3libs.exceptions import Error, InvalidUsage, StoreUnavailable

STOPPED_EARLY = 13
"""Exit code after Ctrl-C, if nothing is known of the tasks yet."""

_LIBRARY = Path(__file__).parents[1]
_CATCH_NONE = "GC3PIE_NO_CATCH_ERRORS"


def is_to_be_caught() -> bool:
    """Whether errors are turned into a line and an exit code."""
    return not os.environ.get(_CATCH_NONE)


def exit_code(error: BaseException) -> int:
    """The code with which a script ends because of an error.

    >>> from gc3libs.exceptions import InvalidArgument
    >>> exit_code(InvalidUsage("no", do_log=False)), exit_code(InvalidArgument("no"))
    (64, 70)
    """
    codes: tuple[tuple[type[BaseException], int], ...] = (
        (KeyboardInterrupt, STOPPED_EARLY),
        (InvalidUsage, os.EX_USAGE),
        (StoreUnavailable, os.EX_UNAVAILABLE),
        (AssertionError, os.EX_SOFTWARE),
        (OSError, os.EX_IOERR),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), 1)


def described(error: BaseException) -> str:
    """An error in one line: what the library reports as it is, anything else with its place."""
    if isinstance(error, Error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    what = "BUG: " if isinstance(error, AssertionError) else ""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{what}{name}: {text}{_place(error)}" if text else f"{what}{name}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where in the user's code that was; else where in ours."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not Path(each.filename).is_relative_to(_LIBRARY)]
    if not frames:
        return ""
    frame = (theirs or list(frames))[-1]
    return f" ({Path(frame.filename).name}, line {frame.lineno}, in {frame.name})"


def advice(error: BaseException, name: str) -> str:
    """What the user can do, if the error does not say it itself; else nothing."""
    if isinstance(error, InvalidUsage):
        return f"Type `{name} --help` to see how it is used."
    if isinstance(error, Error | OSError | KeyboardInterrupt):
        return ""
    return f"For the whole story: {_CATCH_NONE}=1, or -vv"
