"""`DependentTaskCollection`."""

import random

import pytest

from gc3libs.exceptions import DependencyCycle, InvalidArgument
from gc3libs.model import State
from gc3libs.workflow import DependentTaskCollection, ParallelTaskCollection

CANCELLED = 65401


def assert_in_order(graph):
    """No task has started before all that it comes after had ended."""
    for task in graph.tasks:
        for before in graph.predecessors(task):
            assert task.execution.details.started >= before.execution.details.ended


def test_each_task_starts_when_those_before_it_have_ended(world, job):
    a, b, c, d = (job(name, seconds=n + 1) for n, name in enumerate("abcd"))
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    graph.add(c, after=[a])
    graph.add(d, after=[b, c])
    world.engine.add(graph)
    world.until(lambda: b.execution.state is State.RUNNING)
    assert c.execution.state is State.RUNNING
    assert d.execution.state is State.NEW
    world.run()
    assert world.started == ["a", "b", "c", "d"]
    assert_in_order(graph)
    assert (graph.execution.state, graph.execution.returncode) == ("TERMINATED", 0)


def test_it_does_not_wait_for_whole_layers(world, job):
    slow, quick = job("slow", seconds=20), job("quick")
    after_quick = job("after_quick")
    graph = DependentTaskCollection([slow, quick])
    graph.add(after_quick, after=[quick])
    world.run(graph)
    assert after_quick.execution.details.ended < slow.execution.details.ended


def test_a_failure_does_not_stop_those_that_come_after(world, job):
    a, b = job("a", 3), job("b")
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    world.run(graph)
    assert b.execution.returncode == 0
    assert graph.execution.returncode == 70 * 256


def test_of_nothing_it_is_over_at_once(world):
    graph = DependentTaskCollection()
    world.run(graph)
    assert (graph.execution.state, graph.execution.returncode) == ("TERMINATED", 0)


def test_tasks_may_say_themselves_what_they_come_after(world, job):
    a, b, c = job("a"), job("b"), job("c")
    b.after, a.after = [c], [b]
    graph = DependentTaskCollection([a, b, c])
    world.run(graph)
    assert world.started == ["c", "b", "a"]
    assert graph.predecessors(a) == [b]


def test_before_the_start_tasks_may_come_after_some_that_are_added_later(world, job):
    a, b = job("a"), job("b")
    graph = DependentTaskCollection()
    graph.add(a, after=[b])
    assert graph.predecessors(a) == []
    graph.add(b)
    assert graph.predecessors(a) == [b]
    world.run(graph)
    assert world.started == ["b", "a"]


def test_that_is_remembered_in_the_store(world, job):
    a, b = job("a"), job("b")
    graph = DependentTaskCollection()
    graph.add(a, after=[b])
    graph = world.restart(graph)
    missing = next(each for _, each in graph._missing)
    graph.add(missing)
    world.run(graph)
    assert world.started == ["b", "a"]


def test_one_that_never_comes_is_named(world, job):
    graph = DependentTaskCollection()
    graph.add(job("a"), after=[job("absent")])
    world.run(graph)
    assert graph.execution.returncode == 70 * 256
    assert "absent" in graph.execution.details.reason
    assert world.started == []


def test_a_circle_is_refused_and_its_members_are_named(job):
    a, b, c = job("a"), job("b"), job("c")
    graph = DependentTaskCollection()
    graph.add(a, after=[c])
    graph.add(b, after=[a])
    with pytest.raises(ValueError, match=r"circle: .* c>, which comes after .* b>.* a>") as caught:
        graph.add(c, after=[b])
    assert isinstance(caught.value, DependencyCycle)
    assert [each.partition(" ")[2] for each in caught.value.members] == ["c>", "b>", "a>"]
    assert graph.tasks == [a, b]
    graph.add(c)
    assert graph.predecessors(a) == [c]


def test_a_task_cannot_come_after_itself(job):
    a = job("a")
    graph = DependentTaskCollection()
    with pytest.raises(DependencyCycle, match=r"a>, which comes after .* a>"):
        graph.add(a, after=[a])
    assert graph.tasks == []


def test_a_circle_among_the_first_tasks(job):
    a, b = job("a"), job("b")
    a.after, b.after = [b], [a]
    with pytest.raises(DependencyCycle):
        DependentTaskCollection([a, b])


def test_a_task_is_added_once(job):
    a = job("a")
    graph = DependentTaskCollection([a])
    with pytest.raises(InvalidArgument, match="already"):
        graph.add(a)


def test_who_is_no_task_of_it_has_no_predecessors(job):
    with pytest.raises(InvalidArgument, match="is no task of"):
        DependentTaskCollection().predecessors(job("a"))


def test_tasks_may_be_added_while_it_runs(world, job):
    a, b = job("a"), job("b", seconds=10)
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    world.engine.add(graph)
    world.until(lambda: b.execution.state is State.RUNNING)
    free, bound = job("free"), job("bound")
    graph.add(free, after=[a])
    graph.add(bound, after=[b, free])
    with pytest.raises(InvalidArgument, match=r"absent.* runs already without"):
        graph.add(job("late"), after=[job("absent")])
    world.run()
    assert world.started == ["a", "b", "free", "bound"]
    assert_in_order(graph)


def test_it_goes_on_after_a_restart_loading_what_is_ready(world, job):
    tasks = [job(f"j{n}", seconds=3) for n in range(30)]
    graph = DependentTaskCollection()
    for n, task in enumerate(tasks):
        graph.add(task, after=tasks[max(0, n - 2) : n])
    world.engine.add(graph)
    for count in (5, 12, 20):
        world.until(lambda count=count: len(world.started) == count)
        world.engine.flush()
        graph = world.restart(graph)
        world.engine.add(graph)
    world.engine.progress()
    graph.add(job("last"), after=[graph.tasks[29]])
    world.run()
    assert world.started == [*(f"j{n}" for n in range(30)), "last"]
    assert_in_order(graph)
    assert graph.execution.returncode == 0


def test_taking_a_task_out_lets_others_go(world, job):
    a, b, c = job("a", seconds=50), job("b"), job("c", seconds=3)
    graph = DependentTaskCollection([a, c])
    graph.add(b, after=[a, c])
    world.engine.add(graph)
    world.until(lambda: a.execution.state is State.RUNNING)
    graph.remove(a)
    assert graph.predecessors(b) == [c]
    before = world.clock.now()
    world.run()
    assert world.started == ["a", "c", "b"]
    assert world.clock.now() < before + 20


def test_a_lost_task_that_runs_again_is_waited_for(world, job):
    a, b = job("a", seconds=30, on_loss="rerun"), job("b")
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    world.engine.add(graph)
    world.until(lambda: a.execution.state is State.RUNNING)
    world.backend.lose(a.execution.details.token)
    world.run()
    assert world.started == ["a", "a", "b"]
    assert_in_order(graph)


def test_kill_ends_those_that_wait_too(world, job):
    a, b = job("a", seconds=50), job("b")
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    world.engine.add(graph)
    world.until(lambda: a.execution.state is State.RUNNING)
    world.engine.kill(graph)
    world.run()
    assert [task.execution.returncode for task in (a, b, graph)] == [CANCELLED] * 3
    assert world.started == ["a"]


def test_redo_keeps_the_order(world, job):
    a, b = job("a"), job("b", 1, 0)
    graph = DependentTaskCollection([a])
    graph.add(b, after=[a])
    world.run(graph)
    world.engine.redo(graph)
    world.run()
    assert world.started == ["a", "b", "a", "b"]
    assert graph.execution.returncode == 0
    assert_in_order(graph)


def test_collections_may_wait_for_collections(world, job):
    first = ParallelTaskCollection([job("a"), job("b")])
    second = DependentTaskCollection([job("c")])
    graph = DependentTaskCollection()
    graph.add(second, after=[first])
    graph.add(first)
    world.run(graph)
    assert sorted(world.started[:2]) == ["a", "b"]
    assert world.started[2] == "c"


def test_somebody_may_put_a_task_into_the_list(world, job):
    a, b = job("a", seconds=5), job("b")
    b.after = [a]
    graph = DependentTaskCollection([a])
    world.engine.add(graph)
    world.until(lambda: a.execution.state is State.RUNNING)
    graph.tasks.append(b)
    world.run()
    assert world.started == ["a", "b"]
    assert_in_order(graph)


@pytest.mark.parametrize("seed", range(5))
def test_any_graph_runs_in_order(world, job, seed):
    rng = random.Random(seed)
    tasks = [job(f"j{n}", seconds=rng.randint(1, 5)) for n in range(40)]
    graph = DependentTaskCollection()
    order = list(range(40))
    rng.shuffle(order)
    for n in order:
        before = rng.sample(tasks[:n], k=min(n, rng.randint(0, 4)))
        graph.add(tasks[n], after=before)
    world.run(graph)
    assert sorted(world.started) == sorted(task.jobname for task in tasks)
    assert_in_order(graph)
