"""Large workflows cost what changes, not what exists."""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from gc3libs.backends.scripted import ScriptedBackend
from gc3libs.engine import Engine
from gc3libs.model import Application, State
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.sqlite import SqliteStore
from gc3libs.testing import VirtualClock
from gc3libs.workflow import (
    ChunkedParameterSweep,
    DependentTaskCollection,
    ParallelTaskCollection,
    SequentialTaskCollection,
)


def tasks(count: int) -> list[Application]:
    return [Application(["x"], [], [], None, jobname=f"j{n}") for n in range(count)]


class Counting:
    """Counts the records that a store reads and writes, by ID."""

    def __init__(self, store):
        self.read: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.related = 0
        self._read, self._write = store._read, store._write
        store._read, store._write = self._count_read, self._count_write

    def _count_read(self, ids):
        self.read.update(ids)
        return self._read(ids)

    def _count_write(self, records, **kwargs):
        self.written.update(record.id for record in records)
        self.related += sum(len(record.children or ()) for record in records)
        self._write(records, **kwargs)

    def clear(self):
        self.read.clear()
        self.written.clear()
        self.related = 0


@pytest.fixture
def backend() -> Iterator[ScriptedBackend]:
    backend = ScriptedBackend(clock=VirtualClock(), cores=16, window=64)
    yield backend
    backend.close()


def engine_on(store, backend) -> Engine:
    return Engine(backend, store=store, clock=backend._clock)


def test_a_collection_of_20000_opens_by_reading_one_record(tmp_path):
    with SqliteStore(tmp_path / "store.db") as store:
        id_ = store.save(ParallelTaskCollection(tasks(20_000)))
    with SqliteStore(tmp_path / "store.db") as store:
        counting = Counting(store)
        parallel = store.load(id_)
        assert counting.read == {id_: 1}
        assert parallel.stats()["NEW"] == 20_000
        assert counting.read == {id_: 1}
        assert parallel.tasks[19_999].jobname == "j19999"
        assert counting.read.total() <= 257


def test_one_tasks_end_rewrites_no_other(backend):
    store = MemoryStore()
    parallel = ParallelTaskCollection(tasks(5_000))
    store.save(parallel)
    counting = Counting(store)
    engine = engine_on(store, backend)
    engine.add(parallel)
    while parallel.stats()["TERMINATED"] < 500:
        engine.progress()
        backend._clock.sleep(0.5)
    engine.flush()
    touched = sum(task.execution.state is not State.NEW for task in parallel.tasks)
    assert len(counting.written) <= touched + 1
    assert counting.written[parallel.persistent_id] <= 3
    assert max(counting.written.values()) <= 5
    assert counting.related == 0
    engine.close()


def test_its_tasks_need_the_memory_of_a_window(backend):
    store = MemoryStore()
    id_ = store.save(ParallelTaskCollection(tasks(4_000)))
    gc.collect()
    store.invalidate_cache()
    engine = engine_on(store, backend)
    engine.feed([id_])
    most = 0

    def look(_: Engine) -> None:
        nonlocal most
        most = max(most, len(store.in_use()))

    counts = engine.run(look)
    assert (counts["ok"], counts["total"]) == (4_001, 4_001)
    assert most < 800
    assert store.load(id_).execution.returncode == 0
    engine.close()


def test_many_collections_are_brought_to_their_end_before_more_are_begun(backend):
    store = MemoryStore()
    ids = [store.save(ParallelTaskCollection(tasks(3))) for _ in range(1_000)]
    gc.collect()
    store.invalidate_cache()
    engine = engine_on(store, backend)
    engine.feed(ids)
    most = 0

    def look(_: Engine) -> None:
        nonlocal most
        most = max(most, len(store.in_use()))

    assert engine.run(look)["ok"] == 4_000
    assert most < 1_800
    engine.close()


def test_killing_loads_those_that_wait_and_ends_them(backend):
    store = MemoryStore()
    id_ = store.save(ParallelTaskCollection(tasks(2_000)))
    gc.collect()
    store.invalidate_cache()
    engine = engine_on(store, backend)
    engine.feed([id_])
    while len(backend.starts) < 100:
        engine.progress()
        backend._clock.sleep(0.5)
    started = len(backend.starts)
    parallel = store.load(id_)
    engine.kill(parallel)
    counts = engine.run()
    assert len(backend.starts) <= started + 64
    assert (parallel.execution.returncode, counts["TERMINATED"]) == (65401, 2_001)
    states = Counter(each.state for each in store.summaries())
    assert states == {"TERMINATED": 2_001}
    engine.close()


def test_a_chain_of_10000_steps(backend):
    store = MemoryStore()
    chain = SequentialTaskCollection(tasks(10_000))
    store.save(chain)
    counting = Counting(store)
    engine = engine_on(store, backend)
    engine.add(chain)
    assert engine.run()["ok"] == 10_001
    assert counting.written[chain.persistent_id] <= 4
    assert list(backend.starts) == [f"{task.persistent_id}.1" for task in chain.tasks]
    engine.close()


def test_a_long_chain_goes_on_where_it_was(backend):
    store = MemoryStore()
    chain = SequentialTaskCollection(tasks(1_500))
    id_ = store.save(chain)
    engine = engine_on(store, backend)
    engine.add(chain)
    while len(backend.starts) < 700:
        engine.progress()
        backend._clock.sleep(1)
    engine.close()
    store.invalidate_cache()
    engine = engine_on(store, backend)
    engine.feed([id_])
    engine.run()
    assert set(backend.starts.values()) == {1}
    assert len(backend.starts) == 1_500
    engine.close()


def test_a_graph_of_2000_nodes(backend):
    rng = random.Random(1)
    nodes = tasks(2_000)
    graph = DependentTaskCollection()
    for n, node in enumerate(nodes):
        graph.add(node, after=rng.sample(nodes[:n], min(n, 3)))
    store = MemoryStore()
    id_ = store.save(graph)
    engine = engine_on(store, backend)
    engine.add(graph)
    while len(backend.starts) < 900:
        engine.progress()
        backend._clock.sleep(1)
    engine.close()
    store.invalidate_cache()
    engine = engine_on(store, backend)
    graph = store.load(id_)
    engine.add(graph)
    engine.run()
    assert graph.execution.returncode == 0
    assert set(backend.starts.values()) == {1}
    for node in graph.tasks:
        for before in graph.predecessors(node):
            assert node.execution.details.started >= before.execution.details.ended
    engine.close()


class Sweep(ChunkedParameterSweep):
    def new_task(self, param, **extra):
        return Application(["x"], [], [], None, param=param)


def test_a_sweep_writes_the_relation_once(backend):
    store = MemoryStore()
    sweep = Sweep(0, 3_000, 1, 100)
    store.save(sweep)
    counting = Counting(store)
    engine = engine_on(store, backend)
    engine.add(sweep)
    engine.run()
    assert len(sweep.tasks) == 3_000
    assert counting.related == 2_900
    engine.close()
