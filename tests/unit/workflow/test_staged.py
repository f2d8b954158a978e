"""`StagedTaskCollection`."""

import pytest

from gc3libs.exceptions import InvalidType
from gc3libs.model import Application, State, Task
from gc3libs.workflow import (
    AbortOnError,
    ParallelTaskCollection,
    StagedTaskCollection,
    StopOnError,
)


def app(name, *exits, **extra):
    return Application([name, *exits], [], [], None, jobname=name, **extra)


class Plan(StagedTaskCollection):
    """Gives what it was given for each stage."""

    def __init__(self, *given, **extra):
        self.given = list(given)
        self.called = []
        super().__init__(**extra)

    def _give(self, number):
        self.called.append(number)
        return self.given[number]

    def stage0(self):
        return self._give(0)

    def stage1(self):
        return self._give(1)

    def stage2(self):
        return self._give(2)


class Short(Plan):
    """Has two stages."""

    stage2 = None

    def __getattribute__(self, name):
        if name == "stage2":
            raise AttributeError(name)
        return super().__getattribute__(name)


def test_each_stage_is_called_when_the_one_before_is_over(world):
    plan = Plan(app("a"), app("b", 2), app("c"))
    assert plan.called == [0]
    assert [task.jobname for task in plan.tasks] == ["a"]
    world.engine.add(plan)
    world.until(lambda: len(plan.tasks) == 2)
    assert plan.tasks[0].execution.state is State.TERMINATED
    world.run()
    assert (plan.called, world.started) == ([0, 1, 2], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("given", "returncode", "started"),
    [
        ((app("a", 6), app("b"), app("c")), 0, "abc"),
        ((app("a"), app("b"), app("c", 6)), 6 * 256, "abc"),
        ((app("a"), app("b"), app("c", "9s")), 9 + 255 * 256, "abc"),
        ((app("a", 3), 7), 7 * 256, "a"),
        ((app("a", 3), 0), 0, "a"),
        ((app("a"), (9, 0)), 9, "a"),
        ((app("a"), app("b"), (0, 5)), 5 * 256, "ab"),
        ((4,), 4 * 256, ""),
        (((0, 4),), 4 * 256, ""),
    ],
)
def test_the_return_code_is_that_of_the_last_task_or_as_a_stage_says(
    world, given, returncode, started
):
    plan = Plan(*given)
    world.run(plan)
    assert plan.execution.state is State.TERMINATED
    assert plan.execution.returncode == returncode
    assert world.started == list(started)


def test_the_first_missing_stage_is_the_end(world):
    plan = Short(app("a"), app("b", 3))
    world.run(plan)
    assert (plan.called, plan.execution.returncode) == ([0, 1], 3 * 256)


def test_a_first_stage_that_gives_a_number_is_the_end_at_once():
    plan = Plan(4)
    assert plan.execution.state is State.TERMINATED
    assert plan.tasks == []


@pytest.mark.parametrize("given", [None, "word", True, (1, 2, 3), [1]])
def test_a_first_stage_that_gives_anything_else(given):
    with pytest.raises(InvalidType, match=r"stage0\(\) gave .*: it must give a task, an exit code"):
        Plan(given)
    with pytest.raises(AssertionError):
        Plan(given)


def test_a_later_stage_that_gives_anything_else_ends_it(world):
    plan = Plan(app("a"), "word")
    world.run(plan)
    assert plan.execution.returncode == 70 * 256
    assert "stage1() gave 'word'" in plan.execution.details.reason


class Broken(Plan):
    def stage1(self):
        self.called.append(1)
        return self.no_such_attribute


def test_a_stage_that_raises_ends_it_and_says_why(world):
    plan = Broken(app("a"))
    world.run(plan)
    assert plan.execution.returncode == 70 * 256
    assert "no_such_attribute" in plan.execution.details.traceback
    assert plan.called == [0, 1]


def test_a_stage_may_be_a_collection(world):
    plan = Plan(ParallelTaskCollection([app("a"), app("b", 1)]), app("c"), Short(app("d"), 5))
    world.run(plan)
    assert plan.execution.returncode == 5 * 256
    assert world.started == ["a", "b", "c", "d"]


def test_attributes_are_there_before_the_first_stage():
    class Uses(StagedTaskCollection):
        def stage0(self):
            return app(self.word)

    plan = Uses(word="given", jobname="uses")
    assert (plan.tasks[0].jobname, plan.jobname) == ("given", "uses")


def test_without_a_first_stage():
    with pytest.raises(NotImplementedError, match="has no method stage0"):
        StagedTaskCollection()


def test_redo_from_a_stage_runs_the_tasks_that_are_there_and_goes_on(world):
    plan = Plan(app("a"), app("b", 1, 0), (0, 3))
    world.run(plan)
    plan.given[2] = app("c")
    world.engine.redo(plan, 1)
    world.run()
    assert (world.started, plan.called) == (["a", "b", "b", "c"], [0, 1, 2, 2])
    assert plan.execution.returncode == 0


class AbortPlan(AbortOnError, Plan):
    pass


class StopPlan(StopOnError, Plan):
    pass


@pytest.mark.parametrize(
    ("kind", "state"), [(AbortPlan, State.TERMINATED), (StopPlan, State.STOPPED)]
)
def test_no_stage_is_called_after_an_error(world, kind, state):
    plan = kind(app("a"), app("b", 3), app("c"))
    world.run(plan)
    assert plan.called == [0, 1]
    assert (plan.execution.state, plan.execution.returncode) == (state, 3 * 256)


@pytest.mark.parametrize("kind", [AbortPlan, StopPlan])
def test_all_stages_are_called_without_an_error(world, kind):
    plan = kind(app("a"), app("b"), app("c", 2))
    world.run(plan)
    assert plan.called == [0, 1, 2]
    assert plan.execution.returncode == 2 * 256


def test_it_goes_on_after_a_restart(world):
    plan = Plan(app("a"), app("b"), app("c"))
    world.engine.add(plan)
    world.until(lambda: len(plan.tasks) == 2)
    world.engine.flush()
    plan = world.restart(plan)
    world.run(plan)
    assert (plan.called, world.started) == ([0, 1, 2], ["a", "b", "c"])
    assert all(isinstance(task, Task) for task in plan.tasks)
