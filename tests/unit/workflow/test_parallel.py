"""`ParallelTaskCollection` and `ChunkedParameterSweep`."""

import itertools

import pytest

from gc3libs.exceptions import InvalidValue, UnexpectedStateError
from gc3libs.model import Application, State
from gc3libs.workflow import (
    ChunkedParameterSweep,
    ParallelTaskCollection,
    SequentialTaskCollection,
)

CANCELLED = 65401


def test_all_run_at_once(world, job):
    tasks = [job(f"j{n}", seconds=10) for n in range(4)]
    parallel = ParallelTaskCollection(tasks)
    assert parallel.tasks is tasks
    world.engine.add(parallel)
    world.until(lambda: all(task.execution.state is State.RUNNING for task in tasks))
    world.run()
    assert (parallel.execution.state, parallel.execution.returncode) == ("TERMINATED", 0)


def test_of_nothing_it_is_over_at_once(world):
    parallel = ParallelTaskCollection()
    world.run(parallel)
    assert (parallel.execution.state, parallel.execution.returncode) == ("TERMINATED", 0)


@pytest.mark.parametrize(
    ("exits", "returncode"),
    [((0, 0), 0), ((0, 1), 70 * 256), (("9s", 0), 70 * 256), ((3, 4), 70 * 256)],
)
def test_the_return_code_says_whether_all_went_well(world, job, exits, returncode):
    parallel = ParallelTaskCollection([job(f"j{n}", each) for n, each in enumerate(exits)])
    world.run(parallel)
    assert parallel.execution.returncode == returncode


def test_a_return_code_that_is_not_known_is_a_failure(world, job):
    parallel = ParallelTaskCollection([job("a")])
    parallel.attach(world.engine)
    parallel.submit()
    parallel.tasks[0].execution.state = State.TERMINATED
    parallel.update_state()
    assert parallel.execution.returncode == 70 * 256


RULE = ("STOPPED", "UNKNOWN", "RUNNING", "SUBMITTED", "NEW", "TERMINATING", "TERMINATED")


@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(RULE, 2)))
def test_the_state_follows_from_the_tasks(world, job, pair):
    world.engine.can_submit = False
    tasks = [job("a"), job("b")]
    parallel = ParallelTaskCollection(tasks)
    parallel.attach(world.engine)
    parallel.submit()
    for task, state in zip(tasks, pair, strict=True):
        task.execution.returncode = 0
        task.execution.state = state
    parallel.update_state()
    expected = "RUNNING" if pair[0] == "NEW" else pair[0]
    assert parallel.execution.state == expected


def test_it_does_not_go_back_from_running_to_submitted(world, job):
    world.engine.can_submit = False
    tasks = [job("a"), job("b")]
    parallel = ParallelTaskCollection(tasks)
    parallel.attach(world.engine)
    parallel.submit()
    tasks[0].execution.state = State.RUNNING
    parallel.update_state()
    tasks[0].execution.state = State.TERMINATED
    tasks[1].execution.state = State.SUBMITTED
    parallel.update_state()
    assert parallel.execution.state is State.RUNNING


def test_figures_are_those_of_all_tasks_together(world, job):
    tasks = [job(f"j{n}", seconds=3 * n + 1) for n in range(6)]
    parallel = ParallelTaskCollection(tasks)
    world.run(parallel)
    details, theirs = parallel.execution.details, [task.execution.details for task in tasks]
    assert details.started == min(each.started for each in theirs)
    assert details.ended == max(each.ended for each in theirs)
    assert details.duration == details.ended - details.started
    assert details.cpu_time == pytest.approx(6 * 0.5)
    assert details.memory == 1000


def test_tasks_may_be_added_and_taken_out_while_it_runs(world, job):
    parallel = ParallelTaskCollection([job("a", seconds=5), job("b", seconds=5)])
    world.engine.add(parallel)
    world.until(lambda: parallel.execution.state is State.RUNNING)
    gone = parallel.tasks[1]
    parallel.remove(gone)
    assert not gone._attached
    parallel.add(job("late"))
    parallel.tasks.append(job("latest", 3))
    world.run()
    assert sorted(world.started) == ["a", "b", "late", "latest"]
    assert parallel.execution.returncode == 70 * 256
    assert [task.jobname for task in world.restart(parallel).tasks] == ["a", "late", "latest"]


def test_the_list_of_tasks_may_be_replaced(world, job):
    parallel = ParallelTaskCollection([job("a", seconds=3)])
    world.engine.add(parallel)
    world.until(lambda: parallel.execution.state is State.RUNNING)
    parallel.tasks = [*parallel.tasks, job("b")]
    world.run()
    assert (parallel.execution.returncode, world.started) == (0, ["a", "b"])


def test_a_sub_class_may_set_the_tasks_first(world, job):
    class Own(ParallelTaskCollection):
        def __init__(self, tasks, **extra):
            self.tasks = tasks
            super().__init__(**extra)

    own = Own([job("a"), job("b")], word="kept")
    assert ([task.jobname for task in own.tasks], own.word) == (["a", "b"], "kept")


def test_kill_ends_all(world, job):
    tasks = [job("a"), *(job(f"j{n}", seconds=100) for n in range(8))]
    tasks.append(SequentialTaskCollection([job("x", seconds=100), job("y")]))
    parallel = ParallelTaskCollection(tasks)
    world.engine.add(parallel)
    world.until(lambda: tasks[0].execution.state is State.TERMINATED)
    started = len(world.started)
    world.engine.kill(parallel)
    world.run()
    assert [task.execution.returncode for task in tasks] == [0, *[CANCELLED] * 9]
    assert (parallel.execution.state, parallel.execution.returncode) == ("TERMINATED", CANCELLED)
    assert len(world.started) == started


def test_what_is_added_while_it_is_being_killed_does_not_start(world, job):
    parallel = ParallelTaskCollection([job("a", seconds=100)])
    world.engine.add(parallel)
    world.until(lambda: parallel.execution.state is State.RUNNING)
    parallel.kill()
    parallel.add(job("late"))
    world.run()
    assert world.started == ["a"]
    assert parallel.tasks[1].execution.returncode == CANCELLED


def test_redo_does_all_once_more(world, job):
    parallel = ParallelTaskCollection(
        [job("a", 1, 0), SequentialTaskCollection([job("b"), job("c")])]
    )
    world.run(parallel)
    world.engine.redo(parallel)
    assert parallel.execution.state is State.NEW
    world.run()
    assert sorted(world.started) == ["a", "a", "b", "b", "c", "c"]
    assert parallel.execution.returncode == 0
    assert world.engine.counts()["total"] == 5


def test_submit_once_more_is_redo(world, job):
    parallel = ParallelTaskCollection([job("a")])
    world.run(parallel)
    world.engine.submit(parallel, resubmit=True)
    world.run()
    assert world.started == ["a", "a"]


def test_redo_while_it_runs(world, job):
    parallel = ParallelTaskCollection([job("a", seconds=100)])
    world.engine.add(parallel)
    world.until(lambda: parallel.execution.state is State.RUNNING)
    with pytest.raises(UnexpectedStateError):
        parallel.redo()


def test_one_that_is_held_waits(world, job):
    parallel = ParallelTaskCollection([job("a")])
    parallel.execution.held = True
    world.run(parallel)
    assert (world.started, parallel.execution.state) == ([], State.NEW)
    parallel.execution.held = False
    world.engine.stir(parallel)
    world.run()
    assert world.started == ["a"]


# sweeps


class Sweep(ChunkedParameterSweep):
    def new_task(self, param, **extra):
        return Application(
            ["x", *self.exits.get(param, ())], [], [], None, jobname=f"p{param}", param=param
        )

    exits = {}


class Worse(Sweep):
    def new_task(self, param, **extra):
        if param >= self.limit:
            raise ValueError(f"no {param}")
        return super().new_task(param, **extra)

    limit = 4


@pytest.mark.parametrize(
    ("low", "high", "step", "chunk", "first", "all_of"),
    [
        (0, 10, 3, 2, [0, 3], [0, 3, 6, 9]),
        (5, 8, 1, 10, [5, 6, 7], [5, 6, 7]),
        (3, 3, 1, 4, [], []),
        (0, 7, 1, 1, [0], list(range(7))),
    ],
)
def test_a_sweep_makes_a_task_for_each_value(world, low, high, step, chunk, first, all_of):
    sweep = Sweep(low, high, step, chunk, jobname="sweep")
    assert [task.param for task in sweep.tasks] == first
    world.run(sweep)
    assert [task.param for task in sweep.tasks] == all_of
    assert (sweep.execution.returncode, sweep.jobname) == (0, "sweep")


def test_a_sweep_makes_the_next_chunk_when_half_of_one_is_left(world):
    sweep = Sweep(0, 100, 1, 8)
    world.engine.add(sweep)
    most = 0
    while len(sweep.tasks) < 100:
        numbers = sweep.stats()
        active = numbers["NEW"] + numbers["SUBMITTED"] + numbers["RUNNING"]
        most = max(most, active)
        world.engine.progress()
        world.clock.sleep(0.3)
    assert 8 <= most <= 11
    world.run()


def test_the_size_of_chunks_may_be_changed(world):
    sweep = Sweep(0, 100, 1, 1)
    sweep.chunk_size = 50
    world.engine.add(sweep)
    world.engine.progress()
    assert len(sweep.tasks) == 51
    world.run()
    assert len(sweep.tasks) == 100


@pytest.mark.parametrize(("step", "chunk", "name"), [(0, 1, "step"), (1, 0, "chunk_size")])
def test_numbers_that_make_no_sense(step, chunk, name):
    with pytest.raises(InvalidValue, match=f"Sweep: {name}=0 must be at least 1"):
        Sweep(0, 10, step, chunk)


def test_a_sweep_without_new_task():
    with pytest.raises(NotImplementedError, match="has no method new_task"):
        ChunkedParameterSweep(0, 1, 1, 1)


def test_if_new_task_raises_what_there_is_is_done_first(world):
    sweep = Worse(0, 10, 1, 2)
    world.run(sweep)
    assert [task.execution.returncode for task in sweep.tasks] == [0] * 4
    assert sweep.execution.returncode == 70 * 256
    assert "new_task(4) raised: ValueError: no 4" in sweep.execution.details.reason
    assert "ValueError: no 4" in sweep.execution.details.traceback
    Worse.limit = 99
    try:
        world.engine.redo(sweep)
        world.run()
    finally:
        Worse.limit = 4
    assert (len(sweep.tasks), sweep.execution.returncode) == (10, 0)


def test_a_killed_sweep_makes_no_more(world):
    sweep = Sweep(0, 100, 1, 4)
    world.engine.add(sweep)
    world.until(lambda: sweep.execution.state is State.RUNNING)
    count = len(sweep.tasks)
    world.engine.kill(sweep)
    world.run()
    assert (len(sweep.tasks), sweep.execution.returncode) == (count, CANCELLED)


def test_a_sweep_goes_on_after_a_restart(world):
    sweep = Sweep(0, 20, 1, 4)
    world.engine.add(sweep)
    world.until(lambda: len(sweep.tasks) > 8)
    world.engine.flush()
    sweep = world.restart(sweep)
    world.run(sweep)
    assert [task.param for task in sweep.tasks] == list(range(20))
    assert len(world.started) == 20
    assert len(world.store.list()) == 21
