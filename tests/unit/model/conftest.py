"""Runs a `Command` as a backend would, without one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gc3libs.model import Command, FunctionTask, State

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_command(tmp_path: Path) -> RunCommand:
    """Runs a command in the directory `tmp_path / "job"`; `blobs` are those of the store."""

    def run(
        command: Command, blobs: Mapping[str, bytes] | None = None
    ) -> subprocess.CompletedProcess[str]:
        directory = tmp_path / "job"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for source, name in command.inputs:
            shutil.copy2(source, directory / name)
        for name, content in command.files:
            (directory / name).write_bytes(content)
        for key, name in command.shared:
            (directory / name).write_bytes((blobs or {})[key])
        if command.executable is not None:
            (directory / command.executable).chmod(0o755)
        stdin = None if command.stdin is None else (directory / command.stdin).read_text()
        return subprocess.run(
            command.argv,
            cwd=directory,
            env={**os.environ, **command.environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def do(run_command: RunCommand, tmp_path: Path) -> Callable[[FunctionTask], str]:
    """Takes a task of a function through its life; gives what its job wrote to standard error."""

    def do(task: FunctionTask) -> str:
        if task.persistent_id is None:
            task.persistent_id = "FunctionTask.1"
        pending = task._pending_blobs or {}
        blobs = {
            k if k.startswith("sha256/") else f"FunctionTask.1/{k}": v for k, v in pending.items()
        }
        command = task.job_spec()
        task.execution.start_attempt("token")
        task.execution.state = State.SUBMITTED
        done = run_command(command, blobs)
        code = done.returncode
        task.execution.finish(
            signal=-code if code < 0 else None, exitcode=code if code >= 0 else None
        )
        task.execution.state = State.TERMINATING
        assert command.outcome is not None
        outcome = tmp_path / "job" / command.outcome
        task.accept_outcome(outcome.read_bytes() if outcome.exists() else None)
        task.execution.state = State.TERMINATED
        return done.stderr

    return do
