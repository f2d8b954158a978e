"""`RetryableTask`."""

import itertools

import pytest

from gc3libs.model import Application, State
from gc3libs.quantity import GB, Duration, hours, minutes, seconds
from gc3libs.workflow import ParallelTaskCollection, RetryableTask, SequentialTaskCollection

CANCELLED = 65401


class Notes(RetryableTask):
    """Notes what `retry` sees."""

    def __init__(self, task, **extra):
        self.seen = []
        super().__init__(task, **extra)

    def retry(self):
        self.seen.append(
            (
                self.task.execution.returncode,
                str(self.task.execution.state),
                self.execution.returncode,
                str(self.execution.state),
                self.retried,
            )
        )
        return super().retry()


@pytest.mark.parametrize(
    ("exits", "max_retries", "runs", "returncode"),
    [
        ((0,), 0, 1, 0),
        ((1, 1, 0), 0, 3, 0),
        ((1, 2, 3, 4), 2, 3, 3 * 256),
        ((1, 0), 5, 2, 0),
        (("9s", 0), 1, 2, 0),
        ((5,), 1, 2, 5 * 256),
    ],
)
def test_it_is_run_until_it_succeeds_or_tries_run_out(
    world, job, exits, max_retries, runs, returncode
):
    tough = RetryableTask(job("a", *exits), max_retries)
    world.run(tough)
    assert len(world.started) == runs
    assert (tough.execution.state, tough.execution.returncode) == ("TERMINATED", returncode)
    assert (tough.retried, tough.task.execution.attempt) == (runs - 1, runs)
    assert len(tough.task.execution.details.attempts) == runs - 1


def test_retry_sees_how_it_ended(world, job):
    tough = Notes(job("a", 1, 2, 3), max_retries=2)
    world.run(tough)
    assert tough.seen == [
        (256, "TERMINATED", 256, "RUNNING", 0),
        (512, "TERMINATED", 512, "RUNNING", 1),
        (768, "TERMINATED", 768, "RUNNING", 2),
    ]


class Never(RetryableTask):
    def retry(self):
        return False


class Twice(RetryableTask):
    def retry(self):
        return self.retried < 1


class Raises(RetryableTask):
    def retry(self):
        raise ValueError("cannot say")


@pytest.mark.parametrize(("kind", "runs"), [(Never, 1), (Twice, 2)])
def test_a_class_decides_for_itself(world, job, kind, runs):
    world.run(kind(job("a", 0 if kind is Twice else 1)))
    assert len(world.started) == runs


def test_a_retry_that_raises_ends_it(world, job):
    tough = Raises(job("a", 1))
    world.run(tough)
    assert tough.execution.returncode == 70 * 256
    assert "ValueError: cannot say" in tough.execution.details.traceback
    assert world.started == ["a"]


def test_public_attributes_are_those_of_the_task(job):
    task = job("inner", output_dir_of="x", _private=1)
    tough = RetryableTask(task, own=1)
    assert (tough.jobname, tough.output_dir_of, tough.own) == ("inner", "x", 1)
    assert "jobname" not in tough
    assert "own" in tough
    with pytest.raises(AttributeError):
        _ = tough._private
    with pytest.raises(AttributeError, match="nothing_there"):
        _ = tough.nothing_there
    assert tough.task is task


def test_it_would_output_what_the_task_would():
    assert RetryableTask(Application(["x"], [], ["y"], "out")).would_output
    assert not RetryableTask(Application(["x"], [], [], None)).would_output


def test_it_stays_running_while_the_task_is_tried_again(world, job):
    tough = RetryableTask(job("a", 1, 0, seconds=5))
    world.engine.add(tough)
    seen = {}
    while tough.execution.state is not State.TERMINATED:
        world.engine.progress()
        seen.setdefault(tough.retried, []).append(str(tough.execution.state))
        world.clock.sleep(1)
    assert seen[0][-1] == "RUNNING"
    assert set(seen[1]) == {"RUNNING", "TERMINATED"}
    history = [line.partition(" at ")[0] for line in tough.execution.history]
    assert history[-2:] == ["running", "terminated: exit 0"]
    assert history.count("running") == 1


@pytest.mark.parametrize("state", ["STOPPED", "UNKNOWN"])
def test_states_that_need_a_look_are_shown(world, job, state):
    world.engine.can_submit = False
    tough = RetryableTask(job("a"))
    tough.attach(world.engine)
    tough.submit()
    tough.task.execution.state = state
    tough.update_state()
    assert tough.execution.state == state


def test_the_time_between_tries_grows(world, job):
    tough = RetryableTask(
        job("a", 1), 5, retry_wait=10 * seconds, retry_wait_factor=3, max_retry_wait=2 * minutes
    )
    began = world.clock.now()
    world.run(tough)
    attempts = tough.task.execution.details.attempts
    starts = [each.started - began for each in attempts]
    starts.append(tough.task.execution.details.started - began)
    waits = [b - a - 1 for a, b in itertools.pairwise(starts)]
    assert waits == pytest.approx([10, 30, 90, 120, 120], abs=1.5)


def test_a_waiting_one_waits_on_after_a_restart(world, job):
    tough = Notes(job("a", 1, 0), retry_wait=1000)
    world.engine.add(tough)
    world.until(lambda: tough.retried == 1)
    world.engine.flush()
    assert world.engine.busy
    tough = world.restart(tough)
    before = world.clock.now()
    world.run(tough)
    assert tough.task.execution.details.started >= before + 990
    assert (len(tough.seen), world.started) == (2, ["a", "a"])


def test_killed_while_it_waits_it_is_over_at_once(world, job):
    tough = RetryableTask(job("a", 1), retry_wait=1000)
    world.engine.add(tough)
    world.until(lambda: tough.retried == 1)
    before = world.clock.now()
    world.engine.kill(tough)
    world.run()
    assert tough.execution.returncode == CANCELLED
    assert world.clock.now() < before + 10


@pytest.mark.parametrize("what", ["wrapper", "task"])
def test_a_killed_one_is_not_tried_again(world, job, what):
    tough = RetryableTask(job("a", seconds=100))
    world.engine.add(tough)
    world.until(lambda: tough.execution.state is State.RUNNING)
    world.engine.kill(tough if what == "wrapper" else tough.task)
    world.run()
    assert (tough.execution.returncode, world.started) == (CANCELLED, ["a"])


def test_a_refused_one_is_not_tried_again(world, job):
    tough = RetryableTask(job("a", requested_cores=99))
    world.run(tough)
    assert tough.execution.signal == 125
    assert "needs 99 cores" in tough.execution.details.reason


def test_a_lost_one_is_tried_again(world, job):
    tough = RetryableTask(job("a", seconds=100), max_retries=1)
    world.engine.add(tough)
    world.until(lambda: tough.execution.state is State.RUNNING)
    world.backend.lose(tough.task.execution.details.token)
    world.run()
    assert (tough.execution.returncode, world.started) == (0, ["a", "a"])


class Asks(Application):
    """Notes what it asks for, and ends for the reason that it was told."""

    def submitted(self):
        self.asked.append((self.requested_memory, self.requested_walltime))

    def terminating(self):
        self.execution.details.reason = self.reason


@pytest.mark.parametrize(
    ("reason", "memory", "walltime"),
    [
        ("memory limit of 2 GB", [2 * GB, 4 * GB, 5 * GB, 5 * GB], [1 * hours] * 4),
        ("walltime of 1 h", [2 * GB] * 4, [1 * hours, 3 * hours, 9 * hours, 27 * hours]),
        ("", [2 * GB] * 4, [1 * hours] * 4),
    ],
)
def test_the_next_try_gets_more_of_what_the_last_one_lacked(world, reason, memory, walltime):
    task = Asks(["x", "1"], [], [], None, requested_memory=2 * GB, requested_walltime=1 * hours)
    task.reason, task.asked = reason, []
    world.run(RetryableTask(task, 3, memory_factor=2, max_memory=5 * GB, walltime_factor=3))
    assert [each for each, _ in task.asked] == memory
    assert [each for _, each in task.asked] == walltime


def test_without_a_request_there_is_nothing_to_grow(job):
    tough = RetryableTask(job("a"), memory_factor=2)
    tough.task.execution.details.reason = "memory limit of 2 GB"
    tough.prepare_retry()
    assert tough.task.requested_memory is None


def test_it_may_hold_a_collection(world, job):
    inner = SequentialTaskCollection([job("a"), job("b", 1, 0)])
    tough = RetryableTask(inner, 3)
    world.run(tough)
    assert world.started == ["a", "b", "a", "b"]
    assert tough.execution.returncode == 0


def test_redo_gives_all_tries_again(world, job):
    tough = RetryableTask(job("a", 1, 1, 1, 0), 1)
    world.run(tough)
    assert tough.execution.returncode == 256
    world.engine.redo(tough)
    world.run()
    assert (tough.execution.returncode, tough.retried, len(world.started)) == (0, 1, 4)


def test_its_own_settings_are_no_parameters(world, job):
    tough = RetryableTask(job("a"), 1, retry_wait=Duration("1 s"), beta=2)
    world.run(ParallelTaskCollection([tough]))
    summary = next(each for each in world.store.summaries() if each.id == tough.persistent_id)
    assert (summary.parameters, summary.leaf, summary.jobname) == ({"beta": 2}, False, "")


def test_calls_are_passed_to_the_task(hand):
    task = Application(["x"], [], [], None)
    tough = RetryableTask(task)
    tough.attach(hand)
    tough.submit()
    tough.peek("stderr", 3, 4)
    tough.free()
    assert ("peek", task, "stderr", 3, 4) in hand.calls
    assert ("free", task) in hand.calls
    task.execution.state = State.TERMINATING
    tough.fetch_output()
    assert task.execution.state is State.TERMINATED


def test_tries_without_limit_do_not_run_into_numbers_too_large(job):
    tough = RetryableTask(job("a"), retried=5000, retry_wait=1)
    tough.retried = 5000
    assert tough._wait() == 3600
