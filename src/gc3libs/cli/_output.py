"""Data on the standard output, messages on the standard error, and questions."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from gc3libs.cli._exits import UsageError

SCHEMA: Final = "gc3/1"
"""Of all that `--json` prints; a change that could break a reader changes the number."""

_STYLES: Final = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "dim": "2",
    "bold": "1",
}


def printable(text: str) -> str:
    """A text that moves no cursor and fits on one line."""
    return "".join(each if each.isprintable() else "?" for each in text)


def write(text: str) -> None:
    """A line, or several, of data."""
    sys.stdout.write(f"{text}\n")


def say(text: str, *, quiet: bool = False) -> None:
    """A message to whoever has typed the command."""
    if not quiet:
        sys.stdout.flush()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def write_json(command: str, session: str | None, **data: Any) -> None:
    """The JSON object that a command prints: schema, command, session, and its data."""
    head: dict[str, Any] = {"schema": SCHEMA, "command": command, "session": session}
    encoded = msgspec.json.encode(head | data)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


def write_json_list(
    command: str, session: str | None, name: str, items: Iterable[Any], **data: Any
) -> None:
    """The same, with a list of any length that is written item by item, one a line."""
    head: dict[str, Any] = {"schema": SCHEMA, "command": command, "session": session, **data}
    start = msgspec.json.encode(head).decode()[:-1]
    sys.stdout.write(f'{start},"{name}":[')
    separator = "\n"
    for item in items:
        sys.stdout.write(separator + msgspec.json.encode(item).decode())
        separator = ",\n"
    sys.stdout.write("\n]}\n")


def iso(moment: float | None) -> str | None:
    """A moment in ISO 8601, local time with its offset; None stays None."""
    if moment is None or not moment:
        return None
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")


def clock(moment: float) -> str:
    """A moment for people: the time if it was today, else the day, too."""
    then, today = time.localtime(moment), time.localtime()
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", then)


# the terminal


def has_colours() -> bool:
    """Whether the standard output is a terminal that shows colours, and nobody objects."""
    return (
        sys.stdout.isatty()
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def styled(text: str, style: str) -> str:
    """The text in a colour, as the terminal wants it."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def width() -> int | None:
    """Columns that a table may take; None: any number, since a program reads it."""
    named = os.environ.get("COLUMNS", "")
    if named.isdigit() and int(named):
        return int(named)
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def is_interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool) -> bool:
    """Ask whether to do it.

    Raises:
        UsageError: There is nobody to ask, and `yes` is not set.
    """
    if yes:
        return True
    if not is_interactive():
        raise UsageError(f"{question} Nobody can be asked: add -y to do it")
    say_without_end(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def say_without_end(text: str) -> None:
    """The beginning of a line on the standard error."""
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()


def plural(number: int, one: str = "task", many: str = "") -> str:
    """A number with its noun.

    >>> plural(1), plural(1200), plural(2, "entry", "entries")
    ('1 task', '1,200 tasks', '2 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
