"""A desk at which scripts are run as their users run them, each in a process of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.backends.base import JobState
from gc3libs.backends.local import LocalBackend
from gc3libs.session import Session
from gc3libs.testing._backends import wait

TIMEOUT = 120
OVER = (JobState.ENDED, JobState.RETURNED, JobState.LOST)

SQUARES = '''
if __name__ == "__main__":
    import squares
    squares.Squares().run()

from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript


class Square(Application):
    def __init__(self, number, seconds, **extra):
        extra.setdefault("jobname", f"square-{number}")
        command = f"echo $(({number} * {number})); sleep {seconds}; test {number} -ne 13"
        Application.__init__(
            self, ["/bin/sh", "-c", command],
            inputs=[], outputs=[], stdout="out.txt", join=True, number=number, **extra)


class Squares(SessionBasedScript):
    """Square numbers."""
    version = "1.0"

    def setup_args(self):
        self.add_param("numbers", nargs="*", type=int)

    def setup_options(self):
        self.add_param("--seconds", default="0")

    def new_tasks(self, extra):
        print("new_tasks is called")
        for number in self.params.numbers:
            yield Square(number, self.params.seconds, **extra)
'''


class Desk:
    """A directory with scripts, and a home without any configuration."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "desk"
        self.home = directory / "home"
        self.directory.mkdir()
        self.home.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def start(self, script: str, *words: object, **environment: str) -> subprocess.Popen[str]:
        """Run a script; its messages and what it prints go the same way."""
        return subprocess.Popen(
            [sys.executable, script, *map(str, words)],
            cwd=self.directory,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, *words: object, **environment: str) -> Ran:
        process = self.start(script, *words, **environment)
        out, err = process.communicate(timeout=TIMEOUT)
        return Ran(process.returncode, out, err)

    def session(self, name: str) -> Session:
        return Session(self.directory / name, create=False)

    def read(self, path: str) -> str:
        return (self.directory / path).read_text()

    def clear(self) -> None:
        """End what still runs, and wait until nobody is left."""
        for lock in self.directory.glob("*/run/supervisor.lock"):
            backend = LocalBackend(lock.parent, grace=0)
            tokens = backend.tokens()
            backend.cancel(tokens)
            known = backend.adopt(tokens)
            wait(backend, [t for t, report in known.items() if report.state not in OVER])
            backend.free(tokens)
            backend.close()
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)


class Ran:
    """How a script ended, and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"

    def states(self) -> dict[str, int]:
        """The numbers of the summary table."""
        rows = (line.split() for line in self.out.splitlines() if "/" in line and "%)" in line)
        return {name: int(share.partition("/")[0]) for name, share, _ in rows}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clear()


@pytest.fixture
def squares(desk: Desk) -> Desk:
    """A desk with a script as people have written them for years."""
    desk.write("squares.py", SQUARES)
    return desk
