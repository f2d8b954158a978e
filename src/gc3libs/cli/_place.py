"""Which session is meant, and opening it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gc3libs.cli._exits import CannotDo

if TYPE_CHECKING:
    from gc3libs.session import Session

VARIABLE = "GC3_SESSION"


def is_session(path: str | os.PathLike[str]) -> bool:
    """Whether there is a session in a directory, or something that was one."""
    return os.path.isfile(os.path.join(path, "store.url"))  # noqa: PTH113, PTH118  # hot


def ambient() -> Path | None:
    """The session that `GC3_SESSION` names, or that the current directory is in.

    Raises:
        CannotDo: The variable names something else.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not is_session(named):
            raise CannotDo(f"{VARIABLE} is {named}: there is no session")
        return Path(named)
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if is_session(each)), None)


def find(named: str | None) -> Path:
    """The session that was named, or else the one at hand.

    Raises:
        CannotDo: There is none; says what to do.
    """
    if named is not None:
        if not is_session(named):
            raise _no_session(named)
        return Path(named)
    found = ambient()
    if found is None:
        raise CannotDo(f"no session here. Name one, set {VARIABLE}, or make one: gc3 new NAME")
    return found


def split(named: str | None, words: Sequence[str]) -> tuple[Path, list[str]]:
    """The session, and those of the words that are not its name.

    The first word is the session's name if a session has that name.

    Raises:
        CannotDo: There is no session.
    """
    if named is not None:
        return find(named), list(words)
    if words and words[0] != "-" and is_session(words[0]):
        return Path(words[0]), list(words[1:])
    found = ambient()
    if found is None or (words and _looks_like_a_path(words[0])):
        raise (
            _no_session(words[0])
            if words
            else CannotDo(f"no session here. Name one, set {VARIABLE}, or make one: gc3 new NAME")
        )
    return found, list(words)


def _looks_like_a_path(word: str) -> bool:
    return "/" in word


def _no_session(named: str) -> CannotDo:
    path = Path(named)
    if (path / "session_ids.txt").exists():
        return CannotDo(f"{named} holds a session of GC3Pie, which gc3 cannot read")
    if not path.exists():
        return CannotDo(f"there is no session {named}. To make one: gc3 new {shlex.quote(named)}")
    return CannotDo(f"{named} is no session. Those below a directory: gc3 sessions DIR")


def open_session(path: Path) -> Session:
    """The session in a directory.

    Raises:
        Error: It cannot be opened.
    """
    from gc3libs.session import Session

    return Session(path, create=False)


def shown(path: str | os.PathLike[str]) -> str:
    """A path for use in a command that is shown, the shorter way."""
    text = os.fspath(path)
    below = os.path.relpath(text)
    return shlex.quote(text if below.startswith("..") else below)
