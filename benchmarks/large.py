#!/usr/bin/env python3
"""Take campaigns of up to a million tasks from `gc3 add` to `gc3 results`; print how it grows.

    python benchmarks/large.py                   # up to 1,000,000: an hour
    python benchmarks/large.py --most 10000      # a minute

Each phase is a process of its own, so its time and its peak memory include starting Python. Jobs
are run by a backend that ends them at once: what is measured is the library. The exponent says how
processor time grows with the number of tasks N: seconds ~ N ^ exponent, by the two largest sizes;
time on the clock, which neighbours lengthen, stands beside it.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SIZES = (1_000, 10_000, 100_000, 1_000_000)
REAL = 10_000
"""So many are run as real processes, too."""

GROWTH = 1.05
"""Largest exponent that is wanted."""

MEMORY = 400.0
"""Most megabytes that are wanted for the run of a million."""

_GC3 = (sys.executable, "-m", "gc3libs")


class Cost(NamedTuple):
    """What a process took: seconds, those of a processor, and megabytes at its peak."""

    seconds: float
    cpu: float
    memory: float


def cost_of(*command: object) -> Cost:
    """Run a command to its end."""
    began = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words} ended with {process.returncode}: {said.decode()}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - began, cpu, usage.ru_maxrss * 1024 / 1e6)


def apart(procedure: Callable[..., None], *arguments: object) -> Cost:
    """Run a function of this module in a process of its own."""
    return cost_of(sys.executable, __file__, "--child", procedure.__name__, *arguments)


# what is done, in processes of their own


def run_scripted(session: str) -> None:
    """Run a session with jobs that end as soon as they have started."""
    import gc3libs
    from gc3libs.backends.scripted import Outcome, ScriptedBackend
    from gc3libs.session import Session

    class Forgetful(ScriptedBackend):
        """Does not remember for ever how often each job was started, as no real backend does."""

        def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
            super().free(tokens, keep_directory=keep_directory)
            for token in tokens:
                self._state.starts.pop(token, None)

    ended = Outcome(duration=0.0)
    backend = Forgetful(lambda spec: ended, cores=64, window=256)
    with Session(session, create=False) as opened:
        counts = gc3libs.run(opened, backend=backend, quiet=True)
    assert counts["ok"] == counts.total, counts


def add_parallel(session: str, count: str) -> None:
    """Add one collection of so many tasks side by side."""
    from gc3libs.workflow import ParallelTaskCollection

    _add(session, ParallelTaskCollection(_jobs(int(count))))


def add_chain(session: str, count: str) -> None:
    """Add one collection of so many tasks, one after the other."""
    from gc3libs.workflow import SequentialTaskCollection

    _add(session, SequentialTaskCollection(_jobs(int(count))))


def add_graph(session: str, count: str) -> None:
    """Add a graph of so many tasks, each after three that were made shortly before it."""
    from gc3libs.workflow import DependentTaskCollection

    jobs = _jobs(int(count))
    graph = DependentTaskCollection()
    for number, job in enumerate(jobs):
        graph.add(job, after=[jobs[number - back] for back in (1, 7, 50) if number >= back])
    _add(session, graph)


def _jobs(count: int) -> list[Any]:
    from gc3libs import Application

    return [
        Application(["true", number], [], [], None, jobname=f"job-{number}", number=number)
        for number in range(count)
    ]


def _add(session: str, task: Any) -> None:
    from gc3libs.session import Session

    with Session(session, store_or_url="sqlite") as opened:
        opened.add(task)


# phases


def campaign(directory: Path, count: int) -> Iterator[tuple[str, Cost]]:
    """The phases of a campaign of so many tasks, and what each took."""
    session = directory / "session"
    name = ("--name", "run-{x}")
    cost_of(*_GC3, "new", session)
    over = ("--over", f"x=1:{count}")
    yield "gc3 add", cost_of(*_GC3, "add", session, *over, *name, "--", "true", "{x}")
    more = ("--over", "x=0")
    yield "gc3 add, one more", cost_of(*_GC3, "add", session, *more, *name, "--", "true", "{x}")
    yield "gc3 status", cost_of(*_GC3, "status", session)
    yield "run", apart(run_scripted, session)
    yield "gc3 status at the end", cost_of(*_GC3, "status", session)
    yield "gc3 ls, 20 of them", cost_of(*_GC3, "ls", session, "--limit", "20")
    yield "gc3 results", cost_of(*_GC3, "results", session, "-o", directory / "results.csv")
    with (directory / "results.csv").open("rb") as results:
        lines = sum(1 for _ in results)
    assert lines == count + 2, lines


def real(directory: Path, count: int) -> Iterator[tuple[str, Cost]]:
    """The same with processes, by `gc3 run`."""
    session = directory / "real"
    over = ("--over", f"x=1:{count}")
    cost_of(*_GC3, "new", session)
    cost_of(*_GC3, "add", session, *over, "--", "true", "{x}")
    yield "gc3 run, real processes", cost_of(*_GC3, "run", session, "-q", "-j", "2")


def workflow(make: Callable[..., None]) -> Callable[[Path, int], Iterator[tuple[str, Cost]]]:
    """The phases of a session of one collection."""

    def phases(directory: Path, count: int) -> Iterator[tuple[str, Cost]]:
        session = directory / make.__name__
        what = make.__name__.removeprefix("add_")
        yield f"{what}: add", apart(make, session, count)
        yield f"{what}: run", apart(run_scripted, session)
        yield f"{what}: gc3 status", cost_of(*_GC3, "status", session)

    return phases


Phases = Callable[[Path, int], Iterator[tuple[str, Cost]]]

WORKFLOWS: tuple[tuple[Phases, int], ...] = (
    (workflow(add_parallel), 100_000),
    (workflow(add_chain), 10_000),
    (workflow(add_graph), 20_000),
)
"""Collections, and how large each is at the end."""


# the report


class Series:
    """What one phase takes at each size."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.costs: dict[int, Cost] = {}

    @property
    def exponent(self) -> float:
        """How processor time grows, by the two largest sizes; NaN if there is one only."""
        sizes = sorted(self.costs)[-2:]
        if len(sizes) < 2:
            return math.nan
        seconds = [self.costs[each].cpu for each in sizes]
        return math.log(seconds[1] / seconds[0]) / math.log(sizes[1] / sizes[0])

    def row(self, sizes: Sequence[int]) -> str:
        """The line of the table."""
        cells = [_cell(self.costs.get(size), size) for size in sizes]
        largest = self.costs[max(self.costs)]
        return f"| {self.name} | {' | '.join(cells)} | {self.exponent:.2f} | {largest.memory:.0f} |"


def _cell(cost: Cost | None, size: int) -> str:
    if cost is None:
        return ""
    return f"{cost.seconds:.3g} s, CPU {cost.cpu:.3g} s ({size / cost.cpu:,.0f}/s)"


def measured(
    phases: Phases, sizes: Sequence[int], home: Path
) -> tuple[list[Series], dict[int, tuple[int, int]]]:
    """Each phase at each size; and what lay on the disk then: bytes and files."""
    series: dict[str, Series] = {}
    disk = {}
    for size in sizes:
        directory = home / str(size)
        directory.mkdir()
        for name, cost in phases(directory, size):
            series.setdefault(name, Series(name)).costs[size] = cost
            said = f"{cost.seconds:.2f} s, {cost.cpu:.2f} s CPU, {cost.memory:.0f} MB"
            print(f"{size:>9,}  {name}: {said}", flush=True)
        disk[size] = _on_disk(directory)
        subprocess.run(["rm", "-r", str(directory)], check=True)
    return list(series.values()), disk


def _on_disk(directory: Path) -> tuple[int, int]:
    """Bytes and files; looked at from outside, since a child begins with this process's memory."""
    size = files = 0
    command = ["find", str(directory), "-type", "f", "-printf", "%s\\n"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            files += 1
            size += int(line)
    return size, files


def table(series: Sequence[Series], sizes: Sequence[int]) -> str:
    """A Markdown table."""
    head = ["phase", *(f"{size:,}" for size in sizes), "exponent", "MB"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(each.row(sizes) for each in series)])


def missed(series: Sequence[Series]) -> Iterator[str]:
    """The targets that were not met."""
    for each in series:
        if each.exponent > GROWTH:
            yield f"{each.name}: grows with exponent {each.exponent:.2f}, not {GROWTH}"
        if each.name == "run" and each.costs[max(each.costs)].memory > MEMORY:
            yield f"run: {each.costs[max(each.costs)].memory:.0f} MB, not {MEMORY:.0f}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest campaign")
    parser.add_argument("--directory", type=Path, help="on the disk to measure")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Status 0: all targets met, 1: some missed."""
    options = arguments()
    if options.child:
        globals()[options.child[0]](*options.child[1:])
        return 0
    home = Path(tempfile.mkdtemp(prefix="gc3-large-", dir=options.directory))
    try:
        return report(home, options.most)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def report(home: Path, most: int) -> int:
    """Measure and print everything."""
    sizes = [size for size in SIZES if size <= most]
    campaigns, disk = measured(campaign, sizes, home)
    print("\n" + table(campaigns, sizes))
    for size, (bytes_, files) in disk.items():
        print(f"{size:,} tasks: {bytes_ / size:.0f} bytes a task, {files} files")
    everything = list(campaigns)
    for phases, largest in ((real, min(REAL, most)), *WORKFLOWS):
        some = [size for size in (largest // 100, largest // 10, largest) if 10 <= size <= most]
        series, _ = measured(phases, some, home)
        print("\n" + table(series, some))
        everything += series
    failures = list(missed(everything))
    print("\n" + ("\n".join(failures) or "all targets met"))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
