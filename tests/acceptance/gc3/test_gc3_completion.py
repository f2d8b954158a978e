"""Completion, as somebody meets it who types in a shell and presses Tab."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(gc3 completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "source <(gc3 completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "gc3 completion fish | source"),
}


class Typing:
    """A shell on a terminal."""

    def __init__(self, argv: list[str], directory: Path, environment: dict[str, str]) -> None:
        self._fd, terminal = pty.openpty()
        self._shell = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *argv],
            cwd=directory,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self.shown = ""

    def type(self, text: str, *, until: str) -> None:
        """Type, and wait until something new is shown."""
        seen = len(self.shown)
        os.write(self._fd, text.encode())
        deadline = time.monotonic() + PATIENCE
        while until not in self.shown[seen:]:
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"no {until!r} after {text!r}:\n{self.shown}")
            self.shown += os.read(self._fd, 4096).decode(errors="replace")

    def close(self) -> None:
        os.close(self._fd)  # hangs up
        self._shell.wait(timeout=PATIENCE)


@pytest.fixture(params=SHELLS)
def typing(request: Any, flu: Any) -> Iterator[Typing]:
    flu("add", "flu", "--name", "beta=2.5", "--", "true")
    argv, load = SHELLS[request.param]
    if shutil.which(argv[0]) is None:
        if "CI" in os.environ:
            pytest.fail(f"{argv[0]} is missing")
        pytest.skip(f"needs {argv[0]}: apt-get install {argv[0]}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = flu.environment(PATH=path, TERM="xterm", LC_ALL="C.UTF-8")
    typing = Typing(argv, flu.directory, environment)
    try:
        typing.type(f"{load}; echo re''ady\n", until="ready")
        yield typing
    finally:
        typing.close()


def test_tab_completes_commands_sessions_tasks_and_states(typing: Typing) -> None:
    typing.type("gc3 histo\t fl\t 2\t\n", until="terminated: exit 0")
    typing.type("gc3 ls fl\t --state fai\t --ids\n", until="Application.3")
    typing.type("gc3 show fl\t beta=\t\n", until="Application.5")
