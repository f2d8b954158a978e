"""The tasks of a soak: commands that end in every way, functions, and tasks made of tasks."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import job

from gc3libs import Application, FunctionTask, Task
from gc3libs.quantity import MB, seconds
from gc3libs.workflow import (
    AbortOnError,
    DependentTaskCollection,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
    StagedTaskCollection,
)

_COMMAND = [sys.executable, "-I", "-S", str(Path(job.__file__).absolute())]
_LIMITS: dict[str, dict[str, Any]] = {
    "hanging": {"requested_walltime": 1 * seconds},
    "stubborn": {"requested_walltime": 1 * seconds},
    "hungry": {"requested_memory": 60 * MB},
}
_WEIGHTS = {
    "good": 40,
    "slow": 10,
    "failing": 10,
    "dying": 3,
    "hanging": 2,
    "stubborn": 1,
    "hungry": 2,
    "breeding": 6,
    "binary": 6,
    "broken": 3,
    "third": 3,
}


class Maker:
    """Makes tasks by chance, each with a name of its own that says what it does.

    Args:
        seed: The same tasks for the same seed.
        prefix: Of all names.
        directory: Where outputs go.
    """

    def __init__(self, seed: object, prefix: str, directory: Path) -> None:
        self._chance = random.Random(str(seed))
        self._prefix = prefix
        self._directory = directory
        self._count = 0

    def tasks(self, count: int) -> Iterator[Task]:
        """So many, one in six of which is made of others."""
        makers = [self._any] * 15 + [self._function] * 3 + [self._workflow] * 3
        for _ in range(count):
            yield self._chance.choice(makers)()

    def command(self, kind: str) -> Application:
        """A task that runs `job.py`."""
        name = self._name(kind)
        rerun = {"on_loss": "rerun"} if self._chance.random() < 0.2 else {}
        streams = {"stdout": "out.txt", "join": True} if self._chance.random() < 0.3 else {}
        return Application(
            [*_COMMAND, kind, name],
            inputs=[],
            outputs=["result"],
            output_dir=str(self._directory / name),
            jobname=name,
            kind=kind,
            **_LIMITS.get(kind, {}),
            **rerun,
            **streams,
        )

    def _any(self) -> Application:
        if self._chance.random() < 0.02:
            return self._absent()
        kinds = list(_WEIGHTS)
        return self.command(self._chance.choices(kinds, [_WEIGHTS[each] for each in kinds])[0])

    def _absent(self) -> Application:
        name = self._name("absent")
        return Application(["no-such-command"], [], [], None, jobname=name, kind="absent")

    def _function(self) -> FunctionTask:
        kind = self._chance.choice(("returning", "raising"))
        task = FunctionTask(returning if kind == "returning" else raising, self._count)
        task.jobname, task.kind = self._name(kind), kind
        return task

    def _workflow(self) -> Task:
        shape = self._chance.choice(
            (self._chain, self._fan, self._stages, self._graph, self._retried, self._aborting)
        )
        return shape()

    def _some(self, count: int) -> list[Any]:
        return [self._any() for _ in range(count)]

    def _chain(self) -> Task:
        return SequentialTaskCollection(self._some(3), jobname=self._name("chain"))

    def _fan(self) -> Task:
        children = [*self._some(3), self._chain(), self._retried()]
        return ParallelTaskCollection(children, jobname=self._name("fan"))

    def _stages(self) -> Task:
        prepared = [self.command("good"), self.command("failing")]
        return Stages(jobname=self._name("stages"), prepared=prepared)

    def _graph(self) -> Task:
        graph = DependentTaskCollection(jobname=self._name("graph"))
        top, left, right, bottom = self._some(4)
        graph.add(top)
        graph.add(left, after=[top])
        graph.add(right, after=[top])
        graph.add(bottom, after=[left, right])
        return graph

    def _retried(self) -> Task:
        return RetryableTask(
            self.command("third"), max_retries=3, jobname=self._name("retried"), retry_wait=0.1
        )

    def _aborting(self) -> Task:
        return Aborting(self._some(3), jobname=self._name("aborting"))

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}-{kind}-{self._count}"


class Stages(StagedTaskCollection):
    """Takes its tasks in when it is their turn."""

    prepared: list[Task]

    def stage0(self) -> Task:
        return self.prepared[0]

    def stage1(self) -> Task:
        return self.prepared[1]


class Aborting(AbortOnError, SequentialTaskCollection):
    """Leaves the rest when one has failed."""


def returning(number: int) -> dict[str, int]:
    """Note it, and give a value."""
    job.note("start", number)
    job.note("end", 0)
    return {"square": number * number}


def raising(number: int) -> None:
    """Note it, and fail."""
    job.note("start", number)
    job.note("end", 1)
    raise ZeroDivisionError(number)
