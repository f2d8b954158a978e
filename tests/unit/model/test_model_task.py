import io
import os
import pickle
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import pytest

import gc3libs
from gc3libs.exceptions import DetachedFromControllerError, UnexpectedStateError
from gc3libs.model import Application, FunctionTask, Run, State, Task
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.persistable import Saved


class Engine:
    """Notes what it is asked for; `progress` ends the tasks."""

    def __init__(self):
        self.calls = []
        self.tasks = []

    def __getattr__(self, name):
        if name not in ("submit", "update_job_state", "kill", "free", "fetch_output"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))

    def peek(self, *args, **kwargs):
        self.calls.append(("peek", args, kwargs))
        return io.StringIO("hello")

    def add(self, task):
        if task not in self.tasks:
            self.tasks.append(task)
            task.attach(self)

    def remove(self, task):
        self.tasks.remove(task)
        task.detach()

    def progress(self):
        for task in self.tasks:
            task.execution.returncode = 0
            task.execution.state = State.TERMINATED


def summary(task):
    """What a store would be told of the task."""
    task.persistent_id = task.persistent_id or "Task.1"
    task._saved = task._saved or Saved(MemoryStore(), 0, "uuid", 7, 99.0)
    return task._summarize()


def reloaded(task):
    """The task as a store would load it."""
    told, details = summary(task), task._details()
    state = pickle.loads(pickle.dumps(task.__getstate__()))
    other = type(task).__new__(type(task))
    other.persistent_id = task.persistent_id
    other.__setstate__(state)
    other._restore(told, details)
    return other


# attributes


def test_keywords_become_attributes():
    task = Task(beta=1.5, name="x", persistent_id="Task.9")
    assert (task.beta, task["name"], task.persistent_id) == (1.5, "x", "Task.9")
    assert "beta" in task and "gamma" not in task and "would_output" not in task
    assert task.get("gamma", 0) == 0
    task.update({"gamma": 0.4})
    assert (task.gamma, len(task), sorted(task)) == (0.4, 3, ["beta", "gamma", "name"])
    assert bool(Task())


def test_there_is_no_default_jobname():
    assert not hasattr(Task(), "jobname")
    assert "jobname" not in Application(["true"], [], [], None)
    assert summary(Task()).name == "Task"
    assert summary(Task(jobname="first")).name == "first"


def test_attributes_set_before_the_constructor_survive():
    class Early(Application):
        def __init__(self):
            self.colour = "red"
            self.environment = {"A": 1}
            self.requested_cores = 4
            super().__init__(["true"], [], [], None)

    early = Early()
    assert (early.colour, early.environment, early.requested_cores) == ("red", {"A": "1"}, 4)


def test_names_of_computed_attributes_may_be_used():
    task = Task(digest="mine", output_path="mine")
    assert (task.digest, task.output_path) == ("mine", "mine")
    app = Application(["true"], [], [], None, resources="mine")
    assert app.resources == "mine"


def test_equality_and_hash():
    one, two = Task(x=1), Task(x=1)
    assert one != two
    one.persistent_id = two.persistent_id = "Task.5"
    assert one == two
    assert len({one, two}) == 2
    assert str(one) == "Task.5"
    assert "Task" in str(Task())


def test_setting_an_attribute_is_a_change():
    task = Task(x=1)
    task.changed = False
    task.x = 2
    assert task.changed


def test_own_attribute_names():
    for name in ("execution", "persistent_id", "jobname", "output_dir", "redo", "tags", "keys"):
        assert name in Task.own_attribute_names()
    for name in ("arguments", "inputs", "requested_memory", "stdout"):
        assert name in Application.own_attribute_names()
        assert name not in Task.own_attribute_names()
    assert "result" in FunctionTask.own_attribute_names()
    assert "beta" not in Application.own_attribute_names()


# summaries


def test_parameters_are_the_plain_free_attributes():
    numpy = pytest.importorskip("numpy")
    task = Task(
        z=1, a=0.1, flag=True, nothing=None, word="ä", nan=float("nan"), huge=2**70,
        items=[1], _private=1, jobname="j", output_dir="/tmp/x", broken="\udc80",
        np_float=numpy.float64(1.5), np_int=numpy.int64(3), np_array=numpy.zeros(2),
        state=Run.State.NEW,
    )  # fmt: skip
    assert summary(task).parameters == {
        "z": 1, "a": 0.1, "flag": True, "nothing": None, "word": "ä", "nan": None,
        "np_float": 1.5, "np_int": 3, "state": "NEW",
    }  # fmt: skip


def test_a_new_task_in_short():
    told = summary(Task(jobname="first", tags=["a", "b"], beta=1))
    assert (told.id, told.cls, told.session, told.position) == ("Task.1", "gc3libs:Task", "uuid", 7)
    assert (told.state, told.returncode, told.attempt, told.held) == ("NEW", None, 0, False)
    assert (told.jobname, told.tags, told.created) == ("first", ("a", "b"), 99.0)
    assert told.leaf


def test_an_ended_task_in_short():
    task = Task()
    run = task.execution
    run.resource_name = "local"
    run.start_attempt("t")
    run.finish(
        signal=None, exitcode=1, started=10.0, ended=12.0, cpu_time=1.5, max_memory=7,
        reason="walltime of 2 s",
    )  # fmt: skip
    run.state = State.TERMINATED
    told = summary(task)
    assert (told.state, told.returncode, told.attempt) == ("TERMINATED", 256, 1)
    assert (told.resource, told.info) == ("local", "walltime of 2 s")
    assert (told.started, told.ended, told.cpu_time, told.memory) == (10.0, 12.0, 1.5, 7)
    assert told.changed == run.state_last_changed
    assert told.failed


def test_what_was_given_in_another_form_is_told_in_the_usual_one():
    task = Task(jobname=0, tags=[1, "b"])
    task.tags.append(3)
    task.execution.held = 1
    task.execution.resource_name = 7
    told = summary(task)
    assert (told.jobname, told.tags, told.resource) == ("0", ("1", "b", "3"), "7")
    assert told.held is True
    assert summary(Task(jobname=None)).jobname == ""


def test_info_is_the_last_line_of_history():
    task = Task()
    task.execution.history.append("looked at")
    assert summary(task).info == "looked at"


# keeping


def test_a_task_comes_back():
    task = Task(beta=1.5, items=[1, 2], tags=["a"], jobname="j")
    task.execution.note = "free"
    task.execution.state = State.RUNNING
    task.execution.held = True
    task.execution.start_attempt("t")
    task.attach(Engine())
    other = reloaded(task)
    assert (other.beta, other.items, other.tags, other.jobname) == (1.5, [1, 2], ["a"], "j")
    assert (other.execution.note, other.execution.state) == ("free", "RUNNING")
    assert (other.execution.held, other.execution.attempt) == (True, 1)
    assert other.execution.history.last() == "running"
    assert (other._attached, other.changed) == (False, False)
    other.execution.state = State.TERMINATED
    assert other.changed
    assert other._controller is None


def test_what_the_record_says_wins():
    import msgspec

    task = Task(tags=["old"])
    told = msgspec.structs.replace(
        summary(task), state="TERMINATED", returncode=256, tags=("new",), attempt=5
    )
    other = Task.__new__(Task)
    other.__setstate__(task.__getstate__())
    other._restore(told, b"")
    assert (other.execution.state, other.execution.returncode) == ("TERMINATED", 256)
    assert (other.tags, other.execution.attempt) == (["new"], 5)


def test_the_state_is_plain_and_the_same_after_loading():
    app = Application(
        ["./run", 1], ["/data/run"], ["out"], "out", stdout="log", environment={"A": "b"},
        requested_memory=gc3libs.quantity.Memory("1.5 GB"), tags=["x"],
        requested_walltime=2 * gc3libs.quantity.hours,
    )  # fmt: skip
    saved = pickle.dumps(app.__getstate__())
    assert b"gc3libs" not in saved
    other = reloaded(app)
    assert pickle.dumps(other.__getstate__()) == saved
    looked_at = (
        other.inputs, other.outputs, other.requested_memory, other.requested_walltime,
        other.environment, other.tags,
    )  # fmt: skip
    assert looked_at[2] == gc3libs.quantity.Memory("1.5 GB")
    assert str(looked_at[3]) == str(2 * gc3libs.quantity.hours)
    assert pickle.dumps(other.__getstate__()) == saved


def test_looking_at_a_default_changes_nothing():
    task = Task(x=1)
    before = task.__getstate__()
    assert task.tags == []
    assert task.__getstate__() == before
    task.tags.append("a")
    assert summary(task).tags == ("a",)


def test_the_state_is_a_copy():
    task = Task(x=1)
    del task.__getstate__()["x"]
    assert task.x == 1


def test_slots_of_a_class_of_ones_own():
    other = reloaded(_slotted())
    assert (other.extra, other.x) == ([1], 1)


class Slotted(Task):
    __slots__ = ("extra",)


def _slotted():
    task = Slotted(x=1)
    task.extra = [1]
    return task


# digests


def test_equal_work_has_equal_digests():
    assert Task(a=1, b=2).digest == Task(b=2, a=1).digest
    assert Task(a=1).digest != Task(a=2).digest
    assert Task(a=1).digest != Task(b=1).digest
    assert Task(a=1).digest != Task(a=True).digest
    assert Task(a=float("inf")).digest != Task(a=None).digest
    assert Task(a=[1, 2]).digest != Task(a=[2, 1]).digest
    assert Task(a=Decimal(1)).digest != Task(a=Decimal(2)).digest
    assert Task(jobname="a").digest == Task(jobname="b").digest
    assert Slotted(a=1).digest != Task(a=1).digest


def test_what_is_not_known_has_no_digest():
    assert Task(a=lambda: 1).digest == ""
    assert Task(a=Task()).digest == ""


def test_values_of_other_kinds_count():
    numpy = pytest.importorskip("numpy")
    assert Task(a=numpy.zeros(3)).digest == Task(a=numpy.zeros(3)).digest
    assert Task(a=numpy.zeros(3)).digest != Task(a=numpy.ones(3)).digest
    assert Task(a="\udc80").digest in ("", Task(a="\udc80").digest)


def test_the_digest_of_a_saved_task_stays():
    task = Task(a=1)
    digest = task.digest
    assert summary(task).digest == digest
    task.value = 17  # what it found out
    assert summary(task).digest == task.digest == digest
    assert reloaded(task).digest == digest


def test_digests_are_the_same_in_another_process():
    script = """
        import gc3libs
        app = gc3libs.Application(
            ["./run", 1], {"/data/run": "run"}, ["out"], "out",
            environment={"B": 1, "A": 2}, beta=0.1
        )
        print(gc3libs.Task(a=1, b={"x": {1, 2, 3}, "y": "z"}).digest, app.digest)
    """
    seen = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert len(seen.pop().split()[0]) == 32


# controllers


def test_attaching():
    one, two, task = Engine(), Engine(), Task()
    task.attach(one)
    task.attach(one)
    assert (one.tasks, task._attached) == ([task], True)
    task.attach(two)
    assert (one.tasks, two.tasks) == ([], [task])
    task.detach()
    task.detach()
    assert (two.tasks, task._attached) == ([], False)


def test_a_controller_that_refuses_has_no_task():
    class Refusing(Engine):
        def add(self, task):
            raise RuntimeError("full")

    task = Task()
    with pytest.raises(RuntimeError, match="full"):
        task.attach(Refusing())
    assert not task._attached


def test_a_controller_that_does_not_let_go_is_left():
    task, engine = Task(), Engine()
    task.attach(engine)
    engine.tasks.clear()
    task.detach()
    assert not task._attached


@pytest.mark.parametrize("method", ["submit", "update_state", "kill", "free", "peek"])
def test_without_a_controller(method):
    with pytest.raises(DetachedFromControllerError, match="belongs to no engine"):
        getattr(Task(), method)()
    with pytest.raises(AssertionError):
        getattr(Task(), method)()


def test_with_a_controller():
    task, engine = Task(), Engine()
    task.attach(engine)
    assert task.submit(targets=["a"]) is None
    task.update_state(hard=True)
    task.kill()
    task.free()
    assert task.peek("stderr", offset=3).read() == "hello"
    assert engine.calls == [
        ("submit", (task, False, ["a"]), {}),
        ("update_job_state", (task,), {"hard": True}),
        ("kill", (task,), {}),
        ("free", (task,), {}),
        ("peek", (task, "stderr", 3, None), {}),
    ]


@pytest.mark.parametrize(
    ("state", "call"), [("NEW", "submit"), ("SUBMITTED", "update_job_state"), ("TERMINATED", None)]
)
def test_progress(state, call):
    task, engine = Task(), Engine()
    task.attach(engine)
    task.execution.state = state
    assert task.progress() is None
    assert [name for name, *_ in engine.calls] == ([call] if call else [])


def test_progress_ends_a_task_that_is_terminating():
    task = Task()
    task.execution.returncode = 256
    task.execution.state = State.TERMINATING
    assert task.progress() == 256
    assert task.execution.state == State.TERMINATED


@pytest.mark.parametrize("state", ["STOPPED", "UNKNOWN"])
def test_progress_of_what_needs_a_look(state):
    task = Task()
    task.attach(Engine())
    task.execution.state = state
    with pytest.raises(UnexpectedStateError, match=state):
        task.progress()


@pytest.mark.parametrize("state", ["SUBMITTED", "RUNNING"])
def test_what_runs_is_not_done_again(state):
    task = Task()
    task.execution.state = state
    with pytest.raises(AssertionError, match="kill it"):
        task.redo()
    assert task.execution.state == state


@pytest.mark.parametrize("state", ["NEW", "STOPPED", "TERMINATING", "TERMINATED", "UNKNOWN"])
def test_redo(state):
    task = Task()
    task.execution.start_attempt("t")
    task.execution.returncode = 256
    task.execution.state = state
    lines = len(task.execution.history)
    task.redo()
    assert (task.execution.state, task.execution.returncode) == ("NEW", 256)
    assert len(task.execution.history) >= lines
    assert [each.token for each in task.execution.details.attempts] == ["t"]


def test_wait_gives_the_returncode():
    task = Task()
    task.attach(Engine())
    assert task.wait(interval=0) == 0


def test_fetch_output():
    task = Task(output_dir="out")
    assert task.fetch_output() == "out"
    assert task.execution.state == State.NEW
    task.execution.state = State.TERMINATING
    assert task.fetch_output() is None
    assert (task.execution.state, task.output_dir) == ("TERMINATED", None)


# where the output is


def test_the_output_path_does_not_follow_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = Application(["true"], [], ["x"], "out/1")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert app.output_dir == "out/1"
    assert app.output_path == tmp_path / "out/1"
    assert reloaded(app).output_path == tmp_path / "out/1"
    assert Task().output_path is None
    assert Application(["true"], [], [], "/abs").output_path == Path("/abs")


PLACES = {  # where the outputs are; where they are once the session, and "old", were moved
    "old/out": ("old/out", "new/out"),
    "old/session/out": ("moved/out", "new/session/out"),
    "elsewhere/out": ("elsewhere/out", "elsewhere/out"),
}


@pytest.mark.parametrize("base", ["", "old", "old/session"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("absolute", [True, False])
def test_the_output_path_follows_the_session(tmp_path, monkeypatch, base, place, there, absolute):
    """Alone, then with all that is around it, then both, whether there are outputs or not."""
    (tmp_path / "old" / "session").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / base)
    output_dir = tmp_path / place if absolute else os.path.relpath(tmp_path / place)
    app = Application(["true"], ["a"], ["x"], str(output_dir))
    app._set_home(str(tmp_path / "old/session"))
    if there:
        (tmp_path / place).mkdir()
    assert app.output_path.resolve() == tmp_path / place

    def seen_from(home):
        other = reloaded(app)
        other._set_home(str(tmp_path / home))
        return other.output_path.resolve()

    assert seen_from("old/session") == tmp_path / place
    alone, together = PLACES[place]
    (tmp_path / "old/session").rename(tmp_path / "moved")
    assert seen_from("moved") == tmp_path / alone
    (tmp_path / "moved").rename(tmp_path / "old/session")
    (tmp_path / "old").rename(tmp_path / "new")
    assert seen_from("new/session") == tmp_path / together


def test_a_copys_outputs_are_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "session" / "out").mkdir(parents=True)
    app = Application(["true"], [], ["x"], "session/out")
    app._set_home(str(tmp_path / "session"))
    other = reloaded(app)
    other._set_home(str(tmp_path / "copy"))
    assert other.output_path == tmp_path / "copy/out"


def test_equal_work_at_another_place_has_the_same_digest(tmp_path, monkeypatch):
    digests = set()
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        app = Application(["true"], ["a"], ["x"], "out")
        app._set_home(str(tmp_path / name / "session"))
        digests.add(summary(app).digest)
    assert len(digests) == 1
