"""Finding input files."""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def search(
    paths: Iterable[str], pattern: str | None, log: logging.Logger, *, complete: bool = False
) -> set[str]:
    """The files that are meant by paths of files and directories.

    Args:
        paths: Directories are searched at all depths.
        pattern: As the shell's, for names or whole paths; None: any.
        log: Is told of paths that lead to nothing.
        complete: With a pattern such as `*.inp`, `a` means the file `a.inp`.
    """
    found: set[str] = set()
    suffix = _suffix(pattern) if complete and pattern else None
    for path in paths:
        if Path(path).is_dir():
            found.update(each for each in _files_below(path) if _matches(each, pattern))
        elif Path(path).exists() and _matches(path, pattern):
            found.add(path)
        elif suffix and Path(f"{path}{suffix}").exists():
            found.add(os.path.realpath(f"{path}{suffix}"))
        elif Path(path).exists():
            log.error("%s is left out: it does not match %s", path, pattern)
        else:
            log.error("%s is left out: there is no such file or directory", path)
    return found


def _files_below(directory: str) -> Iterator[str]:
    for parent, _, names in os.walk(directory):
        yield from (os.path.join(parent, name) for name in names)  # noqa: PTH118  # text


def _matches(path: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    return any(fnmatch.fnmatchcase(each, pattern) for each in (Path(path).name, path))


def _suffix(pattern: str) -> str | None:
    """The suffix that a pattern wants, if that is all it wants."""
    rest = pattern.removeprefix("*")
    simple = pattern.startswith("*.") and not set(rest) & set("*?[")
    return rest if simple else None
