"""What all collections have in common."""

from collections import Counter

import pytest

from gc3libs.exceptions import (
    DetachedFromControllerError,
    InvalidArgument,
    InvalidOperation,
    InvalidType,
    MaximumCapacityReached,
    UnexpectedStateError,
)
from gc3libs.model import Application, State, Task
from gc3libs.workflow import (
    DependentTaskCollection,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
    StagedTaskCollection,
    TaskCollection,
)

COLLECTIONS = [
    TaskCollection,
    SequentialTaskCollection,
    ParallelTaskCollection,
    DependentTaskCollection,
]


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_the_list_of_tasks_is_the_one_that_was_given(kind, job):
    tasks = [job("a")]
    assert kind(tasks).tasks is tasks
    assert list(kind(iter(tasks)).tasks) == tasks


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_other_keywords_become_attributes(kind, job):
    collection = kind([job("a")], jobname="c", beta=1.5, output_dir="out")
    assert (collection.jobname, collection.beta, collection.output_dir) == ("c", 1.5, "out")
    assert not collection.would_output


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_job_name_may_come_first_as_long_ago(kind, job):
    tasks = [job("a")]
    with pytest.warns(DeprecationWarning, match="jobname='name'"):
        collection = kind("name", tasks)
    assert (collection.jobname, collection.tasks) == ("name", tasks)


def test_so_it_may_in_staged_ones(job):
    class Staged(StagedTaskCollection):
        def stage0(self):
            return job(self.jobname)

    with pytest.warns(DeprecationWarning):
        assert Staged("name").tasks[0].jobname == "name"
    with pytest.raises(TypeError, match="keywords only"):
        Staged([job("a")])


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize(
    ("arguments", "error"), [((7,), InvalidType), (([], 7), TypeError), (([], []), TypeError)]
)
def test_what_makes_no_sense_is_refused(kind, arguments, error):
    with pytest.raises(error, match=kind.__name__):
        kind(*arguments)


@pytest.mark.parametrize("call", ["add", "submit", "update_state"])
def test_what_a_class_of_ones_own_has_to_write(call, job, hand):
    collection = TaskCollection([job("a")])
    collection.attach(hand)
    collection.execution.state = "RUNNING" if call == "update_state" else "NEW"
    with pytest.raises(NotImplementedError, match="TaskCollection does not say"):
        getattr(collection, call)(*([job("b")] if call == "add" else []))


@pytest.mark.parametrize("kind", COLLECTIONS[1:])
@pytest.mark.parametrize("call", ["submit", "update_state", "kill"])
def test_without_a_controller_it_says_what_to_do(kind, call, job):
    with pytest.raises(DetachedFromControllerError, match="attach"):
        getattr(kind([job("a")]), call)()


@pytest.mark.parametrize(
    ("codes", "signal", "returncode"),
    [
        ([], None, 0),
        ([(0, 0), (0, 3), (0, 2)], None, 3 * 256),
        ([None, (0, 1)], None, 256),
        ([None, None], None, None),
        ([(0, 3)], 9, 3 * 256 + 9),
        ([(9, None)], None, None),
        ([(15, 255), (0, 1)], None, 255 * 256),
    ],
)
def test_the_exit_code_is_the_highest_of_the_tasks(job, codes, signal, returncode):
    tasks = [job(f"j{n}") for n in range(len(codes))]
    for task, code in zip(tasks, codes, strict=True):
        task.execution.returncode = code
        task.execution.state = State.TERMINATED
    collection = TaskCollection(tasks)
    if signal is not None:
        collection.execution.signal = signal
    collection.execution.state = State.TERMINATED
    assert collection.execution.returncode == returncode


def test_stats_count_the_tasks(world, job):
    tasks = [job("a"), job("b", 2), SequentialTaskCollection([job("c")]), Task()]
    tasks[0].execution.returncode = 0
    tasks[0].execution.state = State.TERMINATED
    tasks[1].execution.state = State.TERMINATED
    tasks[3].execution.state = State.RUNNING
    collection = ParallelTaskCollection(tasks)
    numbers = {"NEW": 1, "RUNNING": 1, "TERMINATED": 2, "ok": 1, "failed": 1, "total": 4}
    assert collection.stats() == numbers
    assert collection.stats()["STOPPED"] == 0
    assert collection.stats(only=Application) == {"TERMINATED": 2, "ok": 1, "failed": 1, "total": 2}
    assert collection.stats(only=(TaskCollection, RetryableTask))["total"] == 1
    assert world.restart(collection).stats() == numbers


def test_going_through_a_workflow(job):
    a, b, c, d, e = (job(name) for name in "abcde")
    tough = RetryableTask(c)
    deep = ParallelTaskCollection([b])
    inner = SequentialTaskCollection([deep, tough])
    last = ParallelTaskCollection([d])
    outer = ParallelTaskCollection([inner, a, last, e])
    assert list(outer.iter_workflow()) == [outer, a, e, inner, tough, deep, b, last, d]
    assert list(outer.iter_tasks()) == [outer, inner, a, last, e]


def test_there_is_nothing_to_peek_at(job):
    with pytest.raises(InvalidOperation, match="peek\\(\\) at one of its tasks"):
        ParallelTaskCollection([job("a")]).peek()


def test_fetching_outputs_by_hand(hand, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    tasks = [Application(["x"], [], ["y"], name) for name in ("one", "two")]
    collection = ParallelTaskCollection(tasks, output_dir="base")
    collection.attach(hand)
    tasks[0].execution.state = State.TERMINATING
    assert collection.fetch_output() == "base"
    assert ("fetch", tasks[0], "base/one", False, True) in hand.calls
    assert collection.execution.state is State.NEW
    tasks[1].execution.state = State.TERMINATING
    assert collection.fetch_output("other", overwrite=True) == "other"
    assert ("fetch", tasks[1], "other/two", True, True) in hand.calls
    assert collection.execution.state is State.TERMINATED
    del collection.output_dir
    assert collection.fetch_output() == str(tmp_path)
    assert "has no output_dir" in caplog.text


def test_freeing_all(hand, job):
    tasks = [job("a"), job("b")]
    collection = ParallelTaskCollection(tasks)
    collection.free()
    collection.attach(hand)
    collection.free()
    assert [call for call in hand.calls if call[0] == "free"] == [("free", each) for each in tasks]


def test_equal_work_has_equal_digests(job):
    def make(*exits, **extra):
        inner = SequentialTaskCollection([job("a", *exits), RetryableTask(job("b"))])
        return ParallelTaskCollection([inner, job("c")], **extra)

    assert make().digest == make().digest != ""
    different = [make(), make(1), make(beta=1), ParallelTaskCollection([job("c")])]
    assert len({each.digest for each in different}) == 4


@pytest.mark.parametrize("kind", COLLECTIONS[1:])
def test_a_task_is_added_once(world, job, kind):
    collection, task = kind([]), job("a")
    collection.add(task)
    with pytest.raises(InvalidArgument, match="already"):
        collection.add(task)
    assert collection.tasks == [task]
    collection.remove(task)
    collection.add(task)
    world.run(collection)
    assert world.started == ["a"]


@pytest.mark.parametrize("kind", [SequentialTaskCollection, ParallelTaskCollection])
def test_a_task_that_is_listed_twice_runs_once(world, job, kind):
    task = job("a")
    collection = kind([task, task, job("b")])
    world.run(collection)
    assert world.started == ["a", "b"]
    assert collection.execution.returncode == 0


@pytest.mark.parametrize(
    "kind", [SequentialTaskCollection, ParallelTaskCollection, DependentTaskCollection]
)
def test_two_collections_may_share_a_task(world, job, kind):
    task = job("a", 3)
    one, two = kind([task]), kind([task, job("b")])
    world.run(one, two)
    assert sorted(world.started) == ["a", "b"]
    assert {one.execution.state, two.execution.state} == {State.TERMINATED}


@pytest.mark.parametrize(
    "kind", [SequentialTaskCollection, ParallelTaskCollection, DependentTaskCollection]
)
@pytest.mark.parametrize("how", ["failed", "killed"])
def test_what_was_over_goes_on_if_its_record_says_so(world, job, kind, how):
    """As commands do that know no classes: they set a collection RUNNING and some tasks NEW."""
    collection = kind([job("a"), job("b", 1, 0, seconds=50), job("c")])
    world.engine.add(collection)
    if how == "killed":
        world.until(lambda: collection.tasks[1].execution.state is State.RUNNING)
        world.engine.kill(collection)
    world.run()
    assert collection.execution.returncode != 0
    again = Counter(each.jobname for each in collection.tasks if each.execution.returncode != 0)
    for task in (collection, *collection.tasks):
        if task.execution.returncode != 0:
            task.execution.end_attempt()
            task.execution.state = "RUNNING" if task is collection else "NEW"
            task.execution.returncode = None
    started = Counter(world.started)
    collection = world.restart(collection)
    world.run(collection)
    assert collection.execution.returncode == 0
    assert Counter(world.started) - started == again


# by hand, without an engine


def until_over(collection, rounds=60):
    seen = []
    for _ in range(rounds):
        code = collection.progress()
        state = str(collection.execution.state)
        if not seen or seen[-1] != state:
            seen.append(state)
        if collection.execution.state is State.TERMINATED:
            assert code == collection.execution.returncode
            return seen
    raise AssertionError("it never ended")


def test_a_sequence_by_hand(hand, job):
    tasks = [job("a"), job("b", 3)]
    sequence = SequentialTaskCollection(tasks)
    sequence.attach(hand)
    seen = until_over(sequence)
    assert [call[1] for call in hand.calls if call[0] == "submit"] == tasks
    assert (seen[-2:], sequence.execution.returncode) == (["RUNNING", "TERMINATED"], 3 * 256)


def test_all_kinds_by_hand(hand, job):
    graph = DependentTaskCollection([job("a")])
    graph.add(job("b"), after=[graph.tasks[0]])
    tough = RetryableTask(job("c", 1), max_retries=2)
    outer = ParallelTaskCollection([graph, SequentialTaskCollection([tough, job("d")])])
    outer.attach(hand)
    until_over(outer)
    assert (tough.execution.returncode, outer.execution.returncode) == (256, 70 * 256)
    submitted = [call[1].jobname for call in hand.calls if call[0] == "submit"]
    assert sorted(submitted) == ["a", "b", "c", "c", "c", "d"]
    assert submitted.index("a") < submitted.index("b")


def test_a_full_controller_is_offered_the_rest_later(hand, job):
    hand.room = 2
    parallel = ParallelTaskCollection([job(name) for name in "abc"])
    parallel.attach(hand)
    parallel.progress()
    assert parallel.tasks[2].execution.state is State.NEW
    hand.room = 5
    until_over(parallel)
    assert parallel.execution.returncode == 0


def test_a_controller_that_takes_nothing_says_so(hand, job):
    hand.room = 0
    parallel = ParallelTaskCollection([job("a")])
    parallel.attach(hand)
    with pytest.raises(MaximumCapacityReached):
        parallel.submit()


@pytest.mark.parametrize("kind", [SequentialTaskCollection, ParallelTaskCollection, RetryableTask])
def test_one_that_needs_a_look_says_so(hand, job, kind):
    task = job("a")
    collection = kind(task if kind is RetryableTask else [task])
    collection.attach(hand)
    collection.progress()
    task.execution.state = State.STOPPED
    with pytest.raises(UnexpectedStateError, match="somebody has to look"):
        collection.progress()
    assert collection.execution.state is State.STOPPED


def test_killing_by_hand(hand, job):
    tasks = [job("a"), job("b"), ParallelTaskCollection([job("c"), job("d")])]
    sequence = SequentialTaskCollection(tasks)
    sequence.attach(hand)
    sequence.progress()
    sequence.kill()
    assert {each.execution.returncode for each in (*tasks, *tasks[2].tasks, sequence)} == {65401}
    assert sequence.progress() is None


def test_detaching_lets_the_tasks_go_too(hand, job):
    parallel = ParallelTaskCollection([job("a"), job("b")])
    parallel.attach(hand)
    parallel.progress()
    parallel.detach()
    assert not any(each._attached for each in (parallel, *parallel.tasks))
    removed = {id(call[1]) for call in hand.calls if call[0] == "remove"}
    assert removed == {id(each) for each in (parallel, *parallel.tasks)}


def test_removing_from_an_engine_lets_the_tasks_go_too(world, job):
    parallel = ParallelTaskCollection([job("a", seconds=9), SequentialTaskCollection([job("b")])])
    world.engine.add(parallel)
    world.until(lambda: parallel.execution.state is State.RUNNING)
    world.engine.remove(parallel)
    assert list(world.engine.iter_tasks()) == []
    world.run(parallel)
    assert world.started == ["a", "b"]


def test_waiting_for_one(hand, job):
    sequence = SequentialTaskCollection([job("a"), job("b", 2)])
    hand.progress = sequence.progress
    sequence.attach(hand)
    assert sequence.wait(interval=0) == 2 * 256


def test_a_task_that_was_removed_from_the_store_and_put_back_is_saved_anew(world, job):
    """Fails if `Batch._refer_to_changed` takes it for the one that was saved before."""
    collection = ParallelTaskCollection([job(name) for name in "abc"])
    world.store.save(collection)
    task = collection.tasks[1]
    former = task.persistent_id
    world.store.remove(former)
    if task not in collection.tasks:
        collection.tasks.insert(1, task)
    collection.changed = True
    world.store.save(collection)
    ids = world.store.children(collection.persistent_id)
    assert ids == [each.persistent_id for each in collection.tasks]
    assert len(ids) == 3 and former not in ids


def test_a_change_in_a_task_is_saved_with_its_collection(world, job):
    collection = ParallelTaskCollection([job(name) for name in "abc"])
    world.store.save(collection)
    for note in ("first", "second"):
        collection.tasks[2].note = note
        world.store.save(collection)
        world.store.invalidate_cache()
        again = world.store.load(collection.persistent_id)
        assert again.tasks[2].note == note


class Private(ParallelTaskCollection):
    """Has attributes of names that a script's author may choose."""

    names = ("_children", "_index", "_jobs", "_size", "_started", "_tasks")

    def __init__(self, tasks):
        for name in self.names:
            setattr(self, name, f"mine: {name}")
        super().__init__(tasks)


def test_attributes_of_the_authors_choice_are_left_alone(world, job):
    collection = Private([job("a"), job("b")])
    world.run(collection)
    assert collection.execution.returncode == 0
    again = world.restart(collection)
    for each in collection, again:
        assert all(getattr(each, name) == f"mine: {name}" for name in Private.names)
    assert [task.jobname for task in again.tasks] == ["a", "b"]
