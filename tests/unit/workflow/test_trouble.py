"""What happens to collections when something is wrong around them."""

import pytest

from gc3libs.exceptions import StoreUnavailable
from gc3libs.model import Application, State
from gc3libs.persistence.sqlite import SqliteStore
from gc3libs.workflow import (
    DependentTaskCollection,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
)


def lose(world, collection, place):
    """Have the record of one of its tasks vanish, as damage does; gives its ID."""
    id_ = collection.tasks[place].persistent_id
    del world.store._records[int(id_.rpartition(".")[2])]
    return id_


@pytest.mark.parametrize("kind", [ParallelTaskCollection, DependentTaskCollection])
def test_a_task_that_cannot_be_loaded_holds_up_no_other(world, job, kind, caplog):
    collection = kind([job(name) for name in "abc"])
    world.store.save(collection)
    lost = lose(world, collection, 1)
    collection = world.restart(collection)
    world.run(collection)
    assert sorted(world.started) == ["a", "c"]
    assert collection.execution.state is State.UNKNOWN
    assert collection.stats()["UNKNOWN"] == 1
    assert [str(each) for each in collection.tasks][1] == lost
    world.engine.kill(collection)
    world.run()
    assert collection.execution.state is State.UNKNOWN


def test_a_sequence_waits_for_a_task_that_cannot_be_loaded(world, job, caplog):
    sequence = SequentialTaskCollection([job(name) for name in "abc"])
    world.store.save(sequence)
    lost = lose(world, sequence, 1)
    sequence = world.restart(sequence)
    world.run(sequence)
    assert world.started == ["a"]
    assert sequence.execution.state is State.RUNNING
    assert f"has to wait: no object '{lost}'" in caplog.text


class Unlucky(SequentialTaskCollection):
    """Meets a store that does not answer, the first times that it is asked."""

    troubles = 2

    def next(self, done):
        if done == 0:
            self.add(Application(["x"], [], [], None, jobname="added"))
            if self.troubles:
                type(self).troubles -= 1
                raise StoreUnavailable("the disk is full")
        return super().next(done)


def test_trouble_of_the_store_in_next_is_waited_out_and_leaves_nothing(world, job):
    sequence = Unlucky([job("a")])
    world.run(sequence)
    assert world.started == ["a", "added"]
    assert len(sequence.tasks) == 2
    assert sequence.execution.returncode == 0


class BadEnd(ParallelTaskCollection):
    def terminated(self):
        raise ValueError("bad end")


def test_a_terminated_that_raises_ends_the_collection(world, job):
    outer = SequentialTaskCollection([BadEnd([job("a")]), job("b")])
    world.run(outer)
    inner = outer.tasks[0]
    assert (inner.execution.state, inner.execution.returncode) == (State.TERMINATED, 70 * 256)
    assert "ValueError: bad end" in inner.execution.details.traceback
    assert (world.started, outer.execution.returncode) == (["a", "b"], 70 * 256)


class BadKill(ParallelTaskCollection):
    def kill(self, **extra):
        raise ValueError("bad kill")


def test_a_kill_that_raises_ends_the_collection(world, job):
    collection = BadKill([job("a")])
    world.engine.add(collection)
    world.until(lambda: collection.execution.state is State.RUNNING)
    world.engine.kill(collection)
    world.run()
    assert "ValueError: bad kill" in collection.execution.details.traceback


def test_what_somebody_else_writes_meanwhile_is_kept(world, job, tmp_path):
    with SqliteStore(tmp_path / "s.db") as store, SqliteStore(tmp_path / "s.db") as other:
        world.store = store
        world.engine = world.new_engine()
        parallel = ParallelTaskCollection([job("a", seconds=5), RetryableTask(job("b", 1, 0))])
        world.engine.add(parallel)
        world.until(lambda: parallel.execution.state is State.RUNNING)
        world.engine.flush()
        theirs = other.load(parallel.persistent_id)
        theirs.tags = ["mine"]
        other.save(theirs)
        world.run()
        assert parallel.execution.returncode == 0
        other.invalidate_cache()
        again = other.load(parallel.persistent_id)
        assert (again.tags, again.execution.state) == (["mine"], State.TERMINATED)
        world.engine.close()


def test_counts_are_by_the_final_return_code(world, job):
    """Also of collections, whose `terminated` decides it."""
    collections = [SequentialTaskCollection([job(f"j{n}", n % 2)]) for n in range(10)]
    counts = world.run(*collections)
    assert (counts["ok"], counts["failed"], counts["total"]) == (10, 10, 20)
    world.engine.init_counts_for(SequentialTaskCollection)
    assert world.engine.counts(SequentialTaskCollection)["ok"] == 5
