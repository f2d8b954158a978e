#!/usr/bin/env python3
"""Many functions on a Dask cluster, against what Dask does by itself.

`python benchmarks/engines_dask.py` starts a scheduler and workers of its own, and prints the
figures. Ours remembers each task in a session's store, runs it in a process and a directory of its
own, and knows its CPU time and memory; `client.map` runs all of them in the workers.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from distributed import Client
from tests.services.dask_cluster import Cluster

import gc3libs
from gc3libs.backends.dask import DaskBackend
from gc3libs.config import DaskResource
from gc3libs.engine import Engine
from gc3libs.persistence import make_store
from measuring import Figure, Stopwatch, at_least, in_turns

CORES = len(os.sched_getaffinity(0))


def increase(x: int) -> int:
    """Hardly anything."""
    return x + 1


class Bench:
    """The sizes, and where everything lies."""

    def __init__(self, directory: Path, cluster: Cluster, *, quick: bool) -> None:
        self.directory = directory
        self.cluster = cluster
        self.count = 200 if quick else 10_000
        self.rounds = 1 if quick else 3
        self.cpu: list[float] = []

    def bare(self, number: int, watch: Stopwatch) -> None:
        """Dask alone, from the first call to the last result."""
        with Client(self.cluster.address, set_as_default=False) as client:
            client.gather(client.map(increase, range(2 * CORES), pure=False))
            with watch():
                futures = client.map(increase, range(self.count), pure=False)
                assert client.gather(futures)[-1] == self.count

    def ours(self, number: int, watch: Stopwatch) -> None:
        """Tasks of a store, from the first that is read to the last that is saved."""
        home = self.directory / str(number)
        home.mkdir()
        function = gc3libs.task(increase)
        with make_store(f"sqlite:{home}/store.db") as store, self.backend(home) as backend:
            store.save_many([function.task(x) for x in range(self.count)])
            ids = store.list()
            began = _cpu()
            with watch():
                engine = Engine(backend, store=store)
                engine.feed(ids)
                counts = engine.run()
                engine.close()
            self.cpu.append((_cpu() - began) / self.count * 1000)
            assert counts["ok"] == self.count
            last: gc3libs.FunctionTask = store.load(ids[-1])
            assert last.result == self.count

    @contextmanager
    def backend(self, home: Path) -> Iterator[DaskBackend]:
        """One that has its workers already, as `bare` has."""
        backend = DaskBackend("dask", DaskResource(address=self.cluster.address), home / "run")
        assert backend.capacity.cores == CORES
        yield backend
        backend.close()


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def functions(bench: Bench) -> Figure:
    """Functions a second."""
    ours, bare = in_turns(bench.ours, bench.bare, bench.rounds)
    what = f"{bench.count:,} functions on Dask, {CORES} workers"
    rates = bench.count / ours, bench.count / bare
    return at_least(0.7, what, "bare `client.map`", *rates, "/s")


def main() -> int:
    """Status 0: the target was met, or sizes were small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: see that it runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gc3-bench-") as name:
        cluster = Cluster(Path(name))
        try:
            bench = Bench(Path(name), cluster.start(CORES, 1), quick=options.quick)
            figure = functions(bench)
        finally:
            cluster.close()
    print(
        f"{figure.what}\n    {figure.ours:.0f} {figure.unit}; {figure.floor}:"
        f" {figure.least:.0f} {figure.unit}; {figure.ratio:.2f} x ({figure.target});"
        f" CPU of the engine: {min(bench.cpu):.2f} ms a task"
    )
    return 0 if figure.met or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
