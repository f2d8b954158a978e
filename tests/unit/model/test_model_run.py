import copy
import gc
import pickle
import weakref

import pytest

from gc3libs import events
from gc3libs.exceptions import InvalidType
from gc3libs.model import Run, RunDetails, State, Task, encode_details
from gc3libs.persistence.record import Summary
from gc3libs.quantity import Duration, Memory


class Watched(Task):
    def __init__(self, **extra):
        self.seen = []
        super().__init__(**extra)

    def _note(self, hook):
        self.seen.append((hook, str(self.execution.state)))

    def submitted(self):
        self._note("submitted")

    def running(self):
        self._note("running")

    def terminating(self):
        self._note("terminating")

    def terminated(self):
        self._note("terminated")


class Broken(Task):
    def terminated(self):
        raise ValueError("no such luck")


class Parent:
    def __init__(self):
        self.told = []

    def _child_changed(self, child, before, after):
        self.told.append((child, str(before), str(after), str(child.execution.state)))


def test_hooks_run_once_and_before_the_state_is_stored():
    task = Watched()
    for state in ("SUBMITTED", "SUBMITTED", "RUNNING", "TERMINATING", "TERMINATED"):
        task.execution.state = state
    assert task.seen == [
        ("submitted", "NEW"),
        ("running", "SUBMITTED"),
        ("terminating", "RUNNING"),
        ("terminated", "TERMINATING"),
    ]


def test_a_hook_is_a_method_of_the_class_never_an_attribute():
    task = Task(running="a word", submitted=lambda: pytest.fail("called"))
    task.execution.state = State.SUBMITTED
    task.execution.state = State.RUNNING
    assert task.running == "a word"


def test_what_is_no_method_is_no_hook():
    class Named(Task):
        running = "a word"

    task = Named()
    task.execution.state = State.RUNNING
    assert task.execution.state == State.RUNNING


def test_the_hook_finds_everything_stamped():
    stamps = []

    class Looks(Task):
        def running(self):
            run = self.execution
            stamps.append((run.timestamp["RUNNING"], run.state_last_changed, run.history.last()))

    task = Looks()
    task.execution.state = State.RUNNING
    [(stamped, changed, line)] = stamps
    assert stamped == changed > 1e9
    assert line == "running"


def test_a_hook_that_raises_leaves_the_old_state():
    task = Broken()
    task.execution.state = State.TERMINATING
    changed = task.execution.state_last_changed
    with pytest.raises(ValueError, match="no such luck"):
        task.execution.state = State.TERMINATED
    assert task.execution.state == State.TERMINATING
    assert "TERMINATED" not in task.execution.timestamp
    assert task.execution.state_last_changed == changed


def test_a_hook_that_raises_at_the_first_change_leaves_no_stamp():
    task = Broken()
    with pytest.raises(ValueError, match="no such luck"):
        task.execution.state = State.TERMINATED
    assert not hasattr(task.execution, "state_last_changed")


def test_failing_a_task_runs_no_hook():
    task = Broken()
    task.execution.fail("ValueError: no such luck", "Traceback ...")
    run = task.execution
    assert run.in_state("failed")
    assert (run.signal, run.exitcode) == (0, 70)
    assert "ValueError: no such luck" in str(run.history)
    assert run.details.traceback == "Traceback ..."


def test_a_hook_may_set_the_state_that_is_coming():
    class Eager(Task):
        def terminated(self):
            self.execution.state = State.TERMINATED

    task = Eager()
    task.execution.state = State.TERMINATED
    assert task.execution.state == State.TERMINATED


def test_every_change_marks_the_task():
    task = Task()
    for change in (
        lambda run: setattr(run, "state", "SUBMITTED"),
        lambda run: setattr(run, "returncode", 0),
        lambda run: setattr(run, "colour", "red"),
        lambda run: run.history.append("hello"),
        lambda run: setattr(run, "info", "hello"),
        lambda run: setattr(run, "resource_name", "local"),
        lambda run: setattr(run, "held", True),
        lambda run: run.start_attempt("t"),
        lambda run: run.__delattr__("colour"),
    ):
        task.changed = False
        change(task.execution)
        assert task.changed, change


def test_parents_are_told_and_not_kept():
    task, one, two = Task(), Parent(), Parent()
    task._add_parent(one)
    task._add_parent(two)
    task._add_parent(one)
    task.execution.state = State.SUBMITTED
    expected = [(task, "NEW", "SUBMITTED", "SUBMITTED")]
    assert one.told == two.told == expected
    task._remove_parent(two)
    watch = weakref.ref(one)
    del one
    gc.collect()
    assert watch() is None
    task.execution.state = State.RUNNING
    assert two.told == expected


def test_a_task_is_freed_without_the_collector():
    gc.disable()
    try:
        task = Task(x=1)
        task.execution.state = State.RUNNING
        watch = weakref.ref(task)
        del task
        assert watch() is None
    finally:
        gc.enable()


def test_events_and_signals():
    task, seen = Task(), []
    stop = events.publisher.subscribe(seen.append, events.TaskStateChanged, events.TaskEnded)

    def state_changed(sender, **keywords):
        seen.append((sender, keywords))

    events.TaskStateChange.connect(state_changed)
    events.TermStatusChange.connect(state_changed)
    try:
        task.execution.returncode = 256
        task.execution.returncode = 256
        task.execution.state = State.TERMINATED
    finally:
        stop()
        events.TaskStateChange.disconnect(state_changed)
        events.TermStatusChange.disconnect(state_changed)
    assert seen[0] == (task, {"from_returncode": None, "to_returncode": 256})
    assert seen[1] == (task, {"from_state": "NEW", "to_state": "TERMINATED"})
    changed, ended = seen[2:]
    assert (changed.task, changed.before, changed.after) == (task, "NEW", "TERMINATED")
    assert (ended.task, ended.returncode) == (task, 256)


def test_in_state():
    run = Run()
    assert run.in_state("NEW", "RUNNING")
    assert not run.in_state("ok", "failed")
    run.state = State.TERMINATED
    assert run.in_state("failed")  # nobody knows how it ended
    run.returncode = 0
    assert run.in_state("ok")
    assert not run.in_state("failed", "RUNNING")


def test_facts_are_absent_until_they_are_known():
    run = Run()
    for name in ("resource_name", "lrms_jobid", "duration", "used_cpu_time", "max_used_memory"):
        assert not hasattr(run, name)
        assert name not in run
    run.resource_name = "local"
    run.lrms_jobid = 4711
    run.finish(signal=None, exitcode=0, started=10.0, ended=12.5, cpu_time=1.5, max_memory=10**6)
    assert run.resource_name == "local"
    assert run.lrms_jobid == "4711"
    assert run.duration == Duration("2.5 s")
    assert run.used_cpu_time == Duration("1.5 s")
    assert run.max_used_memory == Memory("1 MB")
    assert run.returncode == 0
    run.used_cpu_time = Duration("1 minute")
    assert run.details.cpu_time == 60.0


@pytest.mark.parametrize("name", ["duration", "used_cpu_time", "max_used_memory"])
@pytest.mark.parametrize("value", [7, 7.5, "7 s", Run])
def test_facts_that_are_quantities_take_nothing_else(name, value):
    run = Run()
    with pytest.raises(InvalidType, match=f"{name}=.*: give a (Duration|Memory)"):
        setattr(run, name, value)
    assert name not in run
    setattr(run, name, None)
    assert name not in run


def test_the_directory_of_a_job_that_left_nothing_is_none():
    run = Run()
    assert not hasattr(run, "lrms_execdir")
    run.lrms_execdir = "/scratch/1"
    assert run.lrms_execdir == run["lrms_execdir"] == "/scratch/1"
    run.finish(signal=None, exitcode=0, started=10.0, ended=12.5)
    run.lrms_execdir = None
    assert run.lrms_execdir is None
    assert "lrms_execdir" in run


@pytest.mark.parametrize(
    ("signal", "exitcode", "returncode"),
    [(None, 0, 0), (None, 200, 200 * 256), (15, None, 65295), (0, 3, 768), (None, None, None)],
)
def test_what_a_backend_reports(signal, exitcode, returncode):
    run = Run()
    run.finish(signal=signal, exitcode=exitcode)
    assert run.returncode == returncode


def test_history():
    run = Run()
    assert (run.info, run.history.last(), str(run.history)) == ("", "", "")
    run.history.append("one")
    run.history("two")
    run.info = "three"
    assert run.history.last() == "three"
    assert run.info.startswith("three at 20")
    assert [line.split(" at ")[0] for line in run.history] == ["one", "two", "three"]
    assert str(run.history).count("\n") == 2


def test_it_is_a_struct():
    run = Run({"colour": "red"}, size=3)
    assert (run.colour, run["size"]) == ("red", 3)
    assert "colour" in run and "state" in run and "lrms_jobid" not in run
    assert run["state"] == "NEW"
    assert run.get("lrms_jobid", "none") == "none"
    run["state"] = "RUNNING"
    assert run.state == State.RUNNING
    assert run.copy().colour == "red"
    with pytest.raises(KeyError):
        run["lrms_jobid"]
    with pytest.raises(AttributeError):
        run.taste  # noqa: B018


@pytest.mark.parametrize("clone", [copy.copy, lambda run: pickle.loads(pickle.dumps(run))])
def test_a_copy_is_a_run_of_no_task(clone):
    task = Watched()
    task.execution.colour = "red"
    task.execution.state = State.RUNNING
    task.execution.returncode = (9, None)
    run = clone(task.execution)
    assert (run.state, run.returncode, run.colour) == ("RUNNING", -247, "red")
    assert run.history.last() == "running"
    assert run.task is None
    run.state = State.TERMINATED
    assert task.seen == [("running", "NEW")]


def test_another_run_may_be_given_to_a_task():
    task = Watched()
    task.changed = False
    task.execution = Run(state="SUBMITTED")
    assert task.changed
    task.execution.state = State.RUNNING
    assert task.seen == [("running", "SUBMITTED")]


def test_what_a_record_says_is_decoded_when_it_is_looked_at():
    details = encode_details(RunDetails(history=[(1.0, "once")], job="77"))
    summary = Summary(
        id="Task.1", cls="gc3libs:Task", state="RUNNING", returncode=-247, attempt=3, held=True,
        changed=5.0,
    )  # fmt: skip
    run = Run()
    run.restore(summary, b"damaged")
    assert (run.state, run.signal, run.exitcode) == ("RUNNING", 9, None)
    assert (run.attempt, run.held, run.state_last_changed) == (3, True, 5.0)
    run.restore(summary, details)
    assert run.encoded_details() is details
    assert run.lrms_jobid == "77"
    assert run.history.last() == "once"


def test_attempts_are_kept():
    run = Run()
    run.start_attempt("Task.1-1")
    run.finish(signal=None, exitcode=3, reason="walltime of 10 s", started=1.0, ended=2.0)
    run.end_attempt()
    run.end_attempt()
    assert run.returncode == 768
    assert not hasattr(run, "duration")
    [attempt] = run.details.attempts
    assert (attempt.number, attempt.returncode, attempt.reason) == (1, 768, "walltime of 10 s")
    assert attempt.token == "Task.1-1"
    assert (run.attempt, run.details.token, run.details.reason) == (1, "", "")
