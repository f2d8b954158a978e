"""Holding and releasing tasks of collections, while somebody runs them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

SCRIPT = """
import sys
from gc3libs import Application
from gc3libs.session import Session
from gc3libs.workflow import AbortOnError, ParallelTaskCollection, SequentialTaskCollection

def job(name, script=""):
    return Application(["sh", "-c", f"{script} echo {name} >>{sys.argv[2]}"], [], [], None,
                       jobname=name)

class Aborting(AbortOnError, SequentialTaskCollection):
    pass

if __name__ == "__main__":
    wait = f"while test -d {sys.argv[3]}; do sleep 0.05; done;"
    tasks = {
        "chain": lambda: [SequentialTaskCollection([job("a", wait), job("b"), job("c")])],
        "fan": lambda: [ParallelTaskCollection([job("a", wait), *map(job, "bdefgh"), job("c")])],
        "aborting": lambda: [Aborting([job("z", "exit 1;"), job("c")]), job("a", wait)],
    }[sys.argv[1]]()
    with Session("s", store_or_url="sqlite") as session:
        session.add_many(tasks)
"""


STEPS = """
import os
import sys
from gc3libs import Application
from gc3libs.session import Session
from gc3libs.workflow import SequentialTaskCollection, StagedTaskCollection, StopOnError

RAN = os.path.abspath("ran")

def job(name):
    return Application(["sh", "-c", f"echo {name} >>{RAN}"], [], [], None, jobname=name)

class Staged(StagedTaskCollection):
    def stage0(self):
        return job("a")

    def stage1(self):
        return job("b")

class Stopping(StopOnError, SequentialTaskCollection):
    pass

if __name__ == "__main__":
    steps = {
        "staged": Staged,
        "stopping": lambda: Stopping([job("a"), job("b")]),
        "plain": lambda: SequentialTaskCollection([job("a"), job("b")]),
    }[sys.argv[1]]()
    with Session("s", store_or_url="sqlite") as session:
        session.add(steps)
"""


@pytest.fixture
def running(gc3: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session that is run, whose task a runs until `go` is removed; task c waits."""
    gc3.path("go").mkdir()
    gc3.path("tasks.py").write_text(SCRIPT)
    places = [str(gc3.path(name)) for name in ("ran", "go")]
    subprocess.run(
        [sys.executable, "tasks.py", request.param, *places],
        cwd=gc3.directory,
        env=gc3.environment(),
        check=True,
    )
    cores = "2" if request.param == "aborting" else "1"
    process = gc3.start("run", "s", "-q", "-y", "-j", cores, "tasks.py")
    with process:
        try:
            until(lambda: states(gc3)["a"] == "running")
            yield gc3
        finally:
            if gc3.path("go").exists():
                gc3.path("go").rmdir()
            process.communicate(timeout=60)


def states(gc3: Any) -> dict[str, str]:
    return {task["name"]: task["word"] for task in gc3("ls", "s", "--json").json["tasks"]}


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hold_and_release(gc3: Any, undo: bool = False) -> None:
    number = gc3("ls", "s", "--name", "c", "--ids").out.strip()
    gc3("hold", "s", number)
    until(lambda: states(gc3)["c"] == "held")
    gc3(*(("undo", "s") if undo else ("release", "s", number)))
    until(lambda: states(gc3)["c"] == "waiting")


def go(gc3: Any) -> list[str]:
    """Let it come to its end; what has run, in order."""
    gc3.path("go").rmdir()
    until(lambda: gc3("status", "s", "--json").json["runner"] is None)
    return list(gc3.path("ran").read_text().split())


@pytest.mark.parametrize("undo", [False, True], ids=["released", "undone"])
@pytest.mark.parametrize("running", ["chain"], indirect=True)
def test_a_step_that_is_released_waits_for_its_turn(running: Any, undo: bool) -> None:
    hold_and_release(running, undo)
    assert go(running) == ["a", "b", "c"]


@pytest.mark.parametrize("undo", [False, True], ids=["released", "undone"])
@pytest.mark.parametrize("running", ["fan"], indirect=True)
def test_what_is_released_runs_once_and_its_collection_ends(running: Any, undo: bool) -> None:
    hold_and_release(running, undo)
    assert sorted(go(running)) == list("abcdefgh")
    assert set(states(running).values()) == {"done"}


@pytest.mark.parametrize("running", ["aborting"], indirect=True)
def test_what_a_collection_has_left_behind_does_not_run(running: Any) -> None:
    until(lambda: states(running)["z"] == "failed")
    hold_and_release(running)
    assert go(running) == ["a"]
    assert states(running)["c"] == "waiting"


@pytest.mark.parametrize("kind", ["staged", "stopping"])
def test_an_early_step_that_is_retried_runs_before_its_collection_ends(gc3: Any, kind: str) -> None:
    """Fails if a sequence with a `next` of its own only looks at its current task."""
    gc3.path("tasks.py").write_text(STEPS)
    subprocess.run(
        [sys.executable, "tasks.py", kind],
        cwd=gc3.directory,
        env=gc3.environment(),
        check=True,
    )
    gc3("run", "s", "-q", "-y", "tasks.py")
    assert gc3.path("ran").read_text().split() == ["a", "b"]
    gc3("retry", "s", "a", "-y")
    gc3("run", "s", "-q", "-y", "tasks.py")
    assert gc3.path("ran").read_text().split() == ["a", "b", "a"]
    assert states(gc3) == {"a": "done", "b": "done"}


def test_a_kill_that_is_taken_back_wakes_its_collection(gc3: Any) -> None:
    """Fails if only the task itself is as it was before."""
    gc3.path("tasks.py").write_text(STEPS)
    subprocess.run(
        [sys.executable, "tasks.py", "plain"],
        cwd=gc3.directory,
        env=gc3.environment(),
        check=True,
    )
    gc3("kill", "s", "b", "-y")
    gc3("run", "s", "-q", "-y", "tasks.py", code=2)
    assert gc3.path("ran").read_text().split() == ["a"]
    gc3("undo", "s")
    gc3("run", "s", "-q", "-y", "tasks.py")
    assert gc3.path("ran").read_text().split() == ["a", "b"]
    assert states(gc3) == {"a": "done", "b": "done"}
