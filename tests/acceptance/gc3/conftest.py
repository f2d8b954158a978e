"""The command as a user types it: a process of its own, in a directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TIMEOUT = 300


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def command() -> list[str]:
    """The installed `gc3`, or the module where it is not installed."""
    installed = Path(sys.executable).with_name("gc3")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "gc3libs"]


class Gc3:
    """Runs commands in a directory, with a home that has no configuration."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "work"
        self.home = directory / "home"
        self.directory.mkdir()
        self.home.mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GC3", "XDG_", "COLUMNS", "NO_COLOR"))
        }
        return kept | {"HOME": str(self.home), "PYTHONWARNINGS": "error"} | more

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A command that goes on."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [*command(), *words],
            cwd=options.pop("cwd", self.directory),
            env=self.environment(**options.pop("env", {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def try_(self, *words: str, given: str = "", **options: Any) -> Result:
        """A command that may fail."""
        with self.start(*words, stdin=subprocess.PIPE, **options) as process:
            out, err = process.communicate(given, timeout=TIMEOUT)
        return Result(out, err, process.returncode)

    def __call__(self, *words: str, code: int = 0, **options: Any) -> Result:
        """A command that ends with this exit code."""
        result = self.try_(*words, **options)
        assert result.code == code, f"gc3 {' '.join(words)}\n{result.out}\n{result.err}"
        return result

    def path(self, *parts: str) -> Path:
        return self.directory.joinpath(*parts)


@pytest.fixture
def gc3(tmp_path: Path) -> Iterator[Gc3]:
    yield Gc3(tmp_path)


PROGRAM = "echo out {x}; if test {x} -gt 2; then echo 'Fault: at 0x{x}f' >&2; exit 3; fi"


@pytest.fixture
def flu(gc3: Gc3) -> Gc3:
    """A session of four tasks that are over: x=1 and 2 ended well, x=3 and 4 with exit code 3."""
    gc3("new", "flu")
    gc3("add", "flu", "--over", "x=1:4", "--", "sh", "-c", PROGRAM)
    gc3("run", "flu", code=2)
    return gc3
