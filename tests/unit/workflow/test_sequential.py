"""`SequentialTaskCollection`, `AbortOnError`, `StopOnError`."""

import pytest

from gc3libs.exceptions import InvalidArgument, RecoverableError, UnexpectedStateError
from gc3libs.model import Run, State
from gc3libs.workflow import (
    AbortOnError,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
    StopOnError,
)

RUNNING, TERMINATED = Run.State.RUNNING, Run.State.TERMINATED
CANCELLED = 65401


class Scripted(SequentialTaskCollection):
    """`next` answers as it was told, and notes what it was asked and what it saw."""

    def __init__(self, tasks, answers, **extra):
        self.answers = answers
        self.seen = []
        super().__init__(tasks, **extra)

    def next(self, done):
        self.seen.append((done, str(self.execution.state), str(self.tasks[done].execution.state)))
        return self.answers[len(self.seen) - 1]


def test_tasks_run_one_after_the_other_also_after_a_failure(world, job):
    tasks = [job("a"), job("b", 4), job("c", 2)]
    sequence = SequentialTaskCollection(tasks)
    assert sequence.tasks is tasks
    world.run(sequence)
    assert world.started == ["a", "b", "c"]
    ends = [task.execution.details.ended for task in tasks]
    starts = [task.execution.details.started for task in tasks]
    assert starts[1] >= ends[0] and starts[2] >= ends[1]
    assert sequence.execution.returncode == 4 * 256
    assert sequence.stage() is tasks[2]
    details = sequence.execution.details
    assert (details.started, details.ended) == (starts[0], ends[2])


def test_of_nothing_it_is_over_at_once(world):
    sequence = SequentialTaskCollection([])
    world.run(sequence)
    assert (sequence.execution.state, sequence.execution.returncode) == (TERMINATED, 0)


def test_the_tasks_are_required():
    with pytest.raises(TypeError, match="tasks"):
        SequentialTaskCollection()


def test_the_state_is_that_of_the_first_task_until_it_runs(world, job):
    first = job("a", seconds=10)
    sequence = SequentialTaskCollection([first, job("b")])
    world.engine.add(sequence)
    assert sequence.stage() is None
    seen = []
    for _ in range(6):
        world.engine.progress()
        seen.append((str(first.execution.state), str(sequence.execution.state)))
    assert seen[0] == ("SUBMITTED", "NEW")
    assert seen[-1] == ("RUNNING", "RUNNING")
    assert set(seen) <= {
        ("SUBMITTED", "NEW"), ("SUBMITTED", "SUBMITTED"), ("RUNNING", "RUNNING"),
        ("RUNNING", "SUBMITTED"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("child", "own", "becomes"),
    [
        ("STOPPED", "RUNNING", "STOPPED"),
        ("NEW", "RUNNING", "RUNNING"),
        ("SUBMITTED", "RUNNING", "RUNNING"),
        ("RUNNING", "STOPPED", "RUNNING"),
        ("TERMINATING", "RUNNING", "RUNNING"),
        ("UNKNOWN", "RUNNING", "RUNNING"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_the_state_follows_from_the_current_task(world, job, child, own, becomes, place):
    tasks = [job("a"), job("b")]
    sequence = SequentialTaskCollection(tasks)
    world.engine.can_submit = False
    sequence.attach(world.engine)
    sequence.submit()
    if place:
        tasks[0].execution.state = TERMINATED
        sequence.update_state()
    sequence.execution.state = own
    tasks[place].execution.state = child
    sequence.update_state()
    if place == 0 and child in ("NEW", "SUBMITTED"):
        assert sequence.execution.state == own
    else:
        assert sequence.execution.state == becomes


def test_next_is_called_once_a_task_and_sees_it_over(world, job):
    sequence = Scripted([job("a"), job("b")], [RUNNING, TERMINATED])
    world.run(sequence)
    assert sequence.seen == [(0, "RUNNING", "TERMINATED"), (1, "RUNNING", "TERMINATED")]


@pytest.mark.parametrize("answer", ["RUNNING", "NEW", "SUBMITTED", "UNKNOWN"])
def test_next_may_let_the_following_task_run(world, job, answer):
    sequence = Scripted([job("a"), job("b"), job("c")], [answer, TERMINATED])
    world.run(sequence)
    assert world.started == ["a", "b"]
    assert sequence.execution.state is TERMINATED
    assert sequence.tasks[2].execution.state is State.NEW


@pytest.mark.parametrize("answer", ["STOPPED", "TERMINATING"])
def test_next_may_pause_and_is_not_asked_again(world, job, answer):
    sequence = Scripted([job("a"), job("b")], [answer])
    world.run(sequence)
    assert sequence.execution.state == answer
    world.engine.stir(sequence)
    world.run()
    assert len(sequence.seen) == 1
    sequence = world.restart(sequence)
    world.run(sequence)
    assert (len(sequence.seen), world.started) == (1, ["a"])


def test_next_may_go_to_any_task_which_is_run_once_more(world, job):
    sequence = Scripted([job("a"), job("b"), job("c")], [2, 0, RUNNING, TERMINATED])
    world.run(sequence)
    assert [done for done, _, _ in sequence.seen] == [0, 2, 0, 1]
    assert world.started == ["a", "c", "a", "b"]
    assert sequence.tasks[0].execution.attempt == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "next(0) returned None: it must be a state"),
        (True, "next(0) returned True"),
        (2, "next(0) returned 2: there are only tasks 0 to 1"),
        (-1, "next(0) returned -1"),
        ("DONE", "next(0) returned 'DONE'"),
    ],
)
def test_an_answer_that_means_nothing_ends_it(world, job, answer, words):
    sequence = Scripted([job("a"), job("b")], [answer])
    world.run(sequence)
    assert sequence.execution.returncode == 70 * 256
    assert words in sequence.execution.details.reason
    assert words in sequence.execution.details.traceback
    assert len(sequence.seen) == 1


def test_going_on_to_a_task_that_is_not_there_ends_it(world, job):
    sequence = Scripted([job("a")], [RUNNING])
    world.run(sequence)
    assert sequence.execution.returncode == 70 * 256
    assert "there is none: add() it first" in sequence.execution.details.reason


class Raises(SequentialTaskCollection):
    calls = 0

    def next(self, done):
        type(self).calls += 1
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no way"), RecoverableError("no way")])
def test_a_next_that_raises_ends_it_and_is_not_called_again(world, job, error):
    sequence = SequentialTaskCollection([Raises([job("a")]), job("b")])
    Raises.error, Raises.calls = error, 0
    world.run(sequence)
    inner = sequence.tasks[0]
    assert inner.execution.returncode == 70 * 256
    assert "no way" in inner.execution.details.traceback
    assert Raises.calls == 1
    assert world.started == ["a", "b"]


class Grows(SequentialTaskCollection):
    """Doubles what it has until there are eight."""

    def __init__(self, first):
        self.made = [first.jobname]
        super().__init__([first])

    def next(self, done):
        if done < 7:
            task = self.copy_of(self.tasks[done], done + 1)
            self.made.append(task.jobname)
            self.add(task)
            return RUNNING
        return TERMINATED

    def copy_of(self, task, number):
        kind = type(task)
        return kind(task.arguments, [], [], None, jobname=f"j{number}")


def test_it_may_grow_while_it_runs_and_over_restarts(world, job):
    sequence = Grows(job("j0"))
    world.engine.add(sequence)
    for count in (2, 5, 8):
        world.until(lambda count=count: len(sequence.tasks) == count)  # noqa: B023
        sequence = world.restart(sequence)
        assert len(sequence.tasks) == count
        world.engine.add(sequence)
    world.run()
    assert world.started == sequence.made == [f"j{n}" for n in range(8)]
    assert len(world.store.list()) == 9


def test_tasks_may_be_added_at_any_time(world, job):
    sequence = SequentialTaskCollection([job("a", seconds=5)])
    world.engine.add(sequence)
    world.until(lambda: sequence.execution.state is RUNNING)
    late = job("late")
    late.attach(world.new_engine())
    sequence.add(late)
    assert not late._attached
    sequence.tasks.append(job("latest"))
    world.run()
    assert world.started == ["a", "late", "latest"]
    assert len(world.restart(sequence).tasks) == 3


def test_tasks_may_be_taken_out(world, job):
    tasks = [job(name, seconds=5) for name in "abcd"]
    sequence = SequentialTaskCollection(tasks)
    world.engine.add(sequence)
    world.until(lambda: sequence.stage() is tasks[1] and tasks[1]._attached)
    gone, current, later = tasks[0], tasks[1], tasks[2]
    with pytest.raises(InvalidArgument, match="is the current task"):
        sequence.remove(current)
    sequence.remove(gone)
    sequence.remove(later)
    assert sequence.stage() is current
    with pytest.raises(ValueError, match="not in list"):
        sequence.remove(later)
    world.run()
    assert world.started == ["a", "b", "d"]
    assert [task.jobname for task in world.restart(sequence).tasks] == ["b", "d"]


class OwnEnd(SequentialTaskCollection):
    """Decides the return code itself, in `next`; its `terminated` leaves that alone."""

    def next(self, done):
        self.execution.returncode = (0, 42)
        return super().next(done)

    def terminated(self):
        self.hook_saw = str(self.execution.state)


class Signalled(SequentialTaskCollection):
    def next(self, done):
        self.execution.returncode = (9, 42)
        return super().next(done)


def test_a_return_code_set_in_next_stays_if_terminated_is_overridden(world, job):
    sequence = OwnEnd([job("a"), job("b", 4)])
    world.run(sequence)
    assert (sequence.execution.returncode, sequence.hook_saw) == (42 * 256, "RUNNING")


def test_otherwise_only_its_signal_stays(world, job):
    sequence = Signalled([job("a"), job("b", 4)])
    world.run(sequence)
    assert sequence.execution.returncode == 4 * 256 + 9


def test_kill_ends_the_current_task_and_those_that_wait(world, job):
    tasks = [job("a"), job("b", seconds=100), job("c"), SequentialTaskCollection([job("d")])]
    sequence = SequentialTaskCollection(tasks)
    world.engine.add(sequence)
    world.until(lambda: tasks[1].execution.state is RUNNING)
    world.engine.kill(sequence)
    world.run()
    assert [task.execution.returncode for task in tasks] == [0, *[CANCELLED] * 3]
    assert (sequence.execution.state, sequence.execution.returncode) == (TERMINATED, CANCELLED)
    assert world.started == ["a", "b"]


def test_killed_before_it_starts_nothing_of_it_starts(world, job):
    sequence = SequentialTaskCollection([job("a"), job("b")])
    world.engine.add(sequence)
    world.engine.kill(sequence)
    world.run()
    assert sequence.execution.returncode == CANCELLED
    assert world.started == []


@pytest.mark.parametrize("stage", range(3))
def test_redo_from_a_stage(world, job, stage):
    sequence = SequentialTaskCollection([job("a"), job("b", 3, 0), job("c")])
    world.run(sequence)
    world.engine.redo(sequence, stage)
    assert sequence.execution.state is State.NEW
    world.run()
    assert world.started == ["a", "b", "c", *"abc"[stage:]]
    assert sequence.execution.returncode == (0 if stage < 2 else 3 * 256)


def test_redo_after_the_last_stage_asks_next_once_more(world, job):
    sequence = Scripted([job("a")], [TERMINATED, RUNNING, TERMINATED])
    world.run(sequence)
    world.engine.remove(sequence)
    sequence.redo(1)
    assert (sequence.execution.state, len(sequence.seen)) == (RUNNING, 1)
    sequence.add(job("b"))
    world.run(sequence)
    assert world.started == ["a", "b"]
    assert [done for done, _, _ in sequence.seen] == [0, 0, 1]


@pytest.mark.parametrize("stage", [-1, 3])
def test_redo_from_a_stage_that_is_not_there(world, job, stage):
    sequence = SequentialTaskCollection([job("a"), job("b")])
    world.run(sequence)
    with pytest.raises(AssertionError, match="has 2 tasks"):
        sequence.redo(stage)
    assert sequence.execution.state is TERMINATED


def test_redo_after_a_last_stage_that_is_not_over(job):
    sequence = SequentialTaskCollection([job("a")])
    with pytest.raises(AssertionError, match="is NEW, not over"):
        sequence.redo(1)


def test_redo_while_it_runs(world, job):
    sequence = SequentialTaskCollection([job("a", seconds=50)])
    world.engine.add(sequence)
    world.until(lambda: sequence.execution.state is RUNNING)
    with pytest.raises(UnexpectedStateError):
        sequence.redo()
    world.run()


def test_redo_after_a_kill_starts_with_a_clean_slate(world, job):
    sequence = SequentialTaskCollection([job("a", seconds=50), job("b")])
    world.engine.add(sequence)
    world.until(lambda: sequence.execution.state is RUNNING)
    world.engine.kill(sequence)
    world.run()
    world.engine.redo(sequence)
    world.run()
    assert sequence.execution.returncode == 0
    assert world.started == ["a", "a", "b"]


def test_collections_in_collections(world, job):
    inner = SequentialTaskCollection([job("b"), job("c", 3)])
    middle = ParallelTaskCollection([inner, RetryableTask(job("d", 1, 0), max_retries=1)])
    outer = SequentialTaskCollection([job("a"), middle, job("e")])
    world.run(outer)
    assert world.started[0] == "a"
    assert world.started[-1] == "e"
    assert [each.execution.returncode for each in (inner, middle, outer)] == [
        3 * 256, 70 * 256, 70 * 256,
    ]  # fmt: skip


def test_nesting_may_be_deep(world, job):
    task = job("core", 5)
    for _ in range(150):
        task = SequentialTaskCollection([task])
    world.run(task)
    assert task.execution.returncode == 5 * 256


# after an error


class Abort(AbortOnError, SequentialTaskCollection):
    pass


class Stop(StopOnError, SequentialTaskCollection):
    pass


class AbortIncomplete(AbortOnError, SequentialTaskCollection):
    done = False

    def complete(self):
        return self.done


@pytest.mark.parametrize(
    ("kind", "exits", "state", "started", "returncode"),
    [
        (Abort, (0, 0, 0), "TERMINATED", 3, 0),
        (Abort, (0, 5, 0), "TERMINATED", 2, 5 * 256),
        (Abort, (0, 0, 6), "TERMINATED", 3, 6 * 256),
        (Stop, (0, 0, 0), "TERMINATED", 3, 0),
        (Stop, (0, 5, 0), "STOPPED", 2, 5 * 256),
        (Stop, (0, 0, 6), "TERMINATED", 3, 6 * 256),
    ],
)
def test_after_an_error(world, job, kind, exits, state, started, returncode):
    sequence = kind([job(f"j{n}", each) for n, each in enumerate(exits)])
    world.run(sequence)
    assert (sequence.execution.state, len(world.started)) == (state, started)
    assert sequence.execution.returncode == returncode


def test_a_stopped_sequence_goes_on_when_it_is_done_again(world, job):
    sequence = Stop([job("a"), job("b", 5, 0), job("c")])
    world.run(sequence)
    world.engine.redo(sequence, 1)
    world.run()
    assert (sequence.execution.state, sequence.execution.returncode) == (TERMINATED, 0)
    assert world.started == ["a", "b", "b", "c"]


def test_an_incomplete_one_waits_for_more(world, job):
    sequence = AbortIncomplete([job("a")])
    world.run(sequence)
    assert sequence.execution.state is RUNNING
    sequence = world.restart(sequence)
    world.run(sequence)
    sequence.done = True
    sequence.add(job("b"))
    world.run()
    assert (sequence.execution.state, world.started) == (TERMINATED, ["a", "b"])


def test_an_incomplete_one_ends_with_its_first_error(world, job):
    sequence = AbortIncomplete([job("a", 1)])
    world.run(sequence)
    assert (sequence.execution.state, sequence.execution.returncode) == (TERMINATED, 256)


@pytest.mark.parametrize("gone", [(0,), (3,), (0, 3), (0, 1)])
def test_tasks_that_are_removed_from_the_store_are_left_out(world, job, gone):
    """What is over, or has not begun, may go: each of the others runs once."""
    tasks = [job(name) for name in "abcd"]
    collection = SequentialTaskCollection(list(tasks))
    world.engine.add(collection)
    world.until(lambda: tasks[2].execution.state is State.RUNNING)
    kept = [task for place, task in enumerate(tasks) if place not in gone]
    world.store.remove_many([tasks[place].persistent_id for place in gone])
    world.engine.run()
    assert collection.execution.returncode == 0
    assert collection.tasks == kept
    assert all(task.execution.attempt == 1 for task in kept)
    again = world.restart(collection)
    assert [task.jobname for task in again.tasks] == [task.jobname for task in kept]
