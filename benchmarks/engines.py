#!/usr/bin/env python3
"""Many tiny tasks on a cluster with Slurm, against what Slurm does by itself.

`python benchmarks/engines.py` starts a Slurm of its own with 64 pretended processors, and prints
the figures.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.services.slurm import Slurm

from gc3libs.backends.batch import BatchBackend
from gc3libs.backends.transport.base import Completed
from gc3libs.backends.transport.local import LocalTransport
from gc3libs.config import SlurmResource
from gc3libs.engine import Engine
from gc3libs.model import Application
from gc3libs.persistence import make_store
from measuring import Figure, Stopwatch, at_least, at_most, in_turns

TRUE = "/bin/true"
PACK = 50


class Counting(LocalTransport):
    """Counts the commands that ask about jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = 0

    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        self.questions += "squeue" in command
        return super().run(command, stdin, timeout)


class Bench:
    """The sizes, and where everything lies."""

    def __init__(self, directory: Path, slurm: Slurm, *, quick: bool) -> None:
        self.directory = directory
        self.slurm = slurm
        self.tasks = 40 if quick else 1000
        self.packed = 100 if quick else 6000
        self.rounds = 1 if quick else 3

    def bare(self, count: int) -> None:
        """As many tasks in one array, and nobody but Slurm."""
        self.slurm.run("sbatch", f"--array=0-{count - 1}", "-o", "/dev/null", "--wrap", TRUE)
        while self.slurm.queue():
            time.sleep(0.2)

    def ours(self, name: str, count: int, pack: int) -> float:
        """As many tasks of a store, run by an engine; seconds of its processor time."""
        place = self.directory / name
        with make_store(f"sqlite:{place}.db") as store:
            store.save_many([Application([TRUE], [], [], None) for _ in range(count)])
            backend = BatchBackend("slurm", SlurmResource(pack=pack), place)
            before = resource.getrusage(resource.RUSAGE_SELF)
            engine = Engine(backend, store=store)
            engine.feed(store.list())
            engine.run()
            used = resource.getrusage(resource.RUSAGE_SELF)
            assert engine.counts()["ok"] == count
            engine.close()
            backend.close()
        return used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime

    def figures(self) -> Iterator[Figure]:
        """All of them."""
        used: list[float] = []
        yield self._throughput("tasks in arrays", self.tasks, 1, 0.8, used)
        yield self._processor_time(used)
        yield self._throughput(f"tasks, {PACK} to a job", self.packed, PACK, 10, [])
        yield self._questions()

    def _throughput(
        self, what: str, count: int, pack: int, least: float, used: list[float]
    ) -> Figure:
        def ours(number: int, watch: Stopwatch) -> None:
            with watch():
                used.append(self.ours(f"{pack}-{number}", count, pack))

        def floor(number: int, watch: Stopwatch) -> None:
            with watch():
                self.bare(self.tasks)

        mine, theirs = in_turns(ours, floor, self.rounds)
        name = f"{count} {what}"
        return at_least(least, name, "sbatch --array", count / mine, self.tasks / theirs, "/s")

    def _processor_time(self, used: list[float]) -> Figure:
        spent = 1000 * sum(used) / (len(used) * self.tasks)
        return at_most(1, "processor time of the engine for a task", "2 ms", spent, 2.0, "ms")

    def _questions(self) -> Figure:
        """How many commands one question about all jobs takes."""
        transport = Counting()
        settings = SlurmResource(poll_every=None)
        backend = BatchBackend("slurm", settings, self.directory / "poll", transport=transport)
        with make_store(f"sqlite:{self.directory}/poll.db") as store:
            tasks = [Application(["sleep", "600"], [], [], None) for _ in range(self.tasks)]
            store.save_many(tasks)
            engine = Engine(backend, store=store, tasks=tasks)
            deadline = time.monotonic() + 60
            while not backend.tokens() and time.monotonic() < deadline:
                engine.progress()
            tokens = backend.tokens()
            assert len(tokens) == self.tasks
            transport.questions = 0
            polls = 0
            while not polls:
                backend.poll(tokens, timeout=20.0)
                polls = transport.questions
            backend.cancel(tokens)
            engine.close()
            backend.close()
        return at_most(1, f"commands to ask about {self.tasks} jobs", "one", polls, 1, "")


@contextmanager
def slurm() -> Iterator[Slurm]:
    """A Slurm whose node pretends to have many processors."""
    made = Slurm(cores=64)
    made.start()
    os.environ.update(made.environment)
    try:
        yield made
    finally:
        made.stop()


def main() -> int:
    """Status 0: all targets met (or `--quick`), 1: some missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: see that it runs")
    quick = parser.parse_args().quick
    directory = Path(tempfile.mkdtemp(prefix="gc3-bench-"))
    missed = 0
    try:
        with slurm() as made:
            for figure in Bench(directory, made, quick=quick).figures():
                verdict = "met" if figure.met else "MISSED"
                print(
                    f"{figure.what}: {figure.ours:.4g} {figure.unit}, {figure.floor}:"
                    f" {figure.least:.4g} {figure.unit}, ratio {figure.ratio:.3g},"
                    f" {figure.target}: {verdict}",
                    flush=True,
                )
                missed += not figure.met
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if missed and not quick else 0


if __name__ == "__main__":
    sys.exit(main())
