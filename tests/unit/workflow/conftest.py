"""An engine whose jobs do as their command says, at once as far as people can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gc3libs.backends.base import JobSpec
from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.engine import Counts, Engine
from gc3libs.exceptions import MaximumCapacityReached
from gc3libs.model import Application, State, Task
from gc3libs.persistence.memory import MemoryStore
from gc3libs.testing import VirtualClock


def script(spec: JobSpec) -> Outcome:
    """The command's words are exit codes, one for each attempt; `9s` means signal 9."""
    attempt = int(spec.token.rpartition(".")[2])
    words = spec.argv[1:] or ("0",)
    word = words[min(attempt, len(words)) - 1]
    if word.endswith("s"):
        return Outcome(signal=int(word[:-1]))
    seconds = float(spec.environment.get("seconds", "1"))
    return Outcome(exitcode=int(word), duration=seconds, cpu_time=0.5, max_memory=1000)


class World:
    """A store, a backend, a clock, and one engine after the other."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.backend = ScriptedBackend(script, clock=self.clock, cores=4, window=8)
        self.engine = self.new_engine()

    def new_engine(self, **options: Any) -> Engine:
        return Engine(self.backend, store=self.store, clock=self.clock, **options)

    def run(self, *tasks: Task) -> Counts:
        """Take tasks to their end."""
        for task in tasks:
            self.engine.add(task)
        return self.engine.run()

    def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something is true."""
        for _ in range(1000):
            if condition():
                return
            self.engine.progress()
            self.clock.sleep(0.1)
        raise AssertionError("it never came true")

    def restart(self, task: Task) -> Any:
        """Let another process take over: everything is loaded anew. Gives that task."""
        id_ = self.store.save(task)
        self.engine.close()
        self.store.invalidate_cache()
        self.engine = self.new_engine()
        again = self.store.load(id_)
        assert again is not task
        return again

    @property
    def started(self) -> list[str]:
        """Names of the jobs that were started, in order, once for each attempt."""
        names = {each.id: each.jobname for each in self.store.summaries()}
        return [names[token.rpartition(".")[0]] for token in self.backend.starts]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.engine.close()
    world.backend.close()


@pytest.fixture
def job() -> Callable[..., Application]:
    """Makes a job of a name and exit codes, one for each attempt."""

    def make(name: str = "job", *exits: object, seconds: float = 1, **extra: Any) -> Application:
        return Application(
            [name, *exits],
            inputs=[],
            outputs=[],
            output_dir=None,
            jobname=name,
            environment={"seconds": str(seconds)},
            **extra,
        )

    return make


class Hand:
    """A controller that moves tasks only when it is asked to.

    Each question takes a task one state further. `room` is how many more it takes; None: any.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.room: int | None = None

    def add(self, task: Task) -> None:
        self.calls.append(("add", task))

    def remove(self, task: Task) -> None:
        self.calls.append(("remove", task))

    def submit(self, task: Task, resubmit: bool = False, targets: Any = None, **extra: Any) -> None:
        if not task._leaf:
            task.submit(resubmit, targets, **extra)
            return
        if self.room is not None:
            if not self.room:
                raise MaximumCapacityReached("no room")
            self.room -= 1
        self.calls.append(("submit", task))
        task.execution.state = State.SUBMITTED

    def update_job_state(self, *tasks: Task, **extra: Any) -> None:
        following = {State.SUBMITTED: State.RUNNING, State.RUNNING: State.TERMINATING}
        for task in tasks:
            after = following.get(task.execution.state)
            if after is State.TERMINATING:
                words = getattr(task, "arguments", ["", "0"])[1:] or ["0"]
                task.execution.returncode = (0, int(words[0]))
            if after is not None:
                task.execution.state = after

    def fetch_output(self, task: Task, *args: Any, **extra: Any) -> None:
        self.calls.append(("fetch", task, *args))
        task.execution.state = State.TERMINATED

    def kill(self, task: Task, **extra: Any) -> None:
        self.calls.append(("kill", task))
        if not task._leaf:
            task.attach(self)
            task.kill(**extra)
        else:
            task.execution.returncode = (121, -1)
            task.execution.state = State.TERMINATED

    def free(self, task: Task, **extra: Any) -> None:
        self.calls.append(("free", task))

    def peek(self, task: Task, what: str, offset: int, size: int | None, **extra: Any) -> Any:
        self.calls.append(("peek", task, what, offset, size))
        return None


@pytest.fixture
def hand() -> Hand:
    return Hand()
