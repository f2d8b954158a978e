"""From what `new_tasks` gives to tasks, and what they mean for a session."""

from __future__ import annotations

import pytest

from gc3libs.cmdline._making import Maker, filled_in
from gc3libs.cmdline._plan import Known, Plan
from gc3libs.exceptions import InternalError
from gc3libs.model import Application, Task
from gc3libs.quantity import GB
from gc3libs.workflow import ParallelTaskCollection, RetryableTask

EXTRA = {"output_dir": "/out/NAME", "requested_memory": 2 * GB, "requested_cores": 1}


def maker(*, enforce_memory=True):
    return Maker(dict(EXTRA), "sweep", enforce_memory=enforce_memory)


def app(number=0, output_dir="/out/NAME", **extra):
    return Application(["true", number], [], ["made"], output_dir, **extra)


def made(*items, **options):
    return list(maker(**options).tasks(items))


def test_the_name_comes_in_the_place_of_the_word():
    first, second = made(app(jobname="first"), app(output_dir="/own/NAME", jobname="second"))
    assert first.output_dir == "/out/first"
    assert second.output_dir == "/own/NAME"


def test_a_task_without_a_name_is_numbered_by_its_place():
    _, second = made(app(jobname="first"), app())
    assert second.jobname == "Application-N2"
    assert second.output_dir == "/out/Application-N2"


def test_a_retryable_task_has_a_name_of_its_own_and_shows_its_tasks_directory():
    (task,) = made(RetryableTask(app(jobname="inner")))
    assert task.jobname == "RetryableTask-N1"
    assert task.output_dir == "/out/inner"


def test_tasks_at_any_depth_are_named():
    deep = ParallelTaskCollection([ParallelTaskCollection([app(), app()]), app(jobname="x")])
    (task,) = made(deep)
    below = [each.output_dir for each in task.iter_workflow() if isinstance(each, Application)]
    name = "ParallelTaskCollection-N1"
    assert sorted(below) == [f"/out/{name}-1-1", f"/out/{name}-1-2", "/out/x"]


def test_a_task_that_has_no_outputs_gets_no_directory():
    (task,) = made(Task(jobname="nothing"))
    assert "output_dir" not in task


@pytest.mark.parametrize("enforced", [True, False])
def test_a_default_amount_of_memory_is_not_enforced(enforced):
    default, asked = made(
        app(requested_memory=2 * GB), app(requested_memory=1 * GB), enforce_memory=enforced
    )
    assert default.enforce_memory is enforced
    assert asked.enforce_memory is True


def test_a_tuple_is_completed():
    with pytest.warns(DeprecationWarning, match="give a task"):
        (task,) = made(("by-tuple", Application, [["true"], [], ["made"]], {"beta": 2}))
    assert task.jobname == "by-tuple"
    assert task.output_dir == "/out/by-tuple"
    assert task.requested_memory == 2 * GB
    assert task.beta == 2


def test_anything_else_is_an_error_that_shows_it():
    with pytest.raises(InternalError, match="gave 'nonsense'"):
        made("nonsense")


def test_words_in_paths(monkeypatch, tmp_path):
    here = tmp_path / "NAMES and DATES"
    here.mkdir()
    monkeypatch.chdir(here)
    path = filled_in(f"{here}/NAME", session="/s", name="first")
    assert path == f"{here}/first"
    assert filled_in("SESSION/x", session="/s", name="") == "/s.out/x"


def known(id_, name, digest, **facts):
    return Known(id_, name, digest, facts.get("done", False), facts.get("in_flight", False))


def test_a_plan_tells_new_known_changed_and_orphaned_tasks_apart():
    same, moved, changed, new = made(
        app(1, jobname="same"), app(2, jobname="moved"), app(3, jobname="changed"), app(4)
    )
    plan = Plan(
        [
            known("T.1", "same", same.digest, done=True),
            known("T.2", "another name", moved.digest),
            known("T.3", "changed", "other"),
            known("T.4", "gone", "gone"),
        ],
        [same, moved, changed, new],
    )
    assert [each.id for each in plan.known] == ["T.1", "T.2"]
    assert [(task, former.id) for task, former in plan.changed] == [(changed, "T.3")]
    assert plan.new == [new]
    assert [each.id for each in plan.orphaned] == ["T.4"]
    assert plan.in_words("my flu") == (
        "plan: 1 new · 2 known (1 done) · 1 changed"
        " · 1 no longer made (kept; gc3 rm 'my flu' --orphaned)"
    )


def test_a_name_that_another_task_keeps_is_no_change():
    one, two = made(app(1, jobname="x"), app(2, jobname="x"))
    plan = Plan([known("T.1", "x", one.digest)], [two, one])
    assert plan.new == [two]
    assert plan.changed == []


def test_a_task_whose_work_cannot_be_told_is_known_by_its_name():
    class Odd:
        def __reduce__(self):
            raise TypeError

    (task,) = made(app(odd=Odd(), jobname="odd"))
    assert task.digest == ""
    assert [each.id for each in Plan([known("T.1", "odd", "")], [task]).known] == ["T.1"]


def test_what_runs_is_not_replaced():
    changed, running = made(app(1, jobname="a"), app(2, jobname="b"))
    plan = Plan(
        [known("T.1", "a", "x"), known("T.2", "b", "y", in_flight=True)], [changed, running]
    )
    assert plan.replaceable() == ([changed], ["T.1"])
