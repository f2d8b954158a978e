"""What fails: hooks, stores, backends, other people."""

import contextlib
import errno
import logging

import pytest
from msgspec.structs import replace

from gc3libs import events
from gc3libs.backends.scripted import Outcome
from gc3libs.exceptions import (
    DirectoryInUse,
    LeaseLost,
    RecoverableError,
    StoreError,
    StoreUnavailable,
    UnknownJob,
)
from gc3libs.model import Application, Signals, State
from gc3libs.persistence import make_store
from gc3libs.persistence.record import Guard


def end_of(task):
    run = task.execution
    return run.state, run.signal, run.exitcode


def ended(exitcode=0, signal=0):
    return State.TERMINATED, signal, exitcode


LOST = (State.TERMINATED, Signals.Lost, 255)
CANCELLED = (State.TERMINATED, Signals.Cancelled, 255)


def until(engine, condition):
    for _ in range(100):
        if condition():
            return
        engine.progress()
    raise AssertionError("it never happens")


# hooks


class Clumsy(Application):
    """Raises in the hook that is its `trap`, and counts."""

    calls = 0

    def _raise(self, hook):
        if self.trap == hook:
            self.calls += 1
            raise RuntimeError(f"oops in {hook}")

    def submitted(self):
        self._raise("submitted")

    def running(self):
        self._raise("running")

    def terminating(self):
        self._raise("terminating")

    def terminated(self):
        self._raise("terminated")

    def job_spec(self):
        self._raise("job_spec")
        return super().job_spec()

    def fetch_output_error(self, ex):
        self._raise("fetch_output_error")


@pytest.mark.parametrize("trap", ["submitted", "running", "terminating", "terminated", "job_spec"])
@pytest.mark.parametrize("duration", [0.0, 10.0])
def test_a_hook_that_raises_ends_its_task(world, trap, duration, caplog):
    clumsy = world.app("job", Clumsy, trap=trap, duration=duration)
    other = world.app("other")
    failed = []
    unsubscribe = events.publisher.subscribe(failed.append, events.HookFailed)
    world.run(clumsy, other)
    unsubscribe()
    assert end_of(clumsy) == ended(70)
    assert clumsy.calls == 1
    assert f"oops in {trap}" in clumsy.execution.details.traceback
    assert f"oops in {trap}" in clumsy.execution.details.reason
    assert any(f"oops in {trap}" in line for line in clumsy.execution.history)
    assert end_of(world.reload(clumsy)) == ended(70)
    assert end_of(other) == ended()
    assert [event.task for event in failed] == [clumsy]
    assert "oops" in caplog.text
    assert world.backend.tokens() == set()


def test_the_job_of_a_task_whose_hook_raised_is_ended_by_the_next_engine(world):
    task = world.app("job", Clumsy, trap="running", duration=1000.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.TERMINATED)
    token = task.execution.details.token
    assert token in world.backend.tokens()
    begin = world.clock.now()
    world.run(world.app("other"))
    assert world.backend.tokens() == set()
    assert world.clock.now() - begin < 100


class Growing(Application):
    def terminated(self):
        self.child = Application(["child"], [], [], None, jobname="child")
        self._controller.add(self.child)
        self.answer = 42


def test_a_hook_may_change_its_task_and_add_others(world):
    task = world.app("job", Growing)
    engine = world.run(task)
    assert engine.counts()["ok"] == 2
    again = world.reload(task)
    assert (again.answer, end_of(again.child)) == (42, ended())


class Unsavable(Application):
    def terminated(self):
        self.callback = lambda: None


def test_a_task_that_cannot_be_saved_fails_alone(world):
    tasks = [world.app("job", Unsavable), world.app("good"), world.app("other")]
    engine = world.run(*tasks)
    assert [end_of(task) for task in tasks] == [ended(70), ended(), ended()]
    again = world.reload(tasks[0])
    assert end_of(again) == ended(70)
    assert "'callback'" in again.execution.details.reason
    assert engine.counts()["total"] == 3
    assert world.backend.tokens() == set()


def test_a_task_that_cannot_be_saved_at_all_does_not_start(world):
    task, good = world.app("job"), world.app("good")
    task.callback = lambda: None
    world.run(task, good)
    assert (end_of(task), end_of(good)) == (ended(70), ended())
    assert world.starts() == 1


# losses


def test_a_lost_job_is_told_by_name(world):
    task = world.app("job", loss="its node was lost")
    told = []
    unsubscribe = events.publisher.subscribe(told.append, events.TaskLost)
    world.run(task)
    unsubscribe()
    assert end_of(task) == LOST
    assert task.execution.details.reason == "lost: its node was lost"
    assert [(event.task, event.reason) for event in told] == [(task, "its node was lost")]
    assert (world.starts(), world.backend.tokens()) == (1, set())


class Journal(Application):
    ends = 0

    def terminated(self):
        self.ends += 1


def test_a_lost_job_is_run_again_where_the_task_says_so(world):
    task = world.app("job", Journal, loss="rebooted", on_loss="rerun")
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    world.outcomes["job"] = Outcome(exitcode=7)
    engine.run()
    assert (end_of(task), task.ends) == (ended(7), 1)
    assert task.execution.attempt == 2
    assert [each.reason for each in task.execution.details.attempts] == ["lost: rebooted"]
    assert (world.starts(), world.backend.tokens()) == (2, set())


@pytest.mark.parametrize("state", [State.RUNNING, State.SUBMITTED])
def test_a_backend_without_a_trace_of_a_job(world, state):
    task = world.app("job", duration=5.0)
    blockers = [world.app("long", duration=5.0) for _ in range(2)]
    first = [task] if state is State.RUNNING else [*blockers, task]
    engine = world.engine(*first)
    until(engine, lambda: task.execution.state is state)
    engine.flush()
    world.backend.drop(task.execution.details.token)
    again = world.reload(task)
    world.run(again)
    assert end_of(again) == (LOST if state is State.RUNNING else ended())


def test_outputs_of_which_no_trace_is_left(world, tmp_path):
    task = world.app("job", outputs=["x"], output_dir=str(tmp_path / "out"), files={"x": b"1"})
    world.run(task, can_retrieve=False)
    assert task.execution.state is State.TERMINATING
    world.backend.drop(task.execution.details.token)
    again = world.reload(task)
    world.run(again)
    assert again.execution.signal == Signals.DataStagingFailure
    assert "no trace" in again.execution.details.reason


def test_what_a_power_failure_took_from_the_store_is_taken_up(world):
    """The hand-over is safe at the backend; the store's last writes are gone."""
    task = world.app("job", duration=10.0, exitcode=3)
    world.store.save(task)
    before = world.store.record(task.persistent_id)
    world.engine(task).progress()
    record = world.store.record(task.persistent_id)
    world.store.rewrite([replace(before, revision=record.revision)])
    again = world.reload(task)
    assert again.execution.state is State.NEW
    engine = world.engine()
    engine.feed([task.persistent_id])
    engine.run()
    assert (end_of(world.reload(task)), world.starts()) == (ended(3), 1)
    assert world.reload(task).execution.attempt == 1


def test_evidence_of_a_removed_task_is_cleared(world):
    task = world.app("job", duration=1.0)
    world.engine(task).progress()
    world.store.remove(task.persistent_id)
    world.clock.sleep(5)
    world.run(world.app("other"))
    assert world.backend.tokens() == set()


# other people


def change_elsewhere(world, task, **changes):
    """Write a task's record as another process does."""
    record = world.store.record(task.persistent_id)
    world.store._write(
        [replace(record, revision=record.revision + 1, summary=replace(record.summary, **changes))]
    )


def test_a_task_that_somebody_else_changed_stays_the_same_object(world):
    task = world.app("job", exitcode=5, duration=5.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    engine.flush()
    change_elsewhere(world, task, tags=("mine",), held=True)
    engine.run()
    assert (end_of(task), task.tags, task.execution.held) == (ended(5), ["mine"], True)
    again = world.reload(task)
    assert (end_of(again), again.tags) == (ended(5), ["mine"])
    assert engine.counts()["failed"] == 1


def test_a_task_that_somebody_else_cancelled_is_ended(world):
    task = world.app("job", duration=500.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.SUBMITTED)
    change_elsewhere(world, task, state="TERMINATED", returncode=255 * 256 + Signals.Cancelled)
    engine.run()
    assert end_of(world.reload(task)) == CANCELLED


def test_a_task_that_somebody_else_removed_is_let_go_of(world, caplog):
    task, other = world.app("job", duration=500.0), world.app("other")
    engine = world.engine(task, other)
    until(engine, lambda: task.execution.state is State.SUBMITTED)
    world.store._delete([task.persistent_id])
    counts = engine.run()
    assert (counts["total"], counts["ok"]) == (1, 1)
    assert "removed" in caplog.text
    assert world.backend.tokens() == set()


def test_an_engine_whose_lease_is_lost_stops(tmp_path, world):
    store = make_store(f"sqlite:{tmp_path}/s.db")
    store.set_epoch(Guard(session="s", epoch=1))
    task = world.app("job", duration=50.0)
    store.save_many([task], session="s")
    engine = world.engine(task, store=store, guard=Guard(session="s", epoch=1))
    engine.progress()
    store.set_epoch(Guard(session="s", epoch=2))
    with pytest.raises(LeaseLost):
        engine.run()
    engine.close()
    assert store.record(task.persistent_id).summary.state == "SUBMITTED"
    store.close()


# a store or a backend that fails for a while


class Failing:
    """Makes calls of an object's method raise."""

    def __init__(self, monkeypatch, owner, name, error, count):
        self.left = count
        call = getattr(owner, name)

        def fails(*args, **kwargs):
            if self.left:
                self.left -= 1
                raise error
            return call(*args, **kwargs)

        monkeypatch.setattr(owner, name, fails)


FULL = StoreUnavailable("disk full")


@pytest.mark.parametrize("name", ["_write", "_sync", "_reserve", "_read"])
@pytest.mark.parametrize("count", [1, 5])
def test_a_store_that_fails_for_a_while(world, monkeypatch, name, count, caplog):
    caplog.set_level(logging.WARNING)
    ids = world.store.save_many([world.app(exitcode=number) for number in range(5)])
    more = [world.app() for _ in range(3)]
    world.store.invalidate_cache()
    engine = world.engine(*more)
    engine.feed(ids)
    failing = Failing(monkeypatch, world.store, name, FULL, count)
    assert engine.run()["TERMINATED"] == 8
    engine.close()
    assert failing.left == 0
    assert "disk full" in caplog.text
    assert max(world.backend.starts.values()) == 1
    states = {summary.state for summary in world.store.summaries()}
    assert states == {"TERMINATED"}


@pytest.mark.parametrize("name", ["submit", "poll", "fetch", "free", "adopt", "tokens"])
def test_a_backend_that_fails_for_a_while(world, monkeypatch, name, tmp_path):
    out = str(tmp_path / "out")
    tasks = [world.app(outputs=["x"], output_dir=f"{out}/{n}", files={"x": b""}) for n in range(5)]
    failing = Failing(monkeypatch, world.backend, name, RecoverableError("no answer"), 3)
    engine = world.run(*tasks)
    assert engine.counts()["ok"] == 5
    assert failing.left == 0
    assert world.starts() == 5
    assert world.backend.tokens() == set()


def test_the_answer_to_a_submission_is_lost(world):
    tasks = [world.app() for _ in range(5)]
    world.backend.lose_answers(3)
    assert world.run(*tasks).counts()["ok"] == 5
    assert max(world.backend.starts.values()) == 1


def test_polls_that_fail_are_told(world):
    told = []
    unsubscribe = events.publisher.subscribe(told.append, events.PollFailed)
    engine = world.engine(world.app(duration=30.0))
    engine.progress()
    world.backend.fail_polls(2)
    assert engine.run()["ok"] == 1
    unsubscribe()
    assert [event.backend for event in told] == ["scripted", "scripted"]


class Impatient(Application):
    """Says what it means that nothing can be heard of its job."""

    def update_job_state_error(self, ex):
        self.asked = getattr(self, "asked", 0) + 1
        if self.answer == "raise":
            raise KeyError("no answer")
        return {"none": None, "same": ex, "over": UnknownJob("it is gone")}[self.answer]


@pytest.mark.parametrize("answer", ["none", "same", "over", "raise"])
def test_a_task_of_which_nothing_can_be_heard_is_asked(world, answer):
    task = world.app("job", Impatient, answer=answer, duration=30.0)
    other = world.app("other", duration=30.0)
    engine = world.engine(task, other)
    engine.progress()
    world.backend.fail_polls(2)
    engine.run()
    over = answer in ("over", "raise")
    assert end_of(task) == (ended(70) if over else ended())
    assert task.asked == (1 if over else 2)
    assert end_of(other) == ended()
    assert world.backend.tokens() == set()
    if over:
        assert ("UnknownJob" if answer == "over" else "KeyError") in task.execution.info


def test_trouble_that_does_not_pass_is_raised(world, monkeypatch):
    engine = world.engine(world.app())
    failing = Failing(monkeypatch, world.backend, "submit", RecoverableError("no answer"), -1)
    begin = world.clock.now()
    with pytest.raises(RecoverableError, match="no answer"):
        engine.run()
    assert 3600 <= world.clock.now() - begin < 4000
    assert engine.counts()["SUBMITTED"] == 1
    failing.left = 0
    assert engine.run()["ok"] == 1


def test_a_directory_that_is_in_use_is_told_at_once(world, monkeypatch):
    engine = world.engine(world.app())
    Failing(monkeypatch, world.backend, "tokens", DirectoryInUse("/run", "process 7 uses it"), -1)
    begin = world.clock.now()
    with pytest.raises(DirectoryInUse, match="process 7"):
        engine.run()
    assert world.clock.now() == begin


def test_a_feed_that_breaks_off_is_told(world):
    ids = world.store.save_many([world.app() for _ in range(300)])

    def feed():
        yield from ids
        raise StoreUnavailable("gone")

    engine = world.engine()
    engine.feed(feed())
    with pytest.raises(StoreError, match="broke off"):
        engine.run()


def test_outputs_that_cannot_be_fetched(world, tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = str(tmp_path / "file" / "out")
    tasks = [
        world.app("job", cls, outputs=["x"], output_dir=place, trap="", files={"x": b""})
        for cls in (Application, Clumsy)
    ]
    world.run(*tasks)
    assert tasks[0].execution.signal == Signals.DataStagingFailure
    assert tasks[0].execution.exitcode == errno.EIO + 69
    assert "could not be fetched" in tasks[0].execution.details.reason
    assert end_of(tasks[1]) == ended()


def test_promised_outputs_that_are_missing_are_noted(world, tmp_path):
    task = world.app("job", outputs=["x", "y"], output_dir=str(tmp_path / "out"), files={"x": b"1"})
    world.run(task)
    assert (end_of(task), task.execution.details.missing) == (ended(), ["y"])
    assert any("promised and not there: y" in line for line in task.execution.history)


# somebody presses Ctrl-C

CALLS = [
    *[("store", name) for name in ("_write", "_sync", "_reserve", "_read")],
    *[("backend", name) for name in ("submit", "poll", "fetch", "free", "adopt", "tokens")],
]


class Interrupted(Application):
    def _stop(self):
        INTERRUPTS.step()

    submitted = running = terminating = terminated = _stop


class Interrupts:
    """Raises KeyboardInterrupt at the n-th step."""

    def __init__(self):
        self.left = self.steps = 0

    def step(self):
        self.steps += 1
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def watch(self, monkeypatch, owner, name):
        call = getattr(owner, name)

        def watched(*args, **kwargs):
            self.step()
            result = call(*args, **kwargs)
            self.step()
            return result

        monkeypatch.setattr(owner, name, watched)


INTERRUPTS = Interrupts()


def interrupted_run(world, monkeypatch, place, number):
    """Run some tasks, with Ctrl-C at the n-th step, and then again; the steps of the whole."""
    INTERRUPTS.left, INTERRUPTS.steps = 0, 0
    tasks = [
        world.app("job", Interrupted, outputs=["x"], output_dir=f"{place}/{n}", files={"x": b"1"})
        for n in range(2)
    ]
    ids = world.store.save_many(tasks[:1])
    for owner, name in CALLS:
        INTERRUPTS.watch(monkeypatch, getattr(world, owner), name)
    engine = world.engine(tasks[1])
    engine.feed(ids)
    INTERRUPTS.left = number
    if number:
        with pytest.raises(KeyboardInterrupt):
            engine.run()
    engine.run()
    steps = INTERRUPTS.steps
    engine.close()
    assert engine.counts()["ok"] == 2
    assert [end_of(world.reload(task)) for task in tasks] == [ended(), ended()]
    assert set(world.backend.starts.values()) == {1}
    assert world.backend.tokens() == set()
    return steps


def test_ctrl_c_at_any_step_loses_nothing(world, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        steps = interrupted_run(world, patch, tmp_path / "0", 0)
    assert steps > 30
    for number in range(1, steps + 1):
        fresh = type(world)()
        with contextlib.closing(fresh), pytest.MonkeyPatch.context() as patch:
            interrupted_run(fresh, patch, tmp_path / str(number), number)
