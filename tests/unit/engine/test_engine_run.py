"""Tasks go through their life."""

import pytest
from msgspec.structs import replace

from gc3libs import events
from gc3libs.backends.scripted import Outcome
from gc3libs.engine import Engine
from gc3libs.exceptions import InvalidArgument, InvalidOperation, RecoverableError
from gc3libs.model import Application, Signals, State, Task


def end_of(task):
    run = task.execution
    return run.state, run.signal, run.exitcode


def ended(exitcode=0, signal=0):
    return State.TERMINATED, signal, exitcode


CANCELLED = (State.TERMINATED, Signals.Cancelled, 255)


def until(engine, condition):
    for _ in range(100):
        if condition():
            return
        engine.progress()
    raise AssertionError("it never happens")


class Diary(Application):
    """Notes which hooks were called, with the state and the returncode at that moment."""

    def note(self, hook):
        run = self.execution
        self.seen = [*self.get("seen", []), (hook, run.state.value, run.returncode)]

    def submitted(self):
        self.note("submitted")

    def running(self):
        self.note("running")

    def terminating(self):
        self.note("terminating")

    def terminated(self):
        self.note("terminated")

    def new(self):
        self.note("new")


def test_hooks_are_called_once_each_before_the_state_shows(world):
    task = world.app("fails", Diary, exitcode=3)
    world.run(task)
    assert task.seen == [
        ("submitted", "NEW", None),
        ("running", "SUBMITTED", None),
        ("terminating", "RUNNING", 768),
        ("terminated", "TERMINATING", 768),
    ]
    assert world.reload(task).seen == task.seen


def test_what_is_known_of_a_job_is_saved(world):
    task = world.app(duration=5.0, cpu_time=3.5, max_memory=1_000_000)
    begin = world.clock.now()
    world.run(task)
    saved = world.reload(task)
    again = saved.execution
    assert end_of(saved) == ended()
    assert again.used_cpu_time.in_seconds() == 3.5
    assert again.max_used_memory.in_bytes() == 1_000_000
    assert again.duration.in_seconds() == 5
    assert again.details.started >= begin
    assert (again.resource_name, again.attempt) == ("scripted", 1)


def test_counts(world):
    tasks = [world.app("good"), world.app("bad", exitcode=1), Task()]
    engine = world.engine(*tasks)
    engine.init_counts_for(Diary)
    assert engine.counts()["NEW"] == 3
    assert engine.counts(Application)["NEW"] == 2
    counts = engine.run()
    assert (counts["total"], counts["ok"], counts["failed"], counts["NEW"]) == (3, 1, 2, 0)
    assert engine.counts(Application)["total"] == 2
    assert engine.counts(Diary)["total"] == 0
    with pytest.raises(InvalidArgument):
        engine.counts(World)


class World(Task):
    """A class that nobody counts."""


def test_a_task_with_nothing_to_run_fails_by_itself(world):
    plain, good = Task(), world.app()
    world.run(plain, good)
    assert end_of(plain) == ended(70)
    assert "nothing to run" in plain.execution.details.reason
    assert end_of(good) == ended()


def test_tasks_are_found_by_id(world):
    task = world.app()
    engine = world.run(task)
    assert engine.find_task_by_id(str(task.persistent_id)) is task
    with pytest.raises(KeyError):
        engine.find_task_by_id("Application.99")


def test_refused_tasks_say_why(world):
    task = world.app("big", refusal="needs 100 cores")
    said = []
    unsubscribe = events.publisher.subscribe(said.append, events.TaskRefused)
    world.run(task)
    unsubscribe()
    assert task.execution.signal == Signals.SubmissionFailed
    assert task.execution.details.reason == "needs 100 cores"
    assert [(event.task, event.reason) for event in said] == [(task, "needs 100 cores")]


class Patient(Application):
    def submit_error(self, exs):
        self.why = [exc.reason for exc in exs]


def test_a_task_may_say_that_a_refusal_is_no_end(world):
    task = world.app("big", Patient, refusal="full")
    world.run(task)
    assert (task.execution.state, task.why) == (State.NEW, ["full"])


def test_events(world):
    task = world.app("fails", exitcode=2)
    said = []
    unsubscribe = events.publisher.subscribe(said.append)
    world.run(task)
    unsubscribe()
    moves = [event.after for event in said if isinstance(event, events.TaskStateChanged)]
    assert moves == ["SUBMITTED", "RUNNING", "TERMINATING", "TERMINATED"]
    submitted = [each for each in said if isinstance(each, events.TaskSubmitted)]
    assert [(each.task, each.backend, each.attempt) for each in submitted] == [
        (task, "scripted", 1)
    ]
    assert [each.returncode for each in said if isinstance(each, events.TaskEnded)] == [512]


def test_without_a_store_nothing_is_kept(world):
    tasks = [world.app(), world.app("fails", exitcode=1)]
    world.run(*tasks, store=None)
    assert [end_of(task) for task in tasks] == [ended(), ended(1)]
    assert [task.persistent_id for task in tasks] == [None, None]
    assert world.backend.tokens() == set()
    with pytest.raises(InvalidArgument):
        world.engine(store=None).feed(["Application.1"])


def test_an_engine_without_a_store_clears_what_a_killed_one_left(world):
    first = world.engine(world.app("long", duration=1000.0), world.app(duration=1.0), store=None)
    first.progress()
    world.clock.sleep(2)
    task = world.app("next")
    world.run(task, store=None)
    assert end_of(task) == ended()
    assert world.backend.tokens() == set()


# limits


@pytest.mark.parametrize(("limit", "most"), [("max_in_flight", 3), ("max_submitted", 3)])
def test_limits(world, limit, most):
    world.backend = world.make_backend(cores=8)
    tasks = [world.app(duration=float(1 + n % 3)) for n in range(20)]
    engine = world.engine(*tasks, **{limit: most})
    seen = []

    def look(_):
        counts = engine.counts()
        running = counts["RUNNING"] if limit == "max_in_flight" else 0
        seen.append(counts["SUBMITTED"] + running)

    engine.run(each=look)
    assert max(seen) == most
    assert all(end_of(task) == ended() for task in tasks)


def test_a_limit_can_be_changed_while_it_runs(world):
    tasks = [world.app(duration=10.0) for _ in range(6)]
    engine = world.engine(*tasks, max_in_flight=1)
    engine.progress()
    assert engine.counts()["NEW"] == 5
    engine.max_in_flight = 0
    engine.progress()
    assert engine.counts()["NEW"] == 0
    engine.run()
    assert world.starts() == 6


def test_jobs_of_several_cores(world):
    tasks = [world.app(requested_cores=2, duration=10.0) for _ in range(3)]
    begin = world.clock.now()
    world.run(*tasks)
    assert world.clock.now() - begin >= 30
    assert all(end_of(task) == ended() for task in tasks)


def test_starting_and_fetching_can_be_switched_off(world, tmp_path):
    task = world.app(outputs=["x"], output_dir=str(tmp_path / "out"), files={"x": b"1"})
    engine = world.engine(task, can_submit=False, can_retrieve=False)
    engine.run()
    assert task.execution.state is State.NEW
    engine.can_submit = True
    engine.run()
    assert task.execution.state is State.TERMINATING
    engine.can_retrieve = True
    engine.run()
    assert end_of(task) == ended()
    assert (tmp_path / "out" / "x").read_bytes() == b"1"


def test_several_backends(world):
    small = world.make_backend(cores=1, window=2, name="small")
    large = world.make_backend(cores=8, window=50, name="large")
    tasks = [world.app(requested_cores=1 + 3 * (number % 2)) for number in range(8)]
    world.run(*tasks, backend=[small, large])
    assert all(end_of(task) == ended() for task in tasks)
    used = [task.execution.resource_name for task in tasks]
    assert set(used[1::2]) == {"large"}
    assert "small" in used[::2]
    for backend in (small, large):
        assert backend.tokens() == set()
        backend.close()


# tasks that wait


def test_held_tasks_wait(world):
    held, free = world.app("held"), world.app("free")
    held.execution.held = True
    engine = world.run(held, free)
    assert (held.execution.state, end_of(free)) == (State.NEW, ended())
    held.execution.held = False
    engine.run()
    assert end_of(held) == ended()


def test_held_tasks_of_a_feed_are_let_go_of(world):
    held = world.app("held")
    held.execution.held = True
    ids = world.store.save_many([held, world.app("free")])
    engine = world.engine()
    engine.feed(ids)
    counts = engine.run()
    assert (counts["NEW"], counts["ok"]) == (1, 1)
    assert list(engine.iter_tasks()) == []


def test_a_task_whose_class_cannot_be_had_waits(world, caplog):
    good, strange = world.store.save_many([world.app("good"), world.app("strange")])
    record = world.store.record(strange)
    summary = replace(record.summary, cls="nowhere:Strange")
    world.store.rewrite([replace(record, summary=summary)])
    engine = world.engine()
    engine.feed([strange, good])
    assert engine.run()["ok"] == 1
    assert world.store.record(strange).summary.state == "NEW"
    assert "1 tasks have to wait" in caplog.text
    assert "nowhere" in caplog.text


def test_the_job_of_a_task_whose_class_cannot_be_had_is_left_alone(world):
    task = world.app("strange", duration=5.0)
    world.engine(task).progress()
    record = world.store.record(task.persistent_id)
    token = task.execution.details.token
    strange = replace(record.summary, cls="nowhere:Strange")
    world.store.rewrite([replace(record, summary=strange)])
    world.run(world.app("other", duration=20.0))
    assert token in world.backend.tokens()
    world.store.invalidate_cache()
    back = replace(record, revision=record.revision + 1)
    world.store.rewrite([back])
    engine = world.engine()
    engine.feed([task.persistent_id])
    assert engine.run()["ok"] == 1
    assert world.backend.starts[token] == 1


def test_a_million_tasks_need_the_memory_of_a_window(world):
    world.backend = world.make_backend(cores=8, window=64)
    world.outcomes["job"] = Outcome(duration=0.01)
    ids = world.store.save_many(world.app() for _ in range(3000))
    most = 0
    engine = world.engine()
    engine.feed(iter(ids))

    def look(_):
        nonlocal most
        most = max(most, sum(1 for _ in engine.iter_tasks()))

    counts = engine.run(each=look)
    assert (counts["ok"], counts["total"]) == (3000, 3000)
    assert most < 1000
    assert list(engine.iter_tasks()) == []


# ending, doing again, letting go


def test_killing_what_was_not_started(world):
    task = world.app("job", Diary)
    engine = world.engine(task)
    engine.kill(task)
    engine.run()
    assert end_of(task) == CANCELLED
    assert world.starts() == 0
    assert task.seen == [("terminated", "NEW", task.execution.returncode)]
    assert end_of(world.reload(task)) == CANCELLED


@pytest.mark.parametrize("state", [State.SUBMITTED, State.RUNNING])
def test_killing_what_a_backend_has(world, state):
    blockers = [world.app("long", duration=50.0) for _ in range(2)]
    task = world.app("job", Diary, duration=50.0)
    first = [*blockers, task] if state is State.SUBMITTED else [task]
    engine = world.engine(*first)
    until(engine, lambda: task.execution.state is state)
    task.kill()
    until(engine, lambda: task.execution.state is State.TERMINATED)
    assert end_of(task) == CANCELLED
    assert task.execution.details.reason == "cancelled"
    engine.run()
    assert [end_of(each) for each in blockers if each in first] == [
        ended() for each in blockers if each in first
    ]
    assert world.backend.tokens() == set()


def test_killing_what_is_over_changes_nothing(world):
    task = world.app("fails", exitcode=4)
    engine = world.run(task)
    engine.kill(task)
    engine.run()
    assert end_of(task) == ended(4)
    assert engine.counts()["failed"] == 1


def test_a_kill_outlives_the_engine(world):
    task = world.app(duration=1000.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    engine.kill(task)
    engine.progress()
    again = world.reload(task)
    assert again.execution.state is State.SUBMITTED
    world.run(again)
    assert end_of(again) == CANCELLED


def test_killing_many_waiting_tasks_is_quick(world):
    tasks = [world.app() for _ in range(5000)]
    engine = world.engine(*tasks, store=None)
    for task in tasks:
        engine.kill(task)
    engine.progress()
    assert engine.counts()["failed"] == 5000


def test_doing_a_task_again(world):
    task = world.app("job", Diary, exitcode=1)
    engine = world.run(task)
    world.outcomes["job"] = Outcome()
    engine.redo(task)
    assert engine.run()["ok"] == 1
    assert end_of(world.reload(task)) == ended()
    run = task.execution
    assert (run.attempt, [each.returncode for each in run.details.attempts]) == (2, [256])
    assert [hook for hook, _, _ in task.seen].count("terminated") == 2
    assert world.backend.tokens() == set()


def test_doing_a_task_again_before_its_end_is_safe(world):
    task = world.app("job", exitcode=1, duration=0.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.TERMINATED)
    world.outcomes["job"] = Outcome(duration=5.0)
    task.submit(resubmit=True)
    assert engine.run()["ok"] == 1
    assert (world.starts(), world.backend.tokens()) == (2, set())


def test_a_task_is_removed_and_added_again(world):
    task = world.app("job", Diary, duration=30.0, exitcode=6)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    engine.remove(task)
    assert (engine.counts()["total"], task._attached) == (0, False)
    engine.run()
    assert task.execution.state is State.RUNNING
    world.clock.sleep(60)
    engine.add(task)
    engine.run()
    assert (end_of(task), world.starts()) == (ended(6), 1)


def test_a_task_that_was_removed_before_it_was_handed_over_does_not_start(world):
    task = world.app()
    engine = world.engine(task)
    world.backend.lose_answers(1)
    with pytest.raises(RecoverableError):
        engine.progress()
    engine.remove(task)
    engine.run()
    assert engine.counts()["total"] == 0
    engine.add(task)
    engine.run()
    assert (end_of(task), world.starts()) == (ended(), 1)


def test_a_task_follows_its_last_engine(world):
    task = world.app()
    first, second = world.engine(task), world.engine()
    task.attach(second)
    assert (first.counts()["total"], second.counts()["total"]) == (0, 1)


def test_terminated_tasks_can_be_forgotten(world):
    tasks = [world.app() for _ in range(3)]
    engine = world.run(*tasks, forget_terminated=True)
    assert engine.counts()["total"] == 0
    assert list(engine.iter_tasks()) == []
    assert all(end_of(task) == ended() for task in tasks)


def test_freeing_what_runs_is_refused(world):
    task = world.app(duration=10.0)
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    with pytest.raises(InvalidOperation):
        task.free()
    engine.run()
    task.free()


def test_streams_can_be_looked_at(world, tmp_path):
    out = str(tmp_path / "out")
    task = Application(["job"], [], [], out, stdout="o.txt")
    world.outcomes["job"] = Outcome(duration=10.0, stdout=b"one two\n")
    engine = world.engine(task)
    until(engine, lambda: task.execution.state is State.RUNNING)
    assert engine.peek(task).read() == "one two\n"
    engine.run()
    assert engine.peek(task).read() == "one two\n"
    assert task.peek("stdout", -4).read() == "two\n"
    assert task.peek("stdout", 0, 3).read() == "one"


def test_unknown_options_are_errors():
    with pytest.raises(TypeError):
        Engine(max_inflight=3)
