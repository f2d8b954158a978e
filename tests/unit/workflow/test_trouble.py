"""What happens to collections when something is wrong around them."""

import pytest
from msgspec.structs import replace

from gc3libs.exceptions import StoreUnavailable
from gc3libs.model import Application, State
from gc3libs.persistence.children import Unavailable
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
    assert collection.execution.history.last().startswith(f"cannot read {lost}: gc3 check")
    world.engine.kill(collection)
    world.run()
    assert (collection.execution.state, collection.execution.returncode) == (
        State.TERMINATED,
        65401,
    )


@pytest.mark.parametrize("over", [True, False])
def test_a_task_whose_class_is_gone_counts_as_its_record_says(world, job, over, caplog):
    """Fails if a task that cannot be loaded is always UNKNOWN to its collection."""
    inner = SequentialTaskCollection([job("a", 3)])
    if over:
        world.run(inner)
    outer = ParallelTaskCollection([inner, job("b")])
    world.store.save(outer)
    record = world.store.record(inner.persistent_id)
    world.store.rewrite([replace(record, summary=replace(record.summary, cls="gone:Gone"))])
    outer = world.restart(outer)
    assert isinstance(outer.tasks[0], Unavailable)
    world.run(outer)
    state = State.TERMINATED if over else State.RUNNING
    assert outer.execution.state is state
    assert outer.stats()["failed"] == over


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


class BadUpdate(ParallelTaskCollection):
    """Its update raises while one of its tasks runs."""

    calls = 0
    is_mended = False

    def update_state(self, **extra):
        super().update_state(**extra)
        if self.stats()["RUNNING"] and not self.is_mended:
            self.calls += 1
            raise ValueError("bad update")


@pytest.mark.parametrize("restarted", [False, True])
def test_an_update_that_raises_ends_the_collection_when_its_tasks_have_ended(world, job, restarted):
    """Fails if the collection ends at once: what follows it would begin too early."""
    outer = SequentialTaskCollection([BadUpdate([job(name) for name in "abc"]), job("next")])
    inner = outer.tasks[0]
    world.engine.add(outer)
    world.until(lambda: inner.execution.state is State.RUNNING and inner.calls)
    assert "could not go on: ValueError: bad update" in inner.execution.info
    if restarted:
        outer = world.restart(outer)
        inner = outer.tasks[0]
    world.run(outer)
    assert inner.calls == 1
    assert all(each.execution.returncode == 0 for each in inner.tasks)
    assert (inner.execution.state, inner.execution.returncode) == (State.TERMINATED, 70 * 256)
    assert "ValueError: bad update" in inner.execution.details.traceback
    assert sorted(world.started) == ["a", "b", "c", "next"]
    assert outer.tasks[1].execution.details.started >= max(
        each.execution.details.ended for each in inner.tasks
    )


def test_a_kill_that_raises_ends_the_tasks_too(world, job):
    collection = BadKill([job("a", seconds=1000)])
    world.engine.add(collection)
    world.until(lambda: collection.tasks[0].execution.state is State.RUNNING)
    world.engine.kill(collection)
    world.run()
    assert collection.tasks[0].execution.returncode == 65401
    assert collection.execution.returncode == 70 * 256


def test_a_collection_that_failed_can_be_done_again(world, job):
    collection = BadUpdate([job("a")])
    world.run(collection)
    assert collection.execution.returncode == 70 * 256
    collection.is_mended = True
    collection.redo()
    world.run(collection)
    assert collection.execution.returncode == 0


def test_a_collection_that_failed_goes_on_if_its_record_says_so(world, job):
    """As commands do that know no classes: they set it RUNNING and a task NEW."""
    collection = BadUpdate([job("a")])
    world.run(collection)
    collection.is_mended = True
    for task, state in (collection, "RUNNING"), (collection.tasks[0], "NEW"):
        task.execution.end_attempt()
        task.execution.state = state
    collection = world.restart(collection)
    world.run(collection)
    assert (collection.execution.returncode, world.started) == (0, ["a", "a"])
