"""A nested workflow, and the world in which its engine is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gc3libs.backends.base import JobSpec
from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.engine import Engine
from gc3libs.model import Application, State, Task
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.sqlite import SqliteStore
from gc3libs.persistence.store import Store
from gc3libs.quantity import GB
from gc3libs.testing import VirtualClock
from gc3libs.workflow import (
    ChunkedParameterSweep,
    DependentTaskCollection,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
    StagedTaskCollection,
)


class Killed(BaseException):
    """The engine's process is gone, as far as this test is concerned."""


class Fate:
    """Decides after how many steps the engine is killed; 0: never.

    Args:
        for_good: The process is killed; otherwise `Killed` is raised.
    """

    def __init__(self, *, for_good: bool = False) -> None:
        self.left = 0
        self.steps = 0
        self._for_good = for_good

    def step(self) -> None:
        self.steps += 1
        self.left -= 1
        if self.left == 0:
            if self._for_good:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed


class ClockInFile(VirtualClock):
    """Time that goes on, for the next process, where the one before was killed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self._passed = float(path.read_text())

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        later = self._path.with_suffix(".new")
        later.write_text(repr(self._passed))
        later.replace(self._path)


def job(name: str, *exits: object, **extra: Any) -> Application:
    """A job that exits with these codes, one after the other, one for each attempt."""
    command = [name, *(exits or (0,))]
    return Application(command, inputs=[], outputs=[], output_dir=None, jobname=name, **extra)


def script(spec: JobSpec) -> Outcome:
    attempt = int(spec.token.rpartition(".")[2])
    exits = spec.argv[1:]
    said = exits[min(attempt, len(exits)) - 1]
    if said == "memory":
        return Outcome(signal=9, duration=1.0)
    return Outcome(exitcode=int(said), duration=1.0 + len(spec.argv[0]) % 3)


class Loops(SequentialTaskCollection):
    """Goes back once, makes tasks, and writes down what it was asked."""

    def __init__(self, name: str) -> None:
        self.asked: list[int] = []
        super().__init__([job(f"{name}-first"), job(f"{name}-second", 0, 3)], jobname=name)

    def next(self, done: int) -> Any:
        self.asked.append(done)
        if len(self.asked) == 2:
            return 0
        if done == 1:
            self.add(ParallelTaskCollection([job(f"{self.jobname}-{each}") for each in "ab"]))
        if done == 2:
            self.add(job(f"{self.jobname}-last", 5))
            self.tasks[0].note = "seen"
        return State.RUNNING if done < 3 else State.TERMINATED


class Stages(StagedTaskCollection):
    """Makes a task of its own in each stage."""

    def stage0(self) -> Task:
        self.made = ["stage0"]
        return job("stage0")

    def stage1(self) -> Task:
        self.made.append("stage1")
        return RetryableTask(job("stage1", 1, 1, 0), max_retries=5, retry_wait=30)

    def stage2(self) -> Task:
        self.made.append("stage2")
        return Loops("inner")

    def stage3(self) -> tuple[int, int]:
        self.made.append("stage3")
        return (0, 17)


class Sweep(ChunkedParameterSweep):
    """Five jobs, made by and by."""

    def new_task(self, param: int, **extra: Any) -> Task:
        return job(f"sweep{param}", param % 2)


class Tough(RetryableTask):
    """Writes down how its tries ended."""

    def __init__(self, task: Task, **extra: Any) -> None:
        self.ends: list[Any] = []
        super().__init__(task, **extra)

    def retry(self) -> bool:
        self.ends.append(self.task.execution.returncode)
        return super().retry()


class Graph(DependentTaskCollection):
    """A diamond that gets one more task when its bottom has ended."""

    def __init__(self) -> None:
        super().__init__(jobname="graph")
        top, left, right = job("top"), job("left", 2), Tough(job("right", 4, 0), max_retries=2)
        self.add(top)
        self.add(left, after=[top])
        self.add(right, after=[top])
        self.add(Loops("bottom"), after=[left, right])

    def update_state(self, **extra: Any) -> None:
        if len(self.tasks) == 4 and self.tasks[3].execution.state is State.TERMINATED:
            self.add(job("more"), after=[self.tasks[3], self.tasks[0]])
        super().update_state(**extra)


def workflow() -> Task:
    return SequentialTaskCollection(
        [
            job("begin"),
            ParallelTaskCollection(
                [
                    Stages(jobname="stages"),
                    Graph(),
                    Sweep(0, 5, 1, 2, jobname="sweep"),
                    Tough(SequentialTaskCollection([job("x"), job("y", 6, 0)]), max_retries=1),
                    job("plain", 9),
                ]
            ),
            Tough(job("end", 1, 1, 1), max_retries=2, retry_wait=5, requested_memory=1 * GB),
        ],
        jobname="all",
    )


class World:
    """What outlives an engine: the store's content, the backend's jobs, the time.

    Args:
        directory: Store and backend lie there; None: in memory, which is quick.
        clock, fate: If not of this object's own.
    """

    def __init__(
        self,
        directory: Path | None = None,
        clock: VirtualClock | None = None,
        fate: Fate | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.fate = fate or Fate()
        self._directory = directory
        self._memory = MemoryStore()
        self._memory._write = self._stepping(self._memory._write)  # type: ignore[method-assign]
        self._jobs = self._backend(None)
        with self.store() as store:
            self.top = next(iter(store.list()), "") or store.save(workflow())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._jobs.close()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, as a new process sees it."""
        if self._directory is None:
            self._memory.invalidate_cache()
            yield self._memory
        else:
            with SqliteStore(self._directory / "store.db") as store:
                store._write = self._stepping(store._write)  # type: ignore[method-assign]
                yield store

    def backend(self) -> ScriptedBackend:
        """The backend, as a new process sees it."""
        return self._jobs if self._directory is None else self._backend(self._directory / "jobs")

    def _backend(self, directory: Path | None) -> ScriptedBackend:
        backend = ScriptedBackend(script, clock=self.clock, cores=3, window=6, directory=directory)
        for name in ("submit", "poll", "free", "cancel"):
            setattr(backend, name, self._stepping(getattr(backend, name)))
        return backend

    def _stepping(self, call: Any) -> Any:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            self.fate.step()
            result = call(*args, **kwargs)
            self.fate.step()
            return result

        return stepping

    def live(self, steps: int = 0) -> bool:
        """Run an engine until all is over, or until it is killed; whether all is over."""
        with self.store() as store:
            self.fate.left = steps
            top = store.load(self.top)
            if top.execution.state is State.TERMINATED:
                return True
            engine = Engine(self.backend(), store=store, clock=self.clock)
            try:
                engine.feed([self.top])
                engine.run()
                engine.close()
            except Killed:
                return False
            finally:
                self.fate.left = 0
            return True

    def starts(self) -> Counter[tuple[str, int]]:
        """How often each attempt of each job was started, by name."""
        backend = self.backend()
        with self.store() as store:
            names = {each.id: each.jobname for each in store.summaries()}
        found: Counter[tuple[str, int]] = Counter()
        for token, count in backend.starts.items():
            id_, _, attempt = token.rpartition(".")
            found[names[id_], int(attempt)] += count
        return found

    def end(self) -> Any:
        """All that is in the store, from the top, without what differs from time to time."""
        with self.store() as store:
            tree = picture(store.load(self.top))
            return tree, len(store.list())


def picture(task: Task) -> dict[str, Any]:
    run = task.execution
    return {
        "class": type(task).__name__,
        "state": run.state,
        "returncode": run.returncode,
        "attempt": run.attempt,
        "own": {name: task[name] for name in ("asked", "made", "ends", "note") if name in task},
        "attempts": [each.returncode for each in run.details.attempts],
        "children": [picture(each) for each in task._owned() or ()],
    }
