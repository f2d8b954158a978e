"""Programs that put themselves into the background, and are ended in the end."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 60.0
"""Seconds after which something will not happen any more."""


def program(name: str, package: str) -> str:
    """The path of a daemon; where it is not installed the test is skipped, in CI it fails."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no {name}")
        pytest.skip(f"no {name}: apt-get install {package}")
    return path


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that announces itself in no way."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return words.rpartition(")")[2].split()[0] != "Z"


def pid_in(file: Path) -> int | None:
    """The process that a PID file names, if it runs."""
    try:
        pid = int(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if is_alive(pid) else None


def end(file: Path, how: signal.Signals = signal.SIGTERM) -> None:
    """End the process that a PID file names, and wait until it is gone."""
    pid = pid_in(file)
    if pid is not None:
        os.kill(pid, how)
        until(lambda: not is_alive(pid))
    file.unlink(missing_ok=True)
