"""Leaving the terminal: the program goes on in a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def detached(log: Path) -> Iterator[tuple[int | None, Callable[[], None]]]:
    """Go on in a new process, that has no terminal; the former one waits until that is ready.

    Gives the new process None and a function that says that it is ready, from when on its output
    goes to the file `log`. Gives the former process 0, or the exit code of a new one that ended
    before. The block is run by both.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with open(reading, "rb") as pipe:  # noqa: PTH123  # a descriptor
            is_ready = bool(pipe.read())
        yield (os.EX_OK if is_ready else _code_of(child)), lambda: None
        return
    os.close(reading)
    os.setsid()

    def ready() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        os.close(output)
        os.close(nothing)
        os.write(writing, b"+")
        os.close(writing)

    yield None, ready


def _code_of(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
