"""What could come next on a command line: commands, options, sessions, tasks, states."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

from gc3libs.cli._table import COMMANDS
from gc3libs.exceptions import Error

_MOST: Final = 200
_OF_TASKS: Final = frozenset(
    {"ls", "show", "logs", "history", "retry", "kill", "hold", "release", "rm", "tag", "results"}
)


def complete(words: Sequence[str]) -> int:
    """Print what the word that is being typed could become, one a line.

    Args:
        words: The shell; then, for bash, how much of the line is typed, the line, and what bash
            takes for the word; for others the place of that word, and all words of the line, `gc3`
            first.
    """
    try:
        shell, number, *line = words
        split = _split_line if shell == "bash" else _at
        before, typed, known = split(line, int(number))
        found = list(islice(_candidates(before[1:], typed), _MOST))
    except (ValueError, TypeError, Error):
        return 0
    sys.stdout.write("".join(f"{each[known:]}\n" for each in found))
    return 0


def _at(line: Sequence[str], place: int) -> tuple[Sequence[str], str, int]:
    return line[:place], line[place] if place < len(line) else "", 0


def _split_line(line: Sequence[str], point: int) -> tuple[Sequence[str], str, int]:
    """Words before the cursor, the one at it, and how much of that bash takes for other words.

    Bash splits at = and : too, which names of tasks may have in them.
    """
    whole, word = line
    text = whole.encode()[:point].decode(errors="replace")
    words = _words(text)
    typed = "" if text[-1:].isspace() else words.pop()
    of_bash = "" if word in ("=", ":") else word.strip("\"'")
    known = len(typed) - len(of_bash) if typed.endswith(of_bash) else 0
    return words, typed, known


def _words(text: str) -> list[str]:
    """The words of a line as the shell takes it; a quotation may still be open."""
    for end in ("", "'", '"'):
        try:
            return shlex.split(text + end)
        except ValueError:
            continue
    return text.split()


def _candidates(before: Sequence[str], typed: str) -> Iterator[str]:
    if not before:
        return _beginning(COMMANDS, typed)
    name = before[0]
    if name not in COMMANDS or "--" in before:
        return iter(())
    if typed.startswith("-"):
        return _beginning(_options(name), typed)
    values = _values(before[-1], before, typed)
    if values is not None:
        return _beginning(values, typed)
    return _positional(name, before[1:], typed)


def _beginning(found: Iterable[str], typed: str) -> Iterator[str]:
    return (each for each in found if each.startswith(typed))


def _options(name: str) -> list[str]:
    from gc3libs.cli._parser import add_common_options, make_parser

    module: Any = import_module(f"gc3libs.cli.commands.{COMMANDS[name].module}")
    parser = make_parser(name, COMMANDS[name].summary)
    module.arguments(parser, name)
    add_common_options(parser)
    return sorted(option for option in parser._option_string_actions if option.startswith("--"))


def _values(option: str, before: Sequence[str], typed: str) -> Iterable[str] | None:
    """What an option can be given; None if that is not known."""
    if option == "--state":
        from gc3libs.cli._words import WORDS

        return WORDS
    if option in ("--session", "-s"):
        return _directories(typed)
    if option == "--store":
        return ("sqlite", "file")
    if option == "--family":
        return _families(before[1:])
    return None


def _families(words: Sequence[str]) -> list[str]:
    from gc3libs.cli._place import open_session, split
    from gc3libs.cli.commands.failures import families

    path, _ = split(None, [word for word in words if not word.startswith("-")][:1])
    session = open_session(path)
    try:
        return [family.name for family in families(session)]
    finally:
        session.close()


def _positional(name: str, words: Sequence[str], typed: str) -> Iterator[str]:
    from gc3libs.cli._place import ambient, is_session

    if name == "completion":
        return _beginning(("bash", "fish", "zsh"), typed)
    named = next((Path(word) for word in words if is_session(word)), None)
    session = named or ambient()
    if name in _OF_TASKS and session is not None and "/" not in typed:
        tasks = _tasks(session, typed)
        return tasks if named is not None else _both(_directories(typed), tasks)
    return _directories(typed)


def _both(one: Iterator[str], other: Iterator[str]) -> Iterator[str]:
    yield from one
    yield from other


def _directories(typed: str) -> Iterator[str]:
    """Sessions, and directories that may lead to one."""
    from gc3libs.cli._place import is_session

    head, _, tail = typed.rpartition("/")
    top = f"{head}/" if head or typed.startswith("/") else ""
    try:
        names = sorted(os.listdir(top or "."))  # noqa: PTH208  # names, as they were typed
    except OSError:
        return
    for name in names:
        if name.startswith(tail) and (tail or not name.startswith(".")):
            path = f"{top}{name}"
            if is_session(path):
                yield path
            elif Path(path).is_dir():
                yield f"{path}/"


def _tasks(path: Path, typed: str) -> Iterator[str]:
    """Numbers, or IDs, or job names."""
    from gc3libs.cli._place import open_session

    session = open_session(path)
    try:
        if not typed or typed.isdecimal():
            numbers = (id_.rpartition(".")[2] for id_ in session.tasks)
            yield from islice(_beginning(numbers, typed), _MOST)
        else:
            pattern = "".join(f"[{each}]" if each in "*?[" else each for each in typed)
            for summary in islice(session.summaries(jobname=f"{pattern}*"), _MOST):
                yield summary.name
            yield from islice(_beginning(session.tasks, typed), _MOST)
    finally:
        session.close()
