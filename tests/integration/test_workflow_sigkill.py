"""A workflow goes on where it was, whenever the process of its engine is killed by SIGKILL."""

from __future__ import annotations

import os
import random
import signal
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from .killable import ClockInFile, Fate, World

LONG = os.environ.get("GC3_FAULTS") == "long"
SHARE = 1 if LONG else 12
"""One of so many steps is tried."""
PARTS = 60 if LONG else 4


def world(directory: Path, *, for_good: bool = False) -> World:
    """The workflow in a directory, as a new process finds it."""
    return World(directory, ClockInFile(directory / "clock"), Fate(for_good=for_good))


def live_apart(directory: Path, steps: int = 0) -> bool:
    """Run the workflow in a process of its own, which dies after so many steps; whether it lived.

    The store is closed and the process ended without any of its code being run.
    """
    pid = os.fork()
    if pid == 0:
        try:
            done = world(directory, for_good=True).live(steps=steps)
            os._exit(0 if done else 3)
        except BaseException:  # noqa: BLE001  # whatever it is, the parent fails
            traceback.print_exc()
            os._exit(1)
    try:
        _, waited = os.waitpid(pid, 0)
    except BaseException:  # the test took too long
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    status = os.waitstatus_to_exitcode(waited)
    assert status in (0, -signal.SIGKILL), status
    return status == 0


def end(directory: Path) -> Any:
    """What has come of it: all that is in the store, and what was started how often."""
    with world(directory) as seen:
        return seen.end(), seen.starts()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What comes of it without kills, and the number of steps."""
    directory = tmp_path_factory.mktemp("undisturbed")
    with world(directory) as calm:
        calm.fate.steps = 0
        assert calm.live()
        assert set(calm.starts().values()) == {1}
        return (calm.end(), calm.starts()), calm.fate.steps


def begin(directory: Path) -> Path:
    """A directory with the workflow that nobody has run yet."""
    directory.mkdir()
    with world(directory):
        return directory


def chosen(steps: int, part: int) -> Iterable[int]:
    """Steps at which the process is killed: all of them, if there is time."""
    return range(1 + part * SHARE, steps + 1, PARTS * SHARE)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_step(part: int, undisturbed: Any, tmp_path: Path) -> None:
    """Fails if `Keeper.save` writes the tasks one by one."""
    expected, steps = undisturbed
    assert steps > 400
    for step in chosen(steps, part):
        directory = begin(tmp_path / str(step))
        assert not live_apart(directory, step), step
        assert live_apart(directory), step
        assert end(directory) == expected, step


@pytest.mark.parametrize("seed", range(60 if LONG else 3))
def test_killed_again_and_again(seed: int, undisturbed: Any, tmp_path: Path) -> None:
    expected, _ = undisturbed
    rng = random.Random(seed)
    directory = begin(tmp_path / "world")
    lives = 1
    while not live_apart(directory, rng.randint(8, 60)):
        lives += 1
    assert lives > 3
    assert end(directory) == expected
