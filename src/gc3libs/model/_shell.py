"""Arguments that a shell has to expand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_ACTIVE = re.compile(r"[$`]")


def expanded(argv: Sequence[str]) -> tuple[str, ...]:
    """The command that runs `argv` with `$VAR`, `$(...)` and backticks in it expanded.

    Whatever else is in the arguments stands for itself, the result of an expansion is not split,
    and the exit status is the command's own. If there is nothing to expand, no shell is used.

    >>> expanded(["ls", "a b"])
    ('ls', 'a b')
    >>> expanded(["ls", "$HOME/a b", "*"])
    ('/bin/sh', '-c', 'exec ls "$HOME/a b" \\'*\\'')
    """
    if not any(_ACTIVE.search(word) for word in argv):
        return tuple(argv)
    return ("/bin/sh", "-c", f"exec {' '.join(map(_quoted, argv))}")


def _quoted(word: str) -> str:
    if _ACTIVE.search(word) is None:
        return shlex.quote(word)
    parts, position = [], 0
    while position < len(word):
        end = _end_of_substitution(word, position)
        if end > position:
            parts.append(word[position:end])
        else:
            end = position + 1
            char = word[position]
            parts.append(f"\\{char}" if char in '"\\' else char)
        position = end
    return f'"{"".join(parts)}"'


def _end_of_substitution(word: str, start: int) -> int:
    """Where `$(...)`, `${...}` or backticks that begin at `start` end; `start` if none do."""
    if word[start] == "`":
        end = _skip_to(word, start + 1, "`")
    elif word.startswith("$(", start):
        end = _closing(word, start + 2, "(", ")")
    elif word.startswith("${", start):
        end = _closing(word, start + 2, "{", "}")
    else:
        return start
    return start if end < 0 else end


def _closing(word: str, position: int, opening: str, closing: str) -> int:
    """Just behind the bracket that closes one opened before `position`; -1 if there is none."""
    depth = 1
    while position < len(word):
        char = word[position]
        if char == "\\":
            position += 1
        elif char == "'":
            position = word.find("'", position + 1)
        elif char in '"`':
            position = _skip_to(word, position + 1, char) - 1
        elif char in (opening, closing):
            depth += 1 if char == opening else -1
            if depth == 0:
                return position + 1
        if position < 0:
            return -1
        position += 1
    return -1


def _skip_to(word: str, position: int, quote: str) -> int:
    """Just behind the next `quote` that no backslash precedes; -1 if there is none."""
    while position < len(word):
        if word[position] == "\\":
            position += 1
        elif word[position] == quote:
            return position + 1
        position += 1
    return -1
